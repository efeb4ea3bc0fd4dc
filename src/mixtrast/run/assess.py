"""What a run has learned and what that is worth, as one record: results.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws, evaluate, mixers, spec
from mixtrast.encoders import Encoder
from mixtrast.evaluate import Features, Part
from mixtrast.export import embed
from mixtrast.run.kept import kept
from mixtrast.run.material import Material
from mixtrast.run.prepare import Prepared

FEW = 10  # labels a class, at which few labels are judged
MOST_LABELS = 20  # of several an example that probes ask for
SHOWN = 8  # examples in the strip of views and mixtures
PLAIN = 32  # side of the grid to which larger pictures are averaged as raw input; 32² numbers of all else


Tell = Callable[[str], None]


def silent(_: str) -> None:
    """Tells no one."""


def rows_of(material: Material, encoders: Mapping[str, Encoder], tell: Tell = silent) -> dict[str, Features]:
    """Features of train, val and test by row of the table: of each encoder, and the raw input. Empty without labels."""
    if material.label is None or not len(material.split.test):
        return {}
    parts = {name: getattr(material.split, name) for name in ("train", "val", "test")}
    found = {}
    for name in (*encoders, "raw"):
        tell(f"features, {name}")
        found[name] = features_of(material, encoders.get(name), parts)
    return found


def features_of(material: Material, encoder: Encoder | None, parts: Mapping[str, Tensor]) -> Features:
    """Features and labels of these rows; without an encoder the input itself."""
    assert material.label is not None
    found, (label, classes) = {}, _told(material)
    for name, rows in parts.items():
        x, scale = material.data.x, material.scale
        z = _plain(material, rows) if encoder is None else embed(encoder, x, scale, rows=rows)
        found[name] = (z, label[rows])
    return Features.of(**found, classes=classes)


def _told(material: Material) -> tuple[Tensor, int]:
    """(N,) what probes see, and how many classes; of several labels an example which of the sets that occur is its own."""
    assert material.label is not None
    several = material.data.several
    if several is None:
        return material.label, len(material.data.classes)
    kinds, which = torch.unique(several, dim=0, return_inverse=True)
    return torch.where(material.label >= 0, which, -1), max(2, len(kinds))


def _plain(material: Material, rows: Tensor) -> Tensor:
    """The input as features: its numbers (`spec.flat`), no more of them than a probe can take.

    Of pictures larger than 32 × 32 their means over a grid of that, of series longer than 1,024 numbers likewise; of a text
    with more words how often the 1,024 are there that are most frequent in training.
    """
    data, found = material.data, []
    words = _frequent(material) if isinstance(data.spec, spec.Tokens) else None
    for some in rows.split(1024):
        part = material.scale(data.x[some])
        if part.dim() == 4 and part.shape[2] * part.shape[3] > PLAIN**2:
            part = torch.nn.functional.adaptive_avg_pool2d(part, PLAIN).flatten(1)
        elif part.dim() == 3 and part.shape[1] * part.shape[2] > PLAIN**2:
            part = torch.nn.functional.adaptive_avg_pool1d(part.nan_to_num(), max(1, PLAIN**2 // part.shape[1])).flatten(1)
        else:
            part = spec.flat(data.spec, part)
        found.append(part if words is None else part[:, words])
    return torch.cat(found) if found else torch.empty(0, 1)


def _frequent(material: Material) -> Tensor:
    """The ids that are most frequent in the training rows, at most 1,024, in order."""
    assert isinstance(material.data.spec, spec.Tokens)
    x = material.data.x
    assert isinstance(x, Tensor)
    counts = torch.bincount(x[material.split.train].flatten(), minlength=material.data.spec.vocab)
    if material.data.spec.pad is not None:
        counts[material.data.spec.pad] = 0
    return counts.argsort(descending=True, stable=True)[: PLAIN**2].sort().values


def tellings(encoders: Mapping[str, Encoder], chosen: Mapping[str, Any]) -> int:
    """How often the evaluation of these tells what it does."""
    rows = len(encoders) + 1
    return rows + rows * sum(name != "labels" for name in chosen) + 1


def probe(
    material: Material,
    rows: Mapping[str, Features],
    encoders: Mapping[str, Encoder],
    chosen: Mapping[str, Any],
    tell: Tell = silent,
) -> dict[str, Any]:
    """{probe: {row: scores}}, with the majority beside."""
    found = {}
    examples = _examples(material)
    for name, options in chosen.items():
        if name == "labels":
            continue
        evaluation = evaluate.get(name, **options)
        scores = {}
        for row, features in rows.items():
            if evaluation.rows and row not in evaluation.rows:  # type: ignore[union-attr]
                continue
            tell(f"{name}, {row}")
            if isinstance(evaluation, evaluate.OfExamples):
                make = partial(evaluation, examples, encoders.get(row), seed=material.seed)
            else:
                assert isinstance(evaluation, evaluate.Evaluation)
                make = partial(evaluation, features, seed=material.seed)
                if material.data.several is not None:
                    make = partial(_label_by_label, material, evaluation, features)
            # Those of rows that training does not change may be known from another run.
            same = row in ("untrained", "raw")
            # Of examples an encoder may be evaluated in other ways than by its features: dropout is silent there.
            how = {**options, "made": repr(encoders.get(row))} if isinstance(evaluation, evaluate.OfExamples) else dict(options)
            if material.data.several is not None:
                how["several"] = material.section["fingerprint"]
            scores[row] = kept(name, how, material.seed, features, make) if same else make()
        found[name] = {**scores, "majority": _majority(material)}
    return found


def _label_by_label(material: Material, evaluation: evaluate.Evaluation, features: Features) -> dict[str, Any]:
    """Of examples with several labels: whether each of these is there, a question of its own; the means over them.

    Balanced accuracy, as most labels are rare; of the 20 that are most frequent in training, at most: a label that training, or
    test, has of no example or of all is not asked for. `n`: how many test examples of two equal classes would tell as much.
    """
    several, label = material.data.several, material.label
    assert several is not None
    assert label is not None
    parts_of = {name: getattr(material.split, name) for name in ("train", "val", "test")}
    rows = {name: part[label[part] >= 0] for name, part in parts_of.items()}
    often = torch.bincount(several[rows["train"]].flatten().clamp(min=-1) + 1, minlength=len(material.data.classes) + 1)[1:]
    found: list[dict[str, Any]] = []
    for one in often.argsort(descending=True, stable=True)[:MOST_LABELS].tolist():
        there = (several == one).any(1).long().numpy()
        parts = {name: Part(getattr(features, name).features, there[rows[name]]) for name in rows}
        counts = {name: (int(part.label.sum()), int(len(part) - part.label.sum())) for name, part in parts.items()}
        if min(*counts["train"], *counts["test"]) > 0:
            asked = replace(features, train=parts["train"], val=parts["val"], test=parts["test"], classes=2)
            there_, not_there = counts["test"]
            found.append({**evaluation(asked, seed=material.seed), "n": 4 / (1 / there_ + 1 / not_there)})
    if not found:
        return {}
    means = {key: float(np.mean([scores[key] for scores in found])) for key in ("balanced_accuracy", "accuracy", "n")}
    return means | {"labels": len(found)}


def _examples(material: Material) -> evaluate.Examples:
    assert material.label is not None
    parts = {name: getattr(material.split, name) for name in ("train", "val", "test")}
    data = material.data
    return evaluate.Examples.of(data.spec, data.x, material.scale, material.label, len(data.classes), parts)


def _majority(material: Material) -> dict[str, float]:
    """Of all labels of the training rows, granted or not: it stands for what costs nothing, and a balanced grant has none."""
    label, split = material.data.label, material.split
    assert label is not None
    if material.data.several is not None:
        return {"balanced_accuracy": 0.5}  # whatever is always said of a label
    parts = {name: (torch.zeros(len(rows), 1), label[rows]) for name, rows in (("train", split.train), ("test", split.test))}
    return evaluate.majority(Features.of(**parts, classes=len(material.data.classes)))


def efficiency(
    material: Material, rows: Mapping[str, Features], options: Mapping[str, Any], labels_seen: int
) -> dict[str, Any]:
    """The label-efficiency curve, or why it is withheld: an encoder that saw labels knows more than a point grants."""
    if material.data.several is not None:
        says = "an example has several labels, and this curve grants one class by class"
        return {"points": [], "withheld": says, "fewer": None}
    if labels_seen:
        return {
            "points": [],
            "withheld": f"the encoder saw all {labels_seen:,} labels, so fewer labels for the probe alone would flatter it. "
            "Train with few labels instead: --labels 10",
        }
    wanted = {name: features for name, features in rows.items() if name != "supervised"}
    found: dict[str, Any] = evaluate.get("labels", **options)(wanted, seed=material.seed)  # type: ignore[arg-type, call-arg]
    withheld = None if found["points"] else found["skipped"]
    return {"points": found["points"], "withheld": withheld, "fewer": found["fewer"]}


# --- for the report -------------------------------------------------------------------------------------------------------


def figures(prepared: Prepared, rows: Mapping[str, Features], folder: Path, *, maps: bool) -> None:
    """What pictures are drawn from: figures/strip.npz and figures/map.npz."""
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "strip.npz", **_strip(prepared))
    if maps and rows:
        index, trained = evaluate.tsne(rows["trained"].test.features, seed=prepared.seed)
        _, raw = evaluate.tsne(rows["raw"].test.features[index], seed=prepared.seed)
        label = rows["trained"].test.label[index]
        label = label if prepared.data.several is None else np.full_like(label, -1)
        np.savez_compressed(folder / "map.npz", index=index, trained=trained, raw=raw, label=label)


def _strip(prepared: Prepared) -> dict[str, Any]:
    """Some examples, two views of each, and their mixtures at the input, with the share of the first. Ids are no picture."""
    if prepared.data.x.dtype == torch.int64:
        return {}
    rows = prepared.rows[torch.randperm(len(prepared.rows), generator=draws.derived(prepared.seed, 0, "strip"))[:SHOWN]]
    one, two = prepared.seen_as(rows, 2, "strip")
    found = {"x": prepared.scale(prepared.data.x[rows]), "view1": one, "view2": two}
    mixer = getattr(prepared.method, "mixer", None)
    if isinstance(mixer, mixers.Mixer | mixers.OneOf) and 0 in getattr(prepared.method, "depth", (0,)):
        try:
            mixed, mix = mixer(one, draws.derived(prepared.seed, 0, "strip mix"))
            first, second = (one[mix.parents[:, k]] for k in (0, 1))
            found |= {"mixed": mixed, "first": first, "second": second, "weight": mix.weight[:, 0]}
        except ValueError:  # a mixer that works on another kind of input
            pass
    return {name: value.numpy() for name, value in found.items()}


def data_record(material: Material, labels_seen: int) -> dict[str, Any]:
    """The facts of the data, for results.json."""
    data, split, label = material.data, material.split, material.label
    parts = {"train": split.train, "val": split.val, "test": split.test}
    counts: dict[str, list[int]] = {}
    unlabelled = 0
    if label is not None and data.task == "classes":
        counts = {name: _counted(material, rows) for name, rows in parts.items()}
        unlabelled = int((label[split.train] < 0).sum())
    elif label is not None:
        unlabelled = int(label[split.train].isnan().sum())
    return {
        "name": data.name,
        "spec": spec.to_dict(data.spec),
        "examples": len(data.x),
        **{name: len(rows) for name, rows in parts.items()},
        "task": data.task,
        "classes": list(data.classes),
        **({"several": True} if data.several is not None else {}),
        "counts": counts,
        "unlabelled": unlabelled,
        "labels_granted": material.granted,
        "labels_seen": labels_seen,
        "split": split.says,
        "notes": list(material.notes),
    }


def _counted(material: Material, rows: Tensor) -> list[int]:
    """Examples of each class among these rows, in each of their classes."""
    data = material.data
    label = material.label if data.several is None else data.several
    assert label is not None
    here = label[rows].flatten()
    counted: list[int] = torch.bincount(here[here >= 0], minlength=len(data.classes)).tolist()
    return counted


def verdicts(
    learned: Mapping[str, Any], probes: Mapping[str, Any], labels: Mapping[str, Any], tested: int
) -> list[dict[str, str]]:
    """The numbers in words."""
    tables = [scores for table in probes.values() for scores in table.values()]
    metric = "accuracy" if any("accuracy" in scores for scores in tables) else "r2"
    key = "balanced_accuracy" if any("labels" in scores for scores in tables) else metric  # of several labels an example
    short = {
        name: {
            "metric": metric,
            "n_test": round(table.get("raw", {}).get("n", tested)),
            "several": key != metric,
            **{row: scores.get(key) for row, scores in table.items()},
        }
        for name, table in probes.items()
    }
    points = {point["per_class"]: point["rows"] for point in labels.get("points", ())}
    middle = max((n for n in points if n <= FEW), default=None)
    few = None if middle is None else {"per_class": middle, **points[middle]}
    return evaluate.diagnose({**learned, "probes": short, "few": few})
