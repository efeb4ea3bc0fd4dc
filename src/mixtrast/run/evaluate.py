"""Evaluations of the encoders of a run on one dataset: every row of the table of results under the same rules."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mixtrast import evaluation
from mixtrast.encoders import Encoder
from mixtrast.evaluation import Context, Examples, Features, LabelSets, Measured
from mixtrast.inference import embed
from mixtrast.recipe import Options
from mixtrast.records import Score
from mixtrast.run.inputs import Inputs
from mixtrast.run.probe_cache import ProbeCache
from mixtrast.run.raw import raw_features

RAW = "raw"  # the row without an encoder


class Evaluator:
    """Evaluates the encoders of a run by row ("trained", "untrained", "supervised"), and the raw input, on one dataset."""

    def __init__(
        self, inputs: Inputs, encoders: Mapping[str, Encoder], *, labels_used: int = 0, cache: ProbeCache | None = None
    ) -> None:
        self.inputs, self.encoders, self.labels_used, self.cache = inputs, encoders, labels_used, cache
        self.features: dict[str, Features] = {}  # by row; empty where no test example has a label

    def parts(self, chosen: Mapping[str, Options]) -> int:
        """How many parts of work `evaluate` begins, and one for figures."""
        rows = (*self.encoders, RAW)
        return len(rows) + evaluation.progress_steps(chosen, rows) + 1

    def evaluate(self, chosen: Mapping[str, Options], begin: Callable[[str], None]) -> Measured:
        """Make the chosen evaluations, none where no test example has a label; `begin` is called with the name of each part."""
        inputs, dataset = self.inputs, self.inputs.dataset
        if inputs.label is None or not len(inputs.split.test):
            return Measured()
        for row in (*self.encoders, RAW):
            begin(f"features, {row}")
            self.features[row] = features_of(inputs, self.encoders.get(row), inputs.parts)
        context = Context(
            features=self.features,
            examples=Examples.of(dataset.spec, dataset.x, inputs.scale, inputs.label, len(dataset.classes), inputs.parts),
            encoders=self.encoders,
            majority=_majority(inputs),
            seed=inputs.seed,
            labels_used=self.labels_used,
            label_sets=_label_sets(inputs),
            fingerprint=inputs.section.fingerprint,
            progress=begin,
            cache=self.cache,
        )
        return evaluation.evaluate(context, chosen)


def _label_sets(inputs: Inputs) -> LabelSets | None:
    """All labels of the labelled rows, where examples may have several."""
    sets, label = inputs.dataset.label_sets, inputs.label
    if sets is None or label is None:
        return None
    train, val, test = (sets[rows[label[rows] >= 0]] for rows in inputs.parts.values())
    return LabelSets(train, val, test, len(inputs.dataset.classes))


def _majority(inputs: Inputs) -> Score:
    """The majority-class baseline, of all labels of the training rows, allowed or not: a balanced choice has none."""
    dataset, parts = inputs.dataset, inputs.parts
    if dataset.label_sets is not None:
        return Score({"balanced_accuracy": 0.5})  # of one answer for all examples
    assert dataset.label is not None
    train, test = ((torch.zeros(len(parts[name]), 1), dataset.label[parts[name]]) for name in ("train", "test"))
    return evaluation.majority(Features.of(train=train, test=test, classes=len(dataset.classes)))


def features_of(inputs: Inputs, encoder: Encoder | None, parts: Mapping[str, Tensor]) -> Features:
    """Features and labels of these rows; without an encoder the raw input."""
    label, classes = _probe_labels(inputs)

    def computed(rows: Tensor) -> Tensor:
        return raw_features(inputs, rows) if encoder is None else embed(encoder, inputs.dataset.x, inputs.scale, rows=rows)

    return Features.of(**{name: (computed(rows), label[rows]) for name, rows in parts.items()}, classes=classes)


def _probe_labels(inputs: Inputs) -> tuple[Tensor, int]:
    """(N,) what probes predict, and how many classes; of label sets, which of those that occur is the example's own."""
    assert inputs.label is not None
    label_sets = inputs.dataset.label_sets
    if label_sets is None:
        return inputs.label, len(inputs.dataset.classes)
    kinds, which = torch.unique(label_sets, dim=0, return_inverse=True)
    return torch.where(inputs.label >= 0, which, -1), max(2, len(kinds))
