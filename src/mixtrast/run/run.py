"""A finished run, which is a folder: its records, its encoder, and more evaluations of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixtrast import datasets, export, inference, recipe, report
from mixtrast.data.dataset import Dataset
from mixtrast.encoders import Encoder
from mixtrast.evaluation import Measured, own_data_only, task_of
from mixtrast.inference import TrainedEncoder, features_file
from mixtrast.recipe import Options, Recipe
from mixtrast.records import MetricsLine, OtherData, Results, Score, read_metrics, read_results, write_results
from mixtrast.records.folder import ENCODER, METRICS, PAGE, RECIPE, SUPERVISED, UNTRAINED
from mixtrast.run.arrays import join_arrays
from mixtrast.run.evaluate import Evaluator
from mixtrast.run.inputs import Inputs, read, read_for, trained_on
from mixtrast.run.results import data_record, with_evaluations
from mixtrast.training import Activity

Named = str | Mapping[str, Any]  # a name, or a mapping of names or options
WEIGHTS = {"trained": ENCODER, "untrained": UNTRAINED, "supervised": f"{SUPERVISED}/{ENCODER}"}  # row -> file


@dataclass(frozen=True)
class Run:
    """A finished run, which is a folder. `module`: the encoder's architecture, where it was a module of the caller."""

    folder: Path
    module: nn.Module | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / RECIPE).is_file():
            if inside := sorted(self.folder.glob("seed-*")):
                raise ValueError(f"{self.folder} holds the runs of several seeds. Give one of them: {inside[0]}.")
            raise ValueError(f"{self.folder} is not a run: it holds no {RECIPE}. Give the folder that train made.")

    @property
    def results(self) -> Results:
        """What the run measured: data, scores, learning, diagnosis, cost."""
        return read_results(self.folder)

    @property
    def recipe(self) -> Recipe:
        """Every setting of the run."""
        return recipe.load(self.folder / RECIPE)

    @property
    def metrics(self) -> list[MetricsLine]:
        """The lines of metrics.jsonl."""
        return read_metrics(self.folder / METRICS)

    @property
    def page(self) -> Path:
        """The report, one self-contained HTML page."""
        return self.folder / PAGE

    @property
    def headline(self) -> str:
        """What the representation is worth, in words."""
        return report.headline(self.results)

    def evaluate(
        self, chosen: Named, *, data: Any = None, test: Any = None, module: nn.Module | None = None
    ) -> dict[str, dict[str, Score]]:
        """Make other evaluations under the same rules and on the same split: {evaluation: {row: scores}}.

        They go into results.json and the report, and the diagnosis is made again.

        Args:
            chosen: "linear", "knn+labels", "default" for all that apply to such data, or a mapping of options: {"linear":
                {"protocol": "sgd"}}.
            data, test: the data again, where the run had them from memory.
            module: a new one of the same architecture, where the encoder was one of your own.
        """
        settings, results = self.recipe, self.results
        inputs = read(settings.data, settings.seed, settings.training.bins, data, test)
        found = self._evaluated(inputs, _checked(chosen), module, results.data.labels_used or 0)
        self._write(with_evaluations(results, found))
        return found.probes

    def transfer(
        self,
        data: Any,
        *,
        test: Any = None,
        label: Any = None,
        groups: Any = None,
        evaluation: Named = "linear+knn",
        options: Mapping[str, Any] | None = None,
        module: nn.Module | None = None,
    ) -> dict[str, dict[str, Score]]:
        """Evaluate the encoder on other data, of other classes, that look like those of the run: {evaluation: {row: scores}}.

        The data have a split and labels of their own, and are scaled as those of the run were; the weights of the encoder do
        not change, except for `finetune`. Results go into results.json and the report.

        Args:
            data, test, label, groups, options: as of `train`.
            evaluation: which, except curves such as `labels`.
            module: a new one of the same architecture, where the encoder was one of your own.
        """
        requested = _checked(evaluation)
        if curves := own_data_only(requested):
            raise ValueError(f"{', '.join(curves)} can be evaluated on a run's own data only. Leave it out.")
        data, label, groups = join_arrays(data, label, groups)
        section = recipe.check({"data": {"label": label, "groups": groups, **(options or {})}}).data
        settings, results = self.recipe, self.results
        inputs = read_for(self.encoder(module), settings.seed, settings.training.bins, data, test, section.options)
        found = self._evaluated(inputs, requested, module, 0, own_data=False)
        key = " ".join([inputs.section.source or "", *([f"--label {label}"] if label else []), inputs.section.fingerprint])
        others = dict(results.other_data)
        before = others.pop(key, OtherData())  # the last stands last
        others[key] = OtherData(
            data=data_record(inputs, 0),
            evaluations={**before.evaluations, **found.evaluations},
            probes={**before.probes, **found.probes},
            trained_on=self._trained_on(results, inputs),
        )
        self._write(replace(results, other_data=others))
        return found.probes

    def _evaluated(
        self,
        inputs: Inputs,
        requested: Mapping[str, Options],
        module: nn.Module | None,
        labels_used: int,
        own_data: bool = True,
    ) -> Measured:
        chosen = recipe.chosen_evaluations(requested, inputs.dataset.spec, task_of(inputs.dataset))
        chosen = {name: options for name, options in chosen.items() if own_data or name not in own_data_only(chosen)}
        evaluator = Evaluator(inputs, self._encoders(module), labels_used=labels_used)
        with Activity("evaluating", evaluator.parts(chosen)) as begin:
            found = evaluator.evaluate(chosen, begin)
        if not evaluator.features:
            raise ValueError(
                f"{inputs.dataset.name} has no labelled test examples, so nothing can be evaluated. Name a label: --label COL."
            )
        return found

    def _trained_on(self, results: Results, other: Inputs) -> int:
        """How many test examples of other data trained the encoder; 0 where the run's own data are not there any more."""
        if results.data.examples != len(other.dataset.x):  # others: its own need not be read again
            return 0
        settings = self.recipe
        try:
            return trained_on(read(settings.data, settings.seed, settings.training.bins), other)
        except (ValueError, OSError):
            return 0

    def _encoders(self, module: nn.Module | None) -> dict[str, Encoder]:
        module = self.module if module is None else module
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return {
            row: inference.load(self.folder, module=module, weights=file).encoder.to(device)
            for row, file in WEIGHTS.items()
            if (self.folder / file).is_file()
        }

    def _write(self, results: Results) -> None:
        write_results(self.folder, results)
        report.write([self.folder], self.page)

    def encoder(self, module: nn.Module | None = None, *, untrained: bool = False) -> TrainedEncoder:
        """The encoder, called on examples as they were read. `module`: a new one where it was one of your own."""
        weights = UNTRAINED if untrained else ENCODER
        return inference.load(self.folder, module=self.module if module is None else module, weights=weights)

    def export(self, out: str | Path, *, format: export.Format | None = None, module: nn.Module | None = None) -> Path:  # noqa: A002
        """Write the encoder as a file for other programs, checked by running it; see `export.formats`."""
        export.write(self.encoder(module), self.folder, Path(out), format)
        return Path(out)

    def embed(self, data: Any, *, module: nn.Module | None = None) -> tuple[Tensor, Dataset]:
        """Features (N, dim) of more data, read as the run's own were, and these data."""
        encoder = self.encoder(module)
        dataset = datasets.open(data, schema=encoder.schema)
        return encoder(dataset.x), dataset

    def write_features(self, data: Any, out: str | Path, *, module: nn.Module | None = None) -> tuple[int, int]:
        """Write features of more data as .npz, .csv or .parquet, and return their shape; see `inference.features_file`."""
        features_file.check(Path(out))
        features, dataset = self.embed(data, module=module)
        features_file.write(Path(out), features, dataset)
        return len(features), features.shape[1]


def _checked(evaluation: Named) -> Mapping[str, Options]:
    return recipe.check({"evaluation": evaluation}).evaluation or {}
