"""Random draws of mixers and views, from the caller's generator only.

Shares, boxes and partners are drawn on the host in float64 (one draw in three of Beta(α, α) at α = 0.01 underflows in float32)
with NumPy's samplers, seeded by one number of the torch generator, and copied without a sync. Noise as large as the batch is
drawn on its device.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

# A share on this grid and 1 minus it are both exact in float32, so weights sum to exactly 1, and no mass is lost by rounding.
# A share below half a step would not change float32 data.
_GRID = 2.0**24


GLOBAL = threading.RLock()  # held while torch's global generator is seeded, for initial weights and dropout


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed the global generators of the CPU and this device, and restore their state afterwards."""
    device = torch.device(device)
    with GLOBAL, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        begin(seed, device)
        yield


def begin(seed: int, device: torch.device | str) -> None:
    """Seed the global generators of the CPU and this device.

    torch.manual_seed queues a call, with its stack, for every kind of device that is not initialised: 0.8 ms and some kilobytes
    that are never freed, at every step.
    """
    torch.default_generator.manual_seed(seed)
    if torch.device(device).type == "cuda":
        torch.cuda.manual_seed(seed)


def derived_seed(seed: int, step: int, role: str) -> int:
    """The seed for one role at one step of one run, so that the step alone decides the draws."""
    digest = hashlib.blake2b(f"{seed}/{step}/{role}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def derived(seed: int, step: int, role: str) -> torch.Generator:
    """A CPU generator with `derived_seed`: draws of one role do not change those of another."""
    return torch.Generator().manual_seed(derived_seed(seed, step, role))


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """A NumPy generator seeded by the next number of `generator`, which must live on the CPU."""
    return np.random.default_rng(_seed(generator))


def on_device(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator on the batch's device: this one on a CPU, else one seeded by its next number, without a sync."""
    _check(generator)
    return generator if device.type == "cpu" else torch.Generator(device).manual_seed(_seed(generator))


def _seed(generator: torch.Generator) -> int:
    _check(generator)
    return int(torch.randint(2**63 - 1, (), generator=generator, device="cpu"))


def _check(generator: torch.Generator) -> None:
    if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
        got = generator.device if isinstance(generator, torch.Generator) else type(generator).__name__
        raise TypeError(f"`generator` must be a torch.Generator on the CPU, whatever the device of the batch, got {got}.")


def to(values: np.ndarray | Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Copy host values to the batch's device without a sync."""
    tensor = torch.from_numpy(np.require(values, requirements=["C", "W"])) if isinstance(values, np.ndarray) else values
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()  # from pageable memory the driver may wait
    return tensor.to(device=device, dtype=dtype, non_blocking=True)


def snap(share: np.ndarray) -> np.ndarray:
    """Round shares to multiples of 2^-24."""
    return np.rint(share * _GRID) / _GRID


def beta(rng: np.random.Generator, alpha: tuple[float, float], size: int) -> np.ndarray:
    """λ ~ Beta(a, b), (size,) float64 in [0, 1]; α = 0 is no mixing, λ = 1."""
    if min(alpha) == 0:
        return np.ones(size)
    return rng.beta(*alpha, size)


def subset(rng: np.random.Generator, rows: int, sizes: np.ndarray, of: int) -> np.ndarray:
    """(rows, of) bool with exactly sizes[i] of row i set, uniformly among all such subsets."""
    ranks = rng.random((rows, of)).argsort(1).argsort(1)
    return ranks < sizes[:, None]


def boxes(sides: np.ndarray, centres: np.ndarray, space: Sequence[int]) -> np.ndarray:
    """Boxes of `sides` (N,S) around `centres` (N,S), clipped to the space: (N,2S) bounds, all the lower then all the upper.

    As in the reference code of CutMix, a box reaches side // 2 to both sides of its centre, so an odd side loses one. Not so
    along one dimension, for which there is no such code.
    """
    low = np.clip(centres - sides // 2, 0, np.asarray(space))
    high = np.clip(centres + (sides + (len(space) == 1)) // 2, 0, np.asarray(space))
    return np.concatenate([low, high], 1)


def inside(bounds: Tensor, space: Sequence[int]) -> Tensor:
    """(N, 2S) bounds -> (N, *space) bool, True within the box."""
    rank = len(space)
    mask = torch.ones((), dtype=torch.bool, device=bounds.device)
    for axis, length in enumerate(space):
        at = torch.arange(length, device=bounds.device)
        here = (at >= bounds[:, axis, None]) & (at < bounds[:, rank + axis, None])  # (N, length)
        mask = mask & here.view(len(bounds), *(length if axis == other else 1 for other in range(rank)))
    return mask
