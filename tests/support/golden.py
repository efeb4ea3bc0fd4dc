"""The golden numbers of tests/golden, and what their tests share."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast import Labels
from mixtrast.mixers import CutMix, Mixup

HERE = Path(__file__).parents[1] / "golden"

# (rtol, atol) of values, of gradients, of blended inputs; pasted ones are equal.
TOLERANCE = {
    torch.float64: {"value": (1e-9, 1e-11), "grad": (1e-7, 1e-10), "blend": (1e-12, 1e-14), "paste": (0, 0)},
    torch.float32: {"value": (1e-5, 2e-6), "grad": (1e-3, 2e-5), "blend": (1e-6, 1e-6), "paste": (0, 0)},
}


def identities(n):
    return Labels.of(torch.arange(n))


@cache
def load(folder, family):
    """{case: (arrays, params)} of a family."""
    described = json.loads((folder / "index.json").read_text(encoding="utf-8"))["families"][family]["cases"]
    cases = {case: ({}, entry["params"]) for case, entry in described.items()}
    with np.load(folder / f"{family}.npz") as stored:
        for name in stored.files:
            case, key = name.split("/", 1)
            cases[case][0][key] = torch.from_numpy(stored[name])
    return {case: entry for case, entry in cases.items() if not without_pairs(family, *entry)}


def without_pairs(family, a, p):
    """Batches with no two rows of a class, whose pairwise losses are 0 by convention: there is no anchor to contrast."""
    pairwise = family == "supervised_other" and p["loss_name"].startswith(("pml_ntxent", "pml_npairs"))
    return pairwise and len(a["labels"].unique()) == len(a["labels"])


VALUE, GRAD = (dict(zip(("rtol", "atol"), TOLERANCE[torch.float64][kind], strict=True)) for kind in ("value", "grad"))


class Told(Mixup):
    """Mixes as the authors' code did: with these partners, by these shares or this box."""

    def __init__(self, a: dict[str, Tensor]) -> None:
        super().__init__()
        self.a, self.made = a, Tensor()

    def __call__(self, x: Tensor, generator: torch.Generator, **options: Any) -> tuple[Tensor, mt.Mix]:
        if "perm" in self.a:
            options["parents"] = torch.stack([torch.arange(len(x)), self.a["perm"]], 1)
        mixer, draw = (CutMix(), {"box": self.a["box"]}) if "box" in self.a else (Mixup(), {"weight": self.a["lam"].double()})
        self.made, mix = mixer(x, generator, **options, draw=draw)
        return self.made, mix
