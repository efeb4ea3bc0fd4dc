"""Every mixer, view, encoder and method, and every kind of example, for the contract tests."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any, get_args, get_type_hints

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast import registry, spec
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Method
from support.generators import seeded

B = 6
KINDS = {
    "image": (3, 8, 8),
    "wide image": (3, 8, 12),
    "ragged image": (2, 7, 9),
    "volume": (2, 4, 6, 5),
    "series": (3, 11),
    "tokens": (7, 5),
    "table": (9,),
}
DTYPES = {torch.float32: 1e-5, torch.float64: 1e-6, torch.bfloat16: 0.03}  # tolerance for numbers up to B; weights are float32
MIXERS, VIEWS = mt.mixers.names(), mt.views.names()
COMPOSED = [*MIXERS, "mixup+cutmix"]

ENCODERS = [*mt.encoders.names(), *registry.sizes(mt.encoders)]
METHODS = mt.methods.names()


def example(kind: str, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.rand(B, *KINDS[kind], generator=seeded(seed)).to(dtype)  # 0 to 1: as intensities, which some views insist on


@functools.cache
def takes(name: str, kind: str) -> bool:
    """Whether a mixer or view of that name works on that kind; a refusal is checked in `test_takes_or_refuses`."""
    room = mt.views if name in VIEWS else mt.mixers
    try:
        room.get(name)(example(kind), seeded())
    except (ValueError, TypeError):
        return False
    except Exception:  # not a refusal: let the tests of this pair run, and fail
        return True
    return True


def pairs(names: list[str], *kinds: str):
    return pytest.mark.parametrize(
        ("name", "kind"), [(name, kind) for name in names for kind in kinds or KINDS if takes(name, kind)]
    )


# What a spec can say: of the plain kinds above, and of those that are not all numbers.
SPECS: dict[str, spec.Spec] = {
    **{kind: spec.of(KINDS[kind]) for kind in ("image", "wide image", "ragged image", "series", "table")},
    "mixed table": spec.Table(7, (0, 3, 0, 2, 0, 0, 5), gaps=True),
    "broken series": spec.Series(3, 11, gaps=True),
    "text": spec.Tokens(9, 20, pad=0),
    "ids": spec.Tokens(8, 6),
}


def inputs(kind: str, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Examples as an encoder sees them; where values may be missing, some are, and one example has next to none."""
    if kind in KINDS:
        return example(kind, dtype, seed)
    x = spec.examples(SPECS[kind], B, seeded(seed))
    if kind == "text":
        x[0, 4:], x[1, 1:] = 0, 0
        return x
    if x.is_floating_point():
        x = x.to(dtype)
        x[0, ..., 5:], x[1, 0] = float("nan"), float("nan")
    return x


def check_refusal(error: pytest.ExceptionInfo) -> None:
    assert re.search(r"\b(use|convert|reshape|works on|instead)\b", str(error.value), re.IGNORECASE), (
        f"a refusal must name a way out, got: {error.value}"
    )


FLAT = tuple(SPECS)


@functools.cache
def on_meta(name: str, kind: str) -> Encoder:
    with torch.device("meta"):
        return mt.encoders.get(name, SPECS[kind])


@functools.cache
def encodes(name: str, kind: str) -> bool:
    """Whether an encoder of that name takes that kind; a refusal is checked in `test_an_encoder_takes_or_refuses`."""
    try:
        on_meta(name, kind)
    except (ValueError, TypeError):
        return False
    return True


TAKEN = [(name, kind) for name in ENCODERS for kind in FLAT if encodes(name, kind)]
LIGHT = [pair for pair in TAKEN if sum(weight.numel() for weight in on_meta(*pair).parameters()) < 2_000_000]


def encoder(name: str, kind: str, seed: int = 0) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mt.encoders.get(name, SPECS[kind])


def check_signature(kind: type[Any], first: str) -> None:
    """One part to be built on; then options by keyword, typed, with a default."""
    (part, *rest) = inspect.signature(kind).parameters.values()
    assert part.name == first
    for option in rest:
        assert option.kind is option.KEYWORD_ONLY, f"{option.name} must be keyword-only"
        assert option.annotation is not option.empty, f"{option.name} must have a type"
        required = option.name == "classes"  # `prepare` and `methods.get` say nothing else of the data
        assert required == (option.default is option.empty), f"{option.name} must have a default"


def check_docstring(kind: type[Any]) -> str:
    text = inspect.cleandoc(vars(kind).get("__doc__") or "")
    assert text.partition("\n\n")[0].endswith((".", ":")), "first a sentence"
    assert re.search(r"^Reference: \S", text, re.MULTILINE)
    for option in [*registry.options(kind), *registry.required(kind)]:
        assert re.search(rf"^\s*(\w+, )*{option}\b.*:", text, re.MULTILINE), f"Args must say what {option} is"
    return text


SHAPE = (2, 8, 8)  # every mixer takes it
CLASSES = 3


def body(name: str, norm: bool = True) -> Encoder:
    """A small encoder that a method of that name stands on."""
    if registry.find(mt.methods, name).needs_tokens:
        return mt.encoders.get("transformer", spec.of(SHAPE), dim=8, layers=1, heads=2, patch=4, dropout=0.0)
    return mt.encoders.get("mlp", spec.of(SHAPE), widths=(16, 8), norm=norm)


def small(name: str, seed: int = 0, norm: bool = True, **options: Any) -> Method:
    """A method of that name on a small encoder."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        on = body(name, norm)
        return mt.methods.get(name, on, classes=CLASSES, **options)


def batch(made: Method, seed: int = 0, dtype: torch.dtype = torch.float32) -> Batch:
    views = torch.randn(made.views_needed, B, *SHAPE, generator=seeded(seed)).to(dtype)
    label = torch.tensor([0, 1, 2, 1, 0, 0] if made.labelled_only else [0, 1, -1, 1, 0, -1])
    return Batch(tuple(views), label, torch.tensor([8, 3, 99, 4, 0, 17]))


def option_values(kind: type[Any], option: str) -> list[Any]:
    """All that a Literal offers; else none."""
    return list(get_args(get_type_hints(kind.__init__)[option]))


def with_option(option: str) -> list[str]:
    return [name for name in METHODS if option in inspect.signature(registry.find(mt.methods, name)).parameters]
