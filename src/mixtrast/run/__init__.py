"""A run: data in, a trained encoder and an honest report out. What `mt.train` and the command call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mixtrast import domains, export, recipe, report
from mixtrast.mixers import Mixer, OneOf
from mixtrast.run import assess, work
from mixtrast.run.prepare import Prepared as Prepared
from mixtrast.run.prepare import prepare as prepare

Part = str | Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A finished run, which is a folder.

    Args:
        folder: with recipe.yaml, metrics.jsonl, results.json, report.html, encoder.safetensors and encoder.json.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / work.RECIPE).is_file():
            raise ValueError(f"{self.folder} is not a run: it holds no {work.RECIPE}. Give the folder that train made.")

    @property
    def results(self) -> dict[str, Any]:
        """results.json: data, probes, learning, diagnosis, cost."""
        import json

        path = self.folder / work.RESULTS
        if not path.is_file():
            raise FileNotFoundError(f"{self.folder} is not finished: there is no {work.RESULTS} yet. Go on with --resume.")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    @property
    def recipe(self) -> dict[str, Any]:
        """Every setting of the run."""
        return recipe.read(self.folder / work.RECIPE)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        return work.lines(self.folder)

    @property
    def page(self) -> Path:
        """The report, one self-contained HTML page."""
        return self.folder / work.PAGE

    @property
    def headline(self) -> str:
        """What the representation is worth, in words."""
        return report.headline(self.results)

    def evaluate(self, chosen: Part, *, data: Any = None, module: nn.Module | None = None) -> dict[str, Any]:
        """Other evaluations, under the same rules and on the same split: {name: {row: scores}}.

        They are added to results.json, and the report is made anew.

        Args:
            chosen: "linear", "knn+labels", or a mapping of options: {"linear": {"protocol": "sgd"}}.
            data: the data again, where the run had them from memory.
        """
        given = {**self.recipe, "evaluation": chosen, **({"encoder": module} if module is not None else {})}
        prepared = prepare(given, data)
        encoders = {name: self.encoder(module, untrained=name == "untrained").encoder for name in ("trained", "untrained")}
        rows = assess.rows_of(prepared, encoders)
        if not rows:
            raise ValueError(f"{self.folder} has no labelled test examples, so nothing can be evaluated. Train with --label.")
        results, options = self.results, prepared.recipe["evaluation"]
        found = assess.probe(prepared, rows, options)
        for name, table in found.items():
            beside = results["probes"].get(name, {}).get("supervised")  # its encoder is not kept
            results["probes"][name] = {**table, **({"supervised": beside} if beside else {})}
        if "labels" in options:
            results["labels"] = assess.efficiency(prepared, rows, options["labels"])
        work.write_json(results, self.folder / work.RESULTS)
        report.write([self.folder], self.page)
        return found

    def encoder(self, module: nn.Module | None = None, *, untrained: bool = False) -> export.Kept:
        """The encoder, as `x -> features` for examples as they were read. `module`: a new one where it was one of your own."""
        weights = export.UNTRAINED if untrained else export.WEIGHTS
        return export.load(self.folder, module=module, weights=weights)

    def embed(self, data: Any, *, module: nn.Module | None = None) -> tuple[Tensor, domains.Data]:
        """Features (N, dim) of more data, read as the run's own were, and these data."""
        kept = self.encoder(module)
        read = domains.open(data, like=kept.facts)
        return kept(read.x), read


