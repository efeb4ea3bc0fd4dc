"""Device, precision and memory order of a training: chosen once, with the reason, and written into the recipe."""

import copy
import platform
from dataclasses import dataclass
from typing import Any

import torch

from mixtrast.encoders import Encoder
from mixtrast.recipe import Training

NARROW = 2**14  # weights of a layer


@dataclass(frozen=True)
class Machine:
    """A device, how to compute on it, and why: option -> reason."""

    device: str
    precision: str
    channels_last: bool
    reasons: dict[str, str]


def choose(training: Training, encoder: Encoder, shape: tuple[int, ...]) -> Machine:
    """The device, precision and memory order for examples of this shape; `auto` is decided here.

    Raises: ValueError where a device was requested that is not available.
    """
    reasons = {}
    available = {"cpu": True, "cuda": torch.cuda.is_available()}
    device: str = training.device
    if device == "auto":
        device = "cuda" if available["cuda"] else "cpu"
        reasons["device"] = "a CUDA GPU is here" if device == "cuda" else "no CUDA GPU is here"
    if not available[device]:
        here = ", ".join(name for name, there in available.items() if there)
        raise ValueError(f"`device` {device} is not available here; there is {here}. Leave it at auto.")
    precision: str = training.precision
    if precision == "auto":
        precision, reasons["precision"] = _precision(device, encoder)
    channels_last = training.channels_last
    if channels_last is None:
        channels_last, reasons["channels_last"] = _channels_last(device, precision, encoder, shape)
    if channels_last and not encoder.channels_last:
        what = "`channels_last` fails in your module, as `view` after a convolution does"
        raise ValueError(f"{what}. Use `flatten`, or leave it out.")
    return Machine(device, precision, channels_last, reasons)


def _channels_last(device: str, precision: str, encoder: Encoder, shape: tuple[int, ...]) -> tuple[bool, str]:
    if not any(isinstance(module, torch.nn.Conv2d) for module in encoder.modules()):
        return False, "there are no convolutions"
    if not encoder.channels_last:
        return False, "your module fails in this order, as `view` after a convolution does"
    if device == "cpu" and not _agrees(encoder, shape, precision):
        return False, "this torch computes wrong values with it for images of this shape"
    return True, "faster for convolutions"


def _precision(device: str, encoder: Encoder) -> tuple[str, str]:
    """bfloat16 where the processor multiplies in it: measured, a step then takes a third to a half of the time.

    Not on a CPU where all layers are narrow: an MLP of 64 or 128 numbers takes as long in both, a transformer of 64 with heads
    of 16 takes 1.5 to 2 times as long in bfloat16, one of 128 as long in both.
    """
    if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16-mixed", "this GPU multiplies in bfloat16; losses stay in float32"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if device == "cpu" and native and _narrow(encoder):
        return "32-true", f"layers of at most {NARROW:,} weights gain nothing from bfloat16"
    if device == "cpu" and native:
        return "bf16-mixed", "this CPU multiplies in bfloat16; losses stay in float32"
    return "32-true", "this device does not multiply in bfloat16"


def _narrow(encoder: Encoder) -> bool:
    linear = [module for module in encoder.modules() if isinstance(module, torch.nn.Linear)]
    convolves = any(isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d) for module in encoder.modules())
    return bool(linear) and not convolves and all(one.weight.numel() <= NARROW for one in linear)


@torch.no_grad()
def _agrees(encoder: Encoder, shape: tuple[int, ...], precision: str) -> bool:
    """Whether channels-last gives the features that the plain order gives in float32, on random images.

    torch 2.13 on a CPU: a convolution of stride 2 under bfloat16 autocast whose result is one pixel wide and several high is
    wrong, or not finite, in channels-last; with 4 images it was right, with 60 always wrong. Square images do not meet it.
    """
    if len(shape) != 3 or shape[1] == shape[2]:
        return True
    encoder = copy.deepcopy(encoder).eval()
    x = torch.randn(64, *shape, generator=torch.Generator().manual_seed(0))
    plain = encoder(x).flatten(1)
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16-mixed"):
        other = encoder(x.contiguous(memory_format=torch.channels_last)).flatten(1).float()
    return bool((other - plain).norm() <= 0.1 * plain.norm())  # NaN does not; rounding to bfloat16 is about 0.01


def environment(machine: Machine) -> dict[str, Any]:
    """What a bit-for-bit repetition depends on besides the recipe."""
    return {
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "device": machine.device if machine.device != "cuda" else torch.cuda.get_device_name(),
        "cpu": platform.processor() or platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
