"""Start a run: merge its settings, prepare it, claim its folder, execute it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mixtrast import process
from mixtrast.mixers import Mixer, OneOf
from mixtrast.options import SETTINGS
from mixtrast.recipe import OWN, Request, layered, load, named, sections
from mixtrast.records import recipe_file
from mixtrast.records.folder import RECIPE
from mixtrast.run import folder as run_folder
from mixtrast.run.arrays import join_arrays, views_section
from mixtrast.run.execute import Say, execute
from mixtrast.run.inputs import Inputs, read
from mixtrast.run.prepare import PreparedRun, prepare
from mixtrast.run.probe_cache import ProbeCache
from mixtrast.run.run import Named, Run

_SETTINGS = tuple(option.name for option in SETTINGS if option.name != "test")


def train(
    data: Any = None,
    *,
    test: Any = None,
    label: Any = None,
    groups: Any = None,
    drop: Sequence[str] | None = None,
    task: str | None = None,
    header: str | None = None,
    window: int | None = None,
    stride: int | None = None,
    size: int | None = None,
    skip_bad: bool = False,
    data_dir: str | Path | None = None,
    labels: int | None = None,
    examples: int | None = None,
    method: Named | None = None,
    mixer: Named | Mixer | OneOf | None = None,
    encoder: Named | nn.Module | None = None,
    views: Any = None,
    evaluation: Named | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    training: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    recipe: str | Path | None = None,
    no_maps: bool = False,
    quiet: bool = False,
) -> Run:
    """Learn a representation of the data, and measure what it is worth.

    Args:
        data: a path (.csv, .npz, ...), a built-in name ("digits"), arrays, tensors, a DataFrame, or (x, y).
        test: a second one, if there is a test set; else a quarter is split off.
        label: name of the label (a column, a key of the .npz), or the labels themselves where `data` is an array.
        groups: likewise: examples of one group stay in one split.
        drop: columns to leave out.
        task: what the label is, "classes", "number" or "multilabel"; decided from the label if None.
        header: whether the first row of a table names its columns, "yes" or "no".
        window, stride: rows of the series that a long recording is cut into, and from one to the next.
        size: side of the square that every image is resized to.
        skip_bad: leave out images that cannot be read.
        data_dir: folder of the named datasets.
        labels: how many labels of each class the run may use; the others count as unknown.
        examples: how many training examples to use, in proportion to the classes.
        method: "imix", or {"name": "imix", "temperature": 0.1}. None: mixsupcon when most rows are labelled, else imix.
        mixer: "mixup", {"name": "cutmix", "alpha": 0.5}, or a mixer.
        encoder: "mlp", {"name": "mlp", "widths": (256, 256)}, or a module of your own.
        views: "mask+noise", {"mask": {"p": 0.3}}, "none", a view, or a list.
        evaluation: which evaluations, "linear+knn" or a mapping of options.
        epochs, batch, lr: of the training; `training` takes the rest of `recipe.Training`.
        options: of the reader, all others that `mixtrast list readers NAME` shows.
        seed: of the split, the weights and every draw; 0 if None.
        out: the run folder; a free name under runs/ if None.
        resume: continue the run in `out`; it starts at the beginning where there is no checkpoint yet.
        recipe: a YAML file with any of this, or the name of a recipe of the literature ("imix/cifar10-npair"); arguments go
            first.
        no_maps: draw no t-SNE maps.
        quiet: no progress, nothing printed.

    Returns: the finished run.

    Raises: ValueError, TypeError, FileNotFoundError or FileExistsError for wrong arguments, with nothing written;
        training.TrainingError where the run failed; training.Interrupted after SIGINT or SIGTERM, saved.
    """
    values = {name: value for name, value in locals().items() if name in (*_SETTINGS, "training", "options", "seed")}
    data, values["label"], values["groups"] = join_arrays(data, label, groups)
    values["views"], values["skip_bad"] = views_section(views), skip_bad or None
    request = settings(sections(values), out=out, resume=resume, recipe=recipe)
    claimed = claim(request, data, test, out=out, resume=resume)
    return claimed.execute(quiet=quiet, maps=not no_maps, say=(lambda text: None) if quiet else print)


def settings(asked: Mapping[str, Any], *, out: str | Path | None, resume: bool, recipe: str | Path | None) -> Request:
    """The settings of a run: the sections of a recipe over those of a file, over those of the run that is resumed."""
    layers: list[Request | Mapping[str, Any]] = []
    if resume and out is not None and (stored := Path(out) / RECIPE).is_file():
        layers.append(load(stored).request())
    if recipe is not None:
        layers.append(recipe_file.read(named.find(recipe)))
    return layered(*layers, asked)


@dataclass(frozen=True, eq=False)
class ClaimedRun:
    """A run that is prepared, and has its folder; `finished`: nothing is left to do; `new`: the folder was made just now."""

    prepared: PreparedRun
    folder: Path
    resume: bool
    finished: bool
    new: bool

    def execute(
        self, *, quiet: bool = False, maps: bool = True, say: Say = print, probe_cache: str | Path | None = None
    ) -> Run:
        """Train, evaluate, report. `probe_cache`: a folder of scores that the runs of a comparison share.

        Raises: TrainingError, Interrupted, CheckpointError, OSError; BlockingIOError where another process is at work on it.
        """
        if self.finished:
            say(f"{self.folder} is finished already; nothing is left to do.")
        else:
            if self.resume and self.new:
                say(f"{self.folder} did not exist: the run starts at the beginning.")
            cache = ProbeCache(None if probe_cache is None else Path(probe_cache))
            with process.exclusive(self.folder):
                execute(self.prepared, self.folder, resume=self.resume, quiet=quiet, maps=maps, say=say, cache=cache)
        own = self.prepared.recipe.encoder.name == OWN
        return Run(self.folder, self.prepared.method.encoder if own else None)


def claim(
    request: Request | Mapping[str, Any],
    source: Any,
    test: Any,
    *,
    out: str | Path | None,
    resume: bool,
    read_inputs: Callable[..., Inputs] = read,
) -> ClaimedRun:
    """Prepare a run, and make its folder or check that it holds the same run; nothing is written if anything is wrong."""
    if resume and out is None:
        raise ValueError("`resume` continues a run, but no folder was named. Add out=..., or --out DIR.")
    prepared = prepare(request, source, test, read_inputs=read_inputs)
    folder = free_folder(prepared) if out is None else Path(out).expanduser()
    finished, new = resume and run_folder.is_finished(folder), not folder.exists()
    run_folder.create(folder, prepared.recipe, resume=resume)
    return ClaimedRun(prepared, folder, resume, finished, new)


def free_folder(prepared: PreparedRun) -> Path:
    """runs/DATA-METHOD, with a number where that exists."""
    return process.free_folder(f"{prepared.dataset.name}-{prepared.recipe.method.name}")
