"""Small methods on small encoders, their batches and losses."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Method
from mixtrast.mixers import Mixup
from mixtrast.spec import Image
from support.generators import seeded

N, CLASSES = 7, 3
SHAPE = (1, 8, 8)
WIDTHS = (6, 5)  # what stands at depth 0, 1 and 2 has 64, 6 and 5 numbers
PARTLY = torch.tensor([0, 1, -1, 2, 1, 0, -1])
FULLY = torch.tensor([0, 1, 2, 2, 1, 0, 0])
INDEX = torch.tensor([40, 3, 12, 7, 0, 99, 5])


def encoder(seed: int = 0, **options) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mt.encoders.get("mlp", Image(*SHAPE), **{"widths": WIDTHS, "norm": False, **options}).double()


def method(name: str, seed: int = 0, norm: bool = False, **options) -> Method:
    """Of that name on a small encoder in float64; without batch norm, so that every row is computed alone, unless asked for."""
    contrastive = {} if name == "supervised" else {"dim": 4, "projector": "mlpbn" if norm else "mlp"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mt.methods.get(name, encoder(seed, norm=norm), classes=CLASSES, **contrastive, **options).double()


def twin(of: Method, name: str, **options) -> Method:
    """Another method with the same weights."""
    made = method(name, norm=any(isinstance(module, nn.BatchNorm1d) for module in of.modules()), **options)
    made.load_state_dict(copy.deepcopy(of.state_dict()))
    return made


def batch(label: Tensor = PARTLY, seed: int = 0, views: int = 2, index: Tensor = INDEX) -> Batch:
    x = torch.randn(2, N, *SHAPE, generator=seeded(seed), dtype=torch.float64)
    return Batch(tuple(x[:views]), label, index)


def batch_for(made: Method, label: Tensor | None = None, **options) -> Batch:
    if label is None:
        label = FULLY if made.labelled_only else PARTLY
    return batch(label, views=made.views_needed, **options)


def value(made: Method, given: Batch, seed: int = 1) -> Tensor:
    return made(given, seeded(seed)).value


def number(made: Method, given: Batch, seed: int = 1) -> float:
    return value(made, given, seed).item()


def gradients(made: Method, given: Batch) -> list[Tensor]:
    return list(torch.autograd.grad(value(made, given), list(made.parameters())))


CASES = [
    ("npair", {}),
    ("simclr", {}),
    ("supcon", {}),
    *[("imix", {"depth": depth}) for depth in (0, 1, 2)],
    *[("imix", {"mixer": mixer}) for mixer in ("cutmix", "resizemix", "patchmix", "mixup+cutmix")],
    ("imix", {"temperature": 0.05}),
    *[
        ("mixsupcon", {"reading": reading, "mixtures": mixtures, "depth": depth})
        for reading, mixtures, depth in itertools.product("BC", ("N", "2N"), (0, 1))
    ],
    *[("mixsupcon", {"mixer": mixer}) for mixer in ("cutmix", "mixup+cutmix")],
    ("supervised", {}),
    *[("supervised", {"mixer": mixer}) for mixer in ("mixup", "cutmix", "resizemix", "patchmix", "mixup+cutmix")],
    *[("supervised", {"mixer": "mixup", "depth": depth}) for depth in (1, 2)],
]


def cases(some: list = CASES):
    return pytest.mark.parametrize(("name", "options"), some, ids=["-".join([n, *map(str, o.values())]) for n, o in some])


def make(name: str, options: dict, **more) -> Method:
    options = {**options, **more}
    if isinstance(options.get("mixer"), str):
        options["mixer"] = mt.mixers.get(options["mixer"])
    return method(name, **options)


class Given(Mixup):
    """Mixup of these parents by these shares, whatever the generator says."""

    def __init__(self, parents: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.told = (parents, weight)

    def __call__(self, x, generator, **options):
        options = {**options, "parents": self.told[0], "draw": {"weight": self.told[1]}}
        return super().__call__(x, generator, **options)


def seen_by_norms(made: Method, given: Batch) -> dict[str, list[int]]:
    """How many rows each batch norm saw, for each time it was called in one step."""
    seen: dict[str, list[int]] = {}
    for name, module in made.named_modules():
        if isinstance(module, nn.BatchNorm1d):
            seen[name] = []
            module.register_forward_hook(lambda _, x, out, at=seen[name]: at.append(len(x[0])))
    value(made, given)
    return seen


class Spy(Mixup):
    """Mixup that remembers how many numbers an example has where it is asked to mix."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def __call__(self, x, generator, **options):
        self.seen.append(x[0].numel())
        return super().__call__(x, generator, **options)


DEEP = ["imix", "mixsupcon", "supervised"]
