"""What every domain gives: examples, who they are, and the facts needed to read more of the same."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import Tensor

from mixtrast.domains._files import Files
from mixtrast.spec import Spec

Task = Literal["classes", "number", "none"]  # what a label is: a class, a number to predict, or there is none


@dataclass(frozen=True, eq=False)
class Data:
    """Examples, in memory or on disk.

    Args:
        name: for people and file names: "digits", or the file's stem.
        domain: the file of this room that read it.
        spec: what one example looks like.
        x: (N, *spec.shape), as read, not scaled yet: float32, finite, or NaN where the spec allows gaps; int64 ids of tokens;
            or uint8 of images (N,C,H,W), which stand for x / 255 in [0, 1] and stay bytes, a quarter of the memory; or `Files`,
            which are indexed with int64 rows like such a tensor.
        label: (N,): int64 class, -1 where missing (task "classes"); float32, NaN where missing ("number"); None ("none").
        several: (N,K) int64: all labels of each row where it may have more than one, of which `label` is the first; -1 where
            there are fewer. None: one is all.
        task: what the label is; "none" also for data read `like` other data, without the label.
        classes: names of the classes in the order of their numbers.
        groups: (N,) int64: examples of one group are not independent and stay in one split. None: all are.
        given_test: (N,) bool, the rows of a test set that was given; None: one is split off.
        given_val: (N,) bool, the rows of a validation set that was given; None: one is split off.
        scaling: "feature" (tables: each column by its own mean and spread, binary ones left), "channel" (series, images).
        constants: mean and spread of each channel, in the units of x (of x / 255 for bytes), where they are not to be measured.
        views: default views, name -> options.
        encoder: default encoder, name and options, where the kind of example does not say it.
        facts: JSON-able, what `load(..., like=facts)` needs to read other files in the same way: the domain and its options,
            the spec, the task, the classes, the columns by name.
        notes: sentences for the user: what was found, what was decided and why.
    """

    name: str
    domain: str
    spec: Spec
    x: Tensor | Files
    label: Tensor | None
    task: Task
    classes: tuple[str, ...] = ()
    several: Tensor | None = None
    groups: Tensor | None = None
    given_test: Tensor | None = None
    given_val: Tensor | None = None
    scaling: Literal["feature", "channel"] = "feature"
    constants: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    encoder: tuple[str, dict[str, Any]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Domain(ABC):
    """The contract of domains: the constructor's signature is what can be set (`--data.KEY`), `takes` says whose file it is."""

    built_in: ClassVar[bool] = False  # a data set known by its own name
    first: ClassVar[bool] = False  # asked before others that read the same kind of file
    asked: ClassVar[tuple[str, ...]] = ()  # options that choose it among those that read such a file

    @staticmethod
    @abstractmethod
    def takes(source: object) -> bool:
        """Whether this domain reads such a source: a path, a built-in name, or an object in memory."""

    @classmethod
    def reads(cls, source: object) -> bool:
        """Whether it can read such a source where it is asked to, by an option or because earlier data were read by it."""
        return cls.takes(source)

    @abstractmethod
    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """Reads everything, checks it, and says what it found.

        Args:
            source: as `takes` accepts it.
            test: a second source of the same kind, whose rows are the test set.
            like: the `facts` of earlier data: same columns in the same order, same classes; a label is then optional. With
                "split" among them these rows will be split: a test set beside them counts, and no moment may be in two splits.

        Raises: ValueError or FileNotFoundError with a sentence: what, got, allowed, the way out.
        """

    @property
    def called(self) -> str:
        """The domain's name: its file."""
        return type(self).__module__.rpartition(".")[2]

    def options(self) -> dict[str, Any]:
        """What it was made with, JSON-able: every parameter of the constructor is kept under its own name."""
        made = {option: getattr(self, option) for option in inspect.signature(type(self)).parameters}
        return {option: list(value) if isinstance(value, tuple) else value for option, value in made.items()}

    def __repr__(self) -> str:
        made = ", ".join(f"{option}={getattr(self, option)!r}" for option in inspect.signature(type(self)).parameters)
        return f"{type(self).__name__}({made})"
