"""Results: what a run measured, as results.json holds it. A field that is missing in the file has its default here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mixtrast.records import _json, _version1
from mixtrast.records._json import Json
from mixtrast.records.scores import ROW_NAMES, EvaluationRecord, LabelCurve, Score

VERSION = 2
BETTER_VERDICTS = ("better with few labels", "better than baselines")
GOOD_VERDICTS = ("learning", *BETTER_VERDICTS)  # no action is needed


@dataclass(frozen=True)
class DataRecord:
    """What the data are.

    Args:
        examples, train, val, test: how many there are in all and in each split.
        task: "classes", "number" or "none"; empty where it is not recorded.
        counts: split -> examples of each class.
        unlabelled: training examples without a label.
        labels_per_class: how many labels of each class the run was allowed to use; None: all.
        labels_used: how many labels training used.
        split: how the data were split, in words.
    """

    name: str = "the data"
    spec: dict[str, Json] = field(default_factory=dict)
    examples: int | None = None
    train: int | None = None
    val: int | None = None
    test: int | None = None
    task: str = ""
    classes: tuple[str, ...] = ()
    multilabel: bool = False
    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unlabelled: int | None = None
    labels_per_class: int | None = None
    labels_used: int | None = None
    split: str = ""
    notes: tuple[str, ...] = ()

    @property
    def majority_name(self) -> str:
        """How sentences name the baseline that gives the same answer to every example."""
        if self.multilabel:
            return "constant baseline"
        return "mean baseline" if self.task == "number" else ROW_NAMES["majority"]

    @property
    def unbalanced(self) -> bool:
        """Whether the largest class of the test set is more than 1.5 times the smallest."""
        test = self.counts.get("test", ())
        return self.multilabel or (len(test) > 1 and max(test) > 1.5 * min(test))


@dataclass(frozen=True)
class Learning:
    """What the loss and the geometry of the features say; None where it was not measured.

    Args:
        loss, chance, floor: means of the last tenth of training; chance is the loss of random features, floor its minimum.
        alignment, uniformity: of the embeddings of validation examples.
        rank, dim: effective rank of the features, and how many there are.
        gain_train, gain_val: chance - loss, on training examples and on others; `_before`: before training.
        gain_margin: half the 95 % prediction interval of gain_train for one more batch of training examples.
        within, between: mean cosine of the features of two examples of one class, and of two classes.
        warned: sentences about columns that look like an identifier.
    """

    loss: float | None = None
    chance: float | None = None
    floor: float | None = None
    loss_first: float | None = None
    loss_last: float | None = None
    steps: int | None = None
    alignment: float | None = None
    uniformity: float | None = None
    rank: float | None = None
    dim: int | None = None
    rank_untrained: float | None = None
    online: float | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    gain_train: float | None = None
    gain_val: float | None = None
    gain_train_before: float | None = None
    gain_val_before: float | None = None
    gain_margin: float | None = None
    within: float | None = None
    between: float | None = None
    warned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """A finding of the diagnosis, "learning", and the sentence that explains it."""

    verdict: str = ""
    says: str = ""


@dataclass(frozen=True)
class Cost:
    """What a run took; None where it was not measured."""

    seconds: float | None = None
    evaluation_seconds: float | None = None
    examples_per_second: float | None = None
    steps: int | None = None
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    device: str = ""


@dataclass(frozen=True)
class OtherData:
    """Scores of a run's encoder on other data; `trained_on`: how many of their test examples the run had trained on."""

    data: DataRecord = field(default_factory=DataRecord)
    evaluations: dict[str, EvaluationRecord] = field(default_factory=dict)
    probes: dict[str, dict[str, Score]] = field(default_factory=dict)
    trained_on: int = 0


@dataclass(frozen=True)
class Results:
    """results.json.

    Args:
        finished: when, as an ISO date and time.
        probes: evaluation -> row (see `scores.ROWS`) -> score.
        next: commands to try next.
        other_data: source, label and fingerprint of other data -> scores on them.
    """

    finished: str = ""
    data: DataRecord = field(default_factory=DataRecord)
    method: str = ""
    mixer: str | None = None
    encoder: str = ""
    seed: int | None = None
    uses_labels: bool = False
    evaluations: dict[str, EvaluationRecord] = field(default_factory=dict)
    probes: dict[str, dict[str, Score]] = field(default_factory=dict)
    labels: LabelCurve = field(default_factory=LabelCurve)
    learning: Learning = field(default_factory=Learning)
    diagnosis: tuple[Verdict, ...] = ()
    cost: Cost = field(default_factory=Cost)
    next: tuple[str, ...] = ()
    other_data: dict[str, OtherData] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Json]:
        """The content of results.json."""
        return {"version": VERSION, **{name: _json.write(value) for name, value in vars(self).items()}}

    @classmethod
    def from_dict(cls, written: Mapping[str, Json]) -> Results:
        """From the content of results.json. Raises: ValueError where the version is newer, or a key is not known."""
        return _json.read_version(cls, written, VERSION, _version1.migrated, "results.json")

    def on(self, key: str) -> Results:
        """The results on one of `other_data`, as a record of their own."""
        other = self.other_data[key]
        return replace(Results(), data=other.data, evaluations=other.evaluations, probes=other.probes, seed=self.seed)

    def scores(self) -> Iterator[tuple[str, str, Score]]:
        """Evaluation, row and score of every measurement."""
        for evaluation, rows in self.probes.items():
            for row, score in rows.items():
                yield evaluation, row, score
