"""A run: data in, a trained encoder and an honest report out. What `mt.train` and the command call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixtrast import domains, export, recipe, report
from mixtrast import evaluate as room
from mixtrast.encoders import Encoder
from mixtrast.mixers import Mixer, OneOf
from mixtrast.run import assess, work
from mixtrast.run.material import Material as Material
from mixtrast.run.material import elsewhere as elsewhere
from mixtrast.run.material import read as read
from mixtrast.run.material import trained_on
from mixtrast.run.prepare import Prepared as Prepared
from mixtrast.run.prepare import prepare as prepare
from mixtrast.run.prepare import suited
from mixtrast.training import Doing, read_metrics

Part = str | Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A finished run, which is a folder.

    Args:
        folder: with recipe.yaml, metrics.jsonl, results.json, report.html, encoder.safetensors and encoder.json.
        module: the encoder's make, where it was a module of one's own; `train` knows it.
    """

    folder: Path
    module: nn.Module | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / work.RECIPE).is_file():
            if inside := sorted(self.folder.glob("seed-*")):
                raise ValueError(f"{self.folder} holds the runs of several seeds. Give one of them: {inside[0]}.")
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
        return read_metrics(self.folder)

    @property
    def page(self) -> Path:
        """The report, one self-contained HTML page."""
        return self.folder / work.PAGE

    @property
    def headline(self) -> str:
        """What the representation is worth, in words."""
        return report.headline(self.results)

    def evaluate(self, chosen: Part, *, data: Any = None, test: Any = None, module: nn.Module | None = None) -> dict[str, Any]:
        """Other evaluations, under the same rules and on the same split: {name: {row: scores}}.

        They take their place in results.json and the report, and the verdicts are told anew.

        Args:
            chosen: "linear", "knn+labels", "usual" for all that suit such data, or a mapping of options: {"linear":
                {"protocol": "sgd"}}.
            data, test: the data again, where the run had them from memory.
            module: a new one of the same make, where the encoder was one of your own.
        """
        results, settings, asked = self.results, self.recipe, _checked(chosen)
        material = read(settings["data"], settings["seed"], settings["training"]["bins"], data, test)
        options = suited(recipe.chosen_evaluations(asked, material.data.spec, room), asked, material.data)
        encoders = self._encoders(module)
        with Doing("evaluating", assess.tellings(encoders, options)) as tell:
            rows = assess.rows_of(material, encoders, tell)
            if not rows:
                raise ValueError(
                    f"{self.folder} has no labelled test examples, so nothing can be evaluated. Train with --label."
                )
            found = assess.probe(material, rows, encoders, options, tell)
        results["probes"].update(found)
        results["evaluation"] = {**results.get("evaluation", settings["evaluation"]), **options}
        if "labels" in options:
            results["labels"] = assess.efficiency(material, rows, options["labels"], results["data"]["labels_seen"])
        tested = len(material.split.test)
        results["diagnosis"] = assess.verdicts(results["learning"], results["probes"], results["labels"], tested)
        self._write(results)
        return found

    def transfer(
        self,
        data: Any,
        *,
        test: Any = None,
        label: Any = None,
        groups: Any = None,
        evaluation: Part = "linear+knn",
        options: Mapping[str, Any] | None = None,
        module: nn.Module | None = None,
    ) -> dict[str, Any]:
        """What the encoder is worth on other data, of other classes, that look like those of the run: {name: {row: scores}}.

        The data have a split and labels of their own, and are scaled as those of the run were, since that is what the encoder
        knows; its weights stay as they are, but for `finetune`. Beside it stand the same encoder untrained, the raw input and
        the majority, as everywhere. Results go into results.json and the report.

        Args:
            data, test, label, groups, options: as of `train`.
            evaluation: which, but for `labels`.
            module: a new one of the same make, where the encoder was one of your own.
        """
        results, settings, asked = self.results, self.recipe, _checked(evaluation)
        if "labels" in asked:
            raise ValueError("`labels` is asked of a run's own data. Use linear, knn or finetune on others.")
        data, label, groups = joined(data, label, groups)
        encoders = self._encoders(module)
        more = recipe.check({"data": {"label": label, "groups": groups, **(options or {})}}, room)["data"]
        bins = settings["training"]["bins"]
        material = elsewhere(self.encoder(module), settings["seed"], bins, data, test, more)
        chosen = suited(recipe.chosen_evaluations(asked, material.data.spec, room), asked, material.data)
        chosen.pop("labels", None)
        with Doing("evaluating", assess.tellings(encoders, chosen)) as tell:
            rows = assess.rows_of(material, encoders, tell)
            if not rows:
                raise ValueError(f"{material.data.name} has no labelled test examples. Name their label: --label COL.")
            found = assess.probe(material, rows, encoders, chosen, tell)
        key = " ".join([material.section["source"], *([f"--label {label}"] if label else []), material.section["fingerprint"]])
        kept = results.setdefault("elsewhere", {}).pop(key, {"probes": {}, "evaluation": {}})  # the last stands last
        results["elsewhere"][key] = {
            "data": assess.data_record(material, 0),
            "probes": {**kept["probes"], **found},
            "evaluation": {**kept["evaluation"], **chosen},
            "trained_on": self._trained_on(material),
        }
        self._write(results)
        return found

    def _trained_on(self, other: Material) -> int:
        """How many test examples of other data trained the encoder; 0 where the run's own are not there any more."""
        settings = self.recipe
        if self.results["data"]["examples"] != len(other.data.x):  # others: its own need not be read again
            return 0
        try:
            return trained_on(read(settings["data"], settings["seed"], settings["training"]["bins"]), other)
        except (ValueError, OSError):
            return 0

    def _encoders(self, module: nn.Module | None) -> dict[str, Encoder]:
        """Those that are there, by row."""
        names = {"trained": export.WEIGHTS, "untrained": export.UNTRAINED, "supervised": f"supervised/{export.WEIGHTS}"}
        module = self.module if module is None else module
        there = {name: weights for name, weights in names.items() if (self.folder / weights).is_file()}
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return {name: export.load(self.folder, module=module, weights=path).encoder.to(device) for name, path in there.items()}

    def _write(self, results: Mapping[str, Any]) -> None:
        work.write_json(results, self.folder / work.RESULTS)
        report.write([self.folder], self.page)

    def encoder(self, module: nn.Module | None = None, *, untrained: bool = False) -> export.Kept:
        """The encoder, as `x -> features` for examples as they were read. `module`: a new one where it was one of your own."""
        weights = export.UNTRAINED if untrained else export.WEIGHTS
        return export.load(self.folder, module=self.module if module is None else module, weights=weights)

    def export(self, out: str | Path, *, format: export.Format | None = None, module: nn.Module | None = None) -> Path:  # noqa: A002
        """The encoder as a file for others, checked by running it; see `export.formats`. The format goes by the ending."""
        from mixtrast.export import formats

        formats.write(self.encoder(module), self.folder, Path(out), format)
        return Path(out)

    def embed(self, data: Any, *, module: nn.Module | None = None) -> tuple[Tensor, domains.Data]:
        """Features (N, dim) of more data, read as the run's own were, and these data."""
        kept = self.encoder(module)
        read = domains.open(data, like=kept.facts)
        return kept(read.x), read


