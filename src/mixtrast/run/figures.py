"""What the pictures of a report are drawn from: figures/strip.npz and figures/map.npz."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mixtrast import evaluation, mixers, rng
from mixtrast.evaluation import Features
from mixtrast.records import Map, Strip, write_figure
from mixtrast.records.folder import MAP, STRIP
from mixtrast.run.prepare import PreparedRun

EXAMPLES = 8  # in the strip of views and mixtures


def write(prepared: PreparedRun, features: Mapping[str, Features], folder: Path, *, maps: bool) -> None:
    """Write both files into a run folder; the map only if `maps` and there are features."""
    write_figure(folder / STRIP, Strip(**{name: value.numpy() for name, value in _strip(prepared).items()}))
    if maps and features:
        test = features["trained"].test
        index, trained = evaluation.tsne(test.features, seed=prepared.seed)
        _, raw = evaluation.tsne(features["raw"].test.features[index], seed=prepared.seed)
        label = test.label[index]
        label = label if prepared.dataset.label_sets is None else np.full_like(label, -1)
        write_figure(folder / MAP, Map(trained, raw, label, index))


def _strip(prepared: PreparedRun) -> dict[str, Tensor]:
    """Some examples, two views of each, and their mixtures at the input, with the share of the first. Ids make no picture."""
    if prepared.dataset.x.dtype == torch.int64:
        return {}
    order = torch.randperm(len(prepared.training_rows), generator=rng.derived(prepared.seed, 0, "strip"))
    rows = prepared.training_rows[order[:EXAMPLES]]
    one, two = prepared.make_views(rows, 2, "strip")
    found = {"x": prepared.scale(prepared.dataset.x[rows]), "view1": one, "view2": two}
    mixer = getattr(prepared.method, "mixer", None)
    if isinstance(mixer, mixers.Mixer | mixers.OneOf) and 0 in getattr(prepared.method, "depth", (0,)):
        try:
            mixed, mix = mixer(one, rng.derived(prepared.seed, 0, "strip mix"))
            first, second = (one[mix.parents[:, k]] for k in (0, 1))
            found |= {"mixed": mixed, "first": first, "second": second, "weight": mix.weight[:, 0]}
        except ValueError:  # a mixer that works on another kind of input
            pass
    return found
