"""The check of all configurations, up to trying one batch of each, on data that are read once. Nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtrast import run
from mixtrast.recipe import DataSection, RecipeError, Request
from mixtrast.run import Inputs, PreparedRun

EVALUATION = ("linear", "knn")  # the label-efficiency curve takes hundreds of fits: only where it is asked for
SAME = ("label", "groups", "task", "header")  # options of the data that all configurations share: other labels are no pairs
NO_BASELINE = "A configuration is plain supervised training, so the others do not train that baseline once more."


@dataclass(frozen=True)
class CheckedData:
    """What is known of the data of a configuration that can run, without them.

    Args:
        name, reader: of the dataset.
        task: "multilabel", or as the dataset has it.
        split: in words, for the first seed.
        size: bytes of the examples in memory.
        test_labels: a digest of the labels of the test examples.
    """

    name: str
    reader: str
    task: str
    split: str
    size: int
    fingerprint: str
    test_labels: str

    @classmethod
    def of(cls, prepared: PreparedRun) -> CheckedData:
        """Of a prepared run."""
        dataset, split = prepared.dataset, prepared.split
        label = dataset.label if dataset.label_sets is None else dataset.label_sets
        labels = b"" if label is None else np.ascontiguousarray(label[split.test].numpy()).tobytes()
        return cls(
            name=dataset.name,
            reader=dataset.reader,
            task=dataset.task if dataset.label_sets is None else "multilabel",
            split=split.description,
            size=int(getattr(dataset.x, "nbytes", 0)),  # files that are read as they are needed take none
            fingerprint=prepared.section.fingerprint,
            test_labels=hashlib.blake2b(labels, digest_size=8).hexdigest(),
        )


@dataclass(frozen=True)
class Configuration:
    """A configuration that can run: its request, checked, its method and training steps, and whether it uses CUDA."""

    name: str
    request: Request
    method: str
    steps: int
    gpu: bool
    data: CheckedData


@dataclass(frozen=True)
class CheckedGrid:
    """Configurations that can run, and sentences for the user."""

    configurations: tuple[Configuration, ...]
    notes: tuple[str, ...]

    @property
    def data(self) -> CheckedData:
        """What the configurations share."""
        return self.configurations[0].data

    @property
    def gpu(self) -> bool:
        """Whether runs use CUDA."""
        return any(each.gpu for each in self.configurations)


def check(requests: Mapping[str, Request], source: Any, test: Any, seed: int) -> tuple[CheckedGrid | None, list[str]]:
    """Prepare a run of every configuration. Returns what was found, or None, and all problems of all configurations.

    Args:
        requests: by name.
        source, test: the data.
        seed: that each configuration is tried with.
    """
    supervised = any(request.method is not None and request.method.name == "supervised" for request in requests.values())
    no_baseline = {"baseline": "none"} if supervised else {}
    requests = {
        name: replace(
            request,
            training={**no_baseline, **request.training},
            evaluation={name: {} for name in EVALUATION} if request.evaluation is None else request.evaluation,
            seed=seed,
        )
        for name, request in requests.items()
    }
    found, wrong = _prepared(requests, source, test)
    problems = [*_different_data(requests), *wrong, *_duplicates(requests), *_other_tests(found)]
    if problems or not found:
        return None, problems
    return CheckedGrid(tuple(found), (NO_BASELINE,) if supervised else ()), []


# --- one run of each configuration -----------------------------------------------------------------------------------------


def _prepared(requests: Mapping[str, Request], source: Any, test: Any) -> tuple[list[Configuration], list[str]]:
    """A run of each configuration, up to trying one batch. A problem with the data is told once."""
    found, problems, read_inputs = list[Configuration](), list[str](), _InputsCache()
    for name, request in requests.items():
        try:
            prepared = run.prepare(request, source, test, read_inputs=read_inputs)
        except RecipeError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
            continue
        except (ValueError, TypeError, OSError) as error:
            problems.append(str(error))
            continue
        if prepared.label is None:
            what = f"{prepared.dataset.name} has no label with two classes or more"
            problems.append(f"{what}, so there is nothing to compare configurations by. Name it: --label.")
        plan, method = prepared.plan, prepared.recipe.method.name
        gpu = plan.machine.device == "cuda"
        found.append(Configuration(name, request, method, plan.steps, gpu, CheckedData.of(prepared)))
    return found, list(dict.fromkeys(problems))


class _InputsCache:
    """Reads inputs; those that were read last are used again: a folder of images can take minutes."""

    def __init__(self) -> None:
        self._read = run.ReadOnce()
        self._last: tuple[str, Inputs] | None = None

    def __call__(self, section: DataSection, seed: int, bins: int, source: Any = None, test: Any = None) -> Inputs:
        key = repr((section, seed, bins))
        if self._last is None or self._last[0] != key:
            self._last = None  # one at a time in memory
            self._last = key, self._read(section, seed, bins, source, test)
        return self._last[1]


# --- mistakes between configurations ---------------------------------------------------------------------------------------


def _different_data(requests: Mapping[str, Request]) -> Iterator[str]:
    """Configurations that differ in what all must share."""
    for key in SAME:
        if len({repr(request.data.options.get(key)) for request in requests.values()}) > 1:
            yield f"`{key}` must be the same for all configurations: scores are compared seed by seed. Put it outside of them."


def _duplicates(requests: Mapping[str, Request]) -> Iterator[str]:
    """Configurations with the same settings."""
    first: dict[str, str] = {}
    for name, request in requests.items():
        other = first.setdefault(repr(request), name)
        if other != name:
            yield f"configurations {other!r} and {name!r} are the same. Leave one out, or change one."


def _other_tests(configurations: Sequence[Configuration]) -> Iterator[str]:
    """Configurations that split the data in ways that leave them other test examples."""
    for each in configurations:
        if each.data.test_labels != configurations[0].data.test_labels:
            yield (
                f"configurations {configurations[0].name!r} and {each.name!r} have other test examples, and scores can be "
                "compared on the same ones only. Run them as comparisons of their own."
            )
            return