def _checked(evaluation: Part) -> dict[str, Any]:
    found: dict[str, Any] = recipe.check({"evaluation": evaluation}, room)["evaluation"]
    return found


def train(
    data: Any = None,
    *,
    test: Any = None,
    label: Any = None,
    groups: Any = None,
    method: Part | None = None,
    mixer: Part | Mixer | OneOf | None = None,
    encoder: Part | nn.Module | None = None,
    views: Any = None,
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
        views: "mask+noise", {"mask": {"p": 0.3}}, "none", a view, or a list.
        epochs, batch, lr: of the training; `training` takes the rest of `recipe.Training`.
        labels: how many labels of each class the whole run may see; the others count as unknown.
        seed: of the split, the weights and every draw; 0 if not given.
        out: the run folder; a free name under runs/ if not given.
        resume: go on with the run in `out`; starts at the beginning where there is no checkpoint yet.
        evaluation: which evaluations, "linear+knn" or a mapping of options.
        options: of the domain: drop, header, task.
        recipe_file: a YAML file with any of this, or the name of a recipe of the literature ("imix/cifar10-npair"); what is
            given here goes first.
        quiet: no progress, nothing printed.

    Returns: the finished run.

    Raises: ValueError, TypeError, FileNotFoundError or FileExistsError for what was given, with nothing written;
        training.TrainingError where the run failed; training.Interrupted after SIGINT or SIGTERM, saved.
    """
    data, label, groups = joined(data, label, groups)
    section: dict[str, Any] = {"label": label, "groups": groups, "labels": labels, **(options or {})}
    given = {
        "data": _there(section),
        "method": method,
        "mixer": mixer,
        "encoder": encoder,
        "views": _views(views),
        "training": {**(training or {}), **_there({"epochs": epochs, "batch": batch, "lr": lr})},
        "evaluation": evaluation,
        "seed": seed,
    }
    settings = layers(given, out=out, resume=resume, file=recipe_file)
    begun = ready(settings, data, test, out=out, resume=resume)
    return begun.go(quiet=quiet, say=(lambda text: None) if quiet else print)


def layers(given: Mapping[str, Any], *, out: str | Path | None, resume: bool, file: str | Path | None) -> dict[str, Any]:
    """The settings of a run: what is given, over a file's, over those of the run that is resumed."""
    stored = Path(out) / work.RECIPE if resume and out is not None else None
    base = recipe.read(stored) if stored is not None and stored.is_file() else {}
    base = {key: part for key, part in base.items() if key not in ("why", "versions")}
    over = recipe.portable(recipe.read(recipe.named.find(file))) if file is not None else {}
    return recipe.merge(recipe.merge(base, over), given)


@dataclass(frozen=True, eq=False)
class Ready:
    """A run that was prepared, and whose folder is its own."""

    prepared: Prepared
    folder: Path
    resume: bool
    finished: bool
    new: bool

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
            if self.resume and self.new:
                say(f"{self.folder} was not there: the run begins at the beginning.")
            with work.alone(self.folder):
                work.carry_out(self.prepared, self.folder, resume=self.resume, quiet=quiet, maps=maps, say=say)
        own = self.prepared.recipe["encoder"]["name"] == "own"
        return Run(self.folder, self.prepared.method.encoder if own else None)


def ready(given: Mapping[str, Any], source: Any, test: Any, *, out: str | Path | None, resume: bool) -> Ready:
    """Prepares, and makes the folder or finds it to be the same run's; nothing is written if anything is wrong."""
    if resume and out is None:
        raise ValueError("`resume` goes on with a run folder, but none was named. Add out=..., or --out DIR.")
    prepared = prepare(given, source, test)
    folder = free_folder(prepared) if out is None else Path(out).expanduser()
    finished, new = resume and work.is_finished(folder), not folder.exists()
    work.claim(folder, prepared, resume=resume)
    return Ready(prepared, folder, resume, finished, new)


def free_folder(prepared: Prepared) -> Path:
    """runs/<data>-<method>, with a number where that is taken."""
    stem = f"{prepared.data.name}-{prepared.recipe['method']['name']}".replace("/", "-").replace(" ", "-")
    names = (Path("runs") / (stem if number == 1 else f"{stem}-{number}") for number in range(1, 10_000))
    return next(folder for folder in names if not folder.exists())


def joined(data: Any, label: Any, groups: Any) -> tuple[Any, Any, Any]:
    """Labels and groups that are arrays join the array that they belong to; names stay names."""
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)  # the name of a column that is a number
    arrays = {
        key: value for key, value in (("y", label), ("groups", groups)) if value is not None and not isinstance(value, str)
    }
    if not arrays:
        return data, label, groups
    frame = hasattr(data, "columns")
    if frame and set(arrays) == {"y"}:
        return (data, label), None, groups
    if frame or isinstance(data, str | Path | tuple | Mapping) or len(arrays) < sum(v is not None for v in (label, groups)):
        raise TypeError(
            f"labels and groups as arrays go with an array of examples, got {type(data).__name__}. "
            "Make them columns (or keys) of the data and name them: label='species', groups='subject'."
        )
    return {"x": data, **arrays}, None, None


def _views(given: Any) -> Any:
    """One view, or several in a list, by name or made: as the mapping of a recipe."""
    if given is None or isinstance(given, str | Mapping):
        return given
    several = given if isinstance(given, list | tuple) else [given]
    return {v if isinstance(v, str) else type(v).__name__.lower(): {} if isinstance(v, str) else v for v in several}


def _there(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
