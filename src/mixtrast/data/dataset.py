"""Dataset: examples, their labels, and the schema by which they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from mixtrast.data.files import Files
from mixtrast.data.schema import Schema, Task
from mixtrast.registry import Options
from mixtrast.spec import Spec

Constants = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Examples, in memory or on disk.

    Args:
        name: for messages and file names: "digits", or the stem of the file.
        reader: the reader that read it, or the dataset by its name.
        spec: what one example looks like.
        x: (N, *spec.shape), as read, not scaled yet: float32, finite, or NaN where the spec allows missing values; int64 ids of
            tokens; or uint8 of images (N,C,H,W), which stand for x / 255 and take a quarter of the memory; or `Files`, which
            are indexed with int64 rows like such a tensor.
        label: (N,): int64 class, -1 where missing (task "classes"); float32, NaN where missing ("number"); None ("none").
        task: what the label is; "none" also for data read by a schema without their label.
        classes: names of the classes in the order of their numbers.
        label_sets: (N,K) int64: all labels of each row where it may have more than one, of which `label` is the first; -1 where
            there are fewer. None: a row has one label.
        groups: (N,) int64: examples of one group are not independent and stay in one part of a split. None: all are.
        test_rows: (N,) bool, the rows of the dataset's own test set. None: one is split off.
        validation_rows: (N,) bool, the rows of the dataset's own validation set. None: one is split off.
        scaling: "feature" (tables: each column by its own mean and deviation), "channel" (series, images).
        constants: mean and deviation of each channel, in the units of x (of x / 255 for bytes), where they are not measured.
        views: default views, options by name.
        encoder: name and options of the default encoder, where the spec does not decide it.
        schema: how other data must be read to fit the same encoder.
        notes: sentences for the user: what was found, what was decided and why.
    """

    name: str
    reader: str
    spec: Spec
    x: Tensor | Files
    label: Tensor | None
    task: Task
    classes: tuple[str, ...] = ()
    label_sets: Tensor | None = None
    groups: Tensor | None = None
    test_rows: Tensor | None = None
    validation_rows: Tensor | None = None
    scaling: Literal["feature", "channel"] = "feature"
    constants: Constants | None = None
    views: Mapping[str, Options] = field(default_factory=dict)
    encoder: tuple[str, Options] | None = None
    schema: Schema
    notes: tuple[str, ...] = ()