def train(
    data: Any = None,
    *,
    test: Any = None,
    label: Any = None,
    groups: Any = None,
    method: Part | None = None,
    mixer: Part | Mixer | OneOf | None = None,
    encoder: Part | nn.Module | None = None,
    views: Part | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    labels: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    training: Mapping[str, Any] | None = None,
    evaluation: Part | None = None,
    options: Mapping[str, Any] | None = None,
    recipe_file: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """Learns a representation of the data, and says what it is worth.

    Args:
        data: a path (.csv, .npz, ...), a built-in name ("digits"), arrays, tensors, a DataFrame, or (x, y).
        test: a second one, if a test set was given; else a quarter is split off.
        label: name of the label (a column, a key of the .npz), or the labels themselves where `data` is an array.
        groups: likewise: examples of one group stay in one split.
        method: "imix", or {"name": "imix", "temperature": 0.1}. None: mixsupcon when most rows are labelled, else imix.
        mixer: "mixup", {"name": "cutmix", "alpha": 0.5}, or a mixer.
        encoder: "mlp", {"name": "mlp", "widths": (256, 256)}, or a module of your own.
        views: "mask+noise", {"mask": {"p": 0.3}}, "none".
        epochs, batch, lr: of the training; `training` takes the rest of `recipe.Training`.
        labels: how many labels of each class the whole run may see; the others count as unknown.
        seed: of the split, the weights and every draw; 0 if not given.
        out: the run folder; a free name under runs/ if not given.
        resume: go on with the run in `out`; starts at the beginning where there is no checkpoint yet.
        evaluation: which evaluations, "linear+knn" or a mapping of options.
        options: of the domain: drop, header, task.
        recipe_file: a YAML file with any of this; what is given here goes first.
        quiet: no progress, nothing printed.

    Returns: the finished run.

    Raises: ValueError, TypeError, FileNotFoundError or FileExistsError for what was given, with nothing written;
        training.TrainingError where the run failed; training.Interrupted after SIGINT or SIGTERM, saved.
    """
    section: dict[str, Any] = {"label": label, "groups": groups, "labels": labels, **(options or {})}
    if _is_array(label) or _is_array(groups):
        data = tuple(part for part in (data, label, groups) if part is not None)
        section.update(label=None, groups=None)
    given = {
        "data": {key: value for key, value in section.items() if value is not None},
        "method": method,
        "mixer": mixer,
        "encoder": encoder,
        "views": views,
        "training": {**(training or {}), **_there(epochs=epochs, batch=batch, lr=lr)},
        "evaluation": evaluation,
        "seed": seed,
    }
    file = recipe.read(Path(recipe_file)) if recipe_file is not None else {}
    stored = _stored(out, resume)
    begun = ready(merge(stored or file, given), data, test, out=out, resume=resume)
    return begun.go(quiet=quiet, say=(lambda text: None) if quiet else print)


@dataclass(frozen=True, eq=False)
class Ready:
    """A run that was prepared, and whose folder is its own."""

    prepared: Prepared
    folder: Path
    resume: bool
    finished: bool

    def go(self, *, quiet: bool = False, maps: bool = True, say: work.Say = print) -> Run:
        """Trains, evaluates, reports.

        Args:
            maps: draw t-SNE maps too.
            say: told what happens, a sentence at a time.

        Raises: TrainingError, Interrupted, CheckpointError, OSError.
        """
        if self.finished:
            say(f"{self.folder} is finished already; nothing is left to do.")
        else:
            work.carry_out(self.prepared, self.folder, resume=self.resume, quiet=quiet, maps=maps, say=say)
        return Run(self.folder)


def ready(given: Mapping[str, Any], source: Any, test: Any, *, out: str | Path | None, resume: bool) -> Ready:
    """Prepares, and makes the folder or finds it to be the same run's; nothing is written if anything is wrong."""
    if resume and out is None:
        raise ValueError("`resume` goes on with a run folder, but none was named. Add out=..., or --out DIR.")
    prepared = prepare(given, source, test)
    folder = free_folder(prepared) if out is None else Path(out)
    finished = resume and work.is_finished(folder)
    work.claim(folder, prepared, resume=resume)
    return Ready(prepared, folder, resume, finished)


@dataclass(frozen=True)
class Written:
    """How much was written."""

    rows: int
    columns: int


def write_features(run: Run, data: Any, out: Path) -> Written:
    """Features of `data` as .npz (z, and y where there is a label), .csv or .parquet (columns z0, z1, ..., label).

    Raises: FileExistsError, ValueError for another ending; the file is whole or not there.
    """
    import numpy as np

    endings = (".npz", ".csv", ".parquet")
    if out.suffix not in endings:
        raise ValueError(f"features are written as {', '.join(endings)}, got {out.name!r}.")
    if out.exists():
        raise FileExistsError(f"{out} exists already, and nothing is overwritten. Choose another -o.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} into. Make it first.")
    z, read = run.embed(data)
    label = None if read.label is None else read.label.numpy()
    partial = out.with_name(f".{out.stem}.partial{out.suffix}")
    try:
        if out.suffix == ".npz":
            arrays: dict[str, Any] = {"z": z.numpy()} if label is None else {"z": z.numpy(), "y": label}
            np.savez_compressed(partial, **arrays)
        else:
            import pandas

            frame = pandas.DataFrame(z.numpy(), columns=[f"z{k}" for k in range(z.shape[1])])
            if label is not None:
                frame["label"] = [read.classes[k] if k >= 0 else None for k in label] if read.classes else label
            frame.to_csv(partial, index=False) if out.suffix == ".csv" else frame.to_parquet(partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return Written(*z.shape)


def merge(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given goes over what is in the base, option by option; another name takes none of the other's options.

    Another method brings its own mixer, unless one is given.
    """
    merged: dict[str, Any] = dict(base)
    if _name(given.get("method")) not in (None, _name(base.get("method"))):
        merged.pop("mixer", None)
    for key, value in given.items():
        if value is None:
            continue
        before = base.get(key)
        if key in ("data", "training"):
            value = {**(before if isinstance(before, Mapping) else {}), **value}
        elif (
            isinstance(value, Mapping)
            and isinstance(before, Mapping)
            and value.get("name", before.get("name")) == before.get("name")
        ):
            value = {**before, **value}
        merged[key] = value
    return merged


def free_folder(prepared: Prepared) -> Path:
    """runs/<data>-<method>, with a number where that is taken."""
    stem = f"{prepared.data.name}-{prepared.recipe['method']['name']}".replace("/", "-").replace(" ", "-")
    names = (Path("runs") / (stem if number == 1 else f"{stem}-{number}") for number in range(1, 10_000))
    return next(folder for folder in names if not folder.exists())


def _stored(out: str | Path | None, resume: bool) -> dict[str, Any] | None:
    path = Path(out) / work.RECIPE if out is not None else None
    return recipe.read(path) if resume and path is not None and path.is_file() else None


def _name(part: Any) -> Any:
    return part.get("name") if isinstance(part, Mapping) else part


def _is_array(value: Any) -> bool:
    return value is not None and not isinstance(value, str)


def _there(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
