"""A run from its first step to its report, in one folder, resumable at any moment."""

from __future__ import annotations

import copy
import datetime
import json
import math
import platform
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mixtrast import export, recipe, report, spec, whole
from mixtrast.encoders import Encoder, whole_norms
from mixtrast.run import assess, learning
from mixtrast.run.online import Online
from mixtrast.run.prepare import Prepared
from mixtrast.training import Doing, Fitted, Record, fit
from mixtrast.version import __version__

try:
    import fcntl
    import resource
except ImportError:  # not on Windows: there no run is locked and no peak of memory is told
    fcntl = resource = None  # type: ignore[assignment]

RESULTS, RECIPE, PAGE = "results.json", "recipe.yaml", "report.html"
Say = Callable[[str], None]


def claim(folder: Path, prepared: Prepared, *, resume: bool) -> None:
    """Makes the folder and writes the recipe into it; refuses one that is there, unless it is to be resumed.

    Raises: FileExistsError; ValueError where it holds a run of another recipe, or no run.
    """
    if folder.exists() and not resume:
        raise FileExistsError(
            f"{folder} exists already, and nothing is overwritten. Choose another --out, or go on with it: --resume."
        )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, not a run folder. Choose another --out.")
    if folder.exists() and any(path.suffix != ".partial" for path in folder.iterdir()):
        check_same(folder, prepared.recipe)
        return
    versions = {"mixtrast": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
    folder.mkdir(parents=True, exist_ok=resume)  # of two that come at once, one fails
    try:
        recipe.write({**prepared.recipe, "why": prepared.why, "versions": versions}, folder / RECIPE)
    except BaseException:
        shutil.rmtree(folder)
        raise


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder: of two processes that resume one run, the second is told, and the files stay whole.

    Raises: BlockingIOError.
    """
    with (folder / RECIPE).open("rb") as held:
        if fcntl is not None:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the process, however it ends
            except BlockingIOError as error:
                raise BlockingIOError(f"another process is at work on {folder}. Wait for it, or stop it first.") from error
        yield


def check_same(folder: Path, ours: Mapping[str, Any]) -> None:
    """Raises ValueError where the folder is no run, or a run of another recipe."""
    if not (folder / RECIPE).is_file():
        raise ValueError(f"{folder} is not a run: it holds no {RECIPE}. Choose another --out, or the folder of a run.")
    different = recipe.differences(recipe.read(folder / RECIPE), ours)
    if different:
        shown = "; ".join(different[:5]) + (f"; and {len(different) - 5} more" if len(different) > 5 else "")
        raise ValueError(
            f"{folder} holds a run of another recipe (there and here): {shown}. Resume it without options, or choose "
            "another --out."
        )


def is_finished(folder: Path) -> bool:
    return (folder / RESULTS).is_file() and (folder / PAGE).is_file()


def carry_out(prepared: Prepared, folder: Path, *, resume: bool, quiet: bool, maps: bool, say: Say) -> dict[str, Any]:
    """Trains, evaluates, reports; returns the results. What is done already is not done again."""
    untrained = _initial(prepared, folder)
    record = Record(folder, _fingerprint(prepared.recipe))
    beside = None
    if prepared.plan.training.online != "none":
        if prepared.classes > 1 and prepared.data.several is None:
            beside = Online(prepared)
        else:
            say("the online probe is left out: it tells classes apart, one an example, and there are none.")
    looker = learning.Looker(prepared, beside)
    name = prepared.recipe["method"]["name"]
    fitted = fit(
        prepared.method, prepared.examples, prepared.plan, record, resume=resume, look=looker, beside=beside, name=name,
        quiet=quiet,
    )  # fmt: skip
    for sentence in fitted.says:
        say(sentence)
    prepared.method.before_step(1.0)  # what changes over training stands at its end, however the run got there
    trained = prepared.method.encoder
    for encoder in (trained, untrained):
        whole_norms(encoder)
    export.save(folder, trained, how(prepared))
    encoders: dict[str, Encoder] = {"trained": trained, "untrained": untrained}
    if prepared.method.uses_labels and name != "supervised" and prepared.plan.training.beside == "supervised":
        encoders["supervised"] = _beside(prepared, untrained, folder, resume=resume, quiet=quiet)
    untrained.to(prepared.plan.machine.device)
    say("evaluating ...")
    with Doing("evaluating", assess.tellings(encoders, prepared.recipe["evaluation"]), quiet=quiet) as tell:
        results = _results(prepared, folder, fitted, encoders, maps=maps, tell=tell)
    write_json(results, folder / RESULTS)
    report.write([folder], folder / PAGE)
    return results


def labels_seen(prepared: Prepared) -> int:
    """How many labels training saw."""
    return int((prepared.seen[prepared.rows] >= 0).sum()) if prepared.method.uses_labels else 0


def how(prepared: Prepared) -> dict[str, Any]:
    """All that is needed to rebuild the encoder and feed it."""
    return {
        "encoder": prepared.recipe["encoder"],
        "spec": spec.to_dict(prepared.data.spec),
        "mean": prepared.scale.mean.tolist(),
        "std": prepared.scale.std.tolist(),
        "facts": prepared.data.facts,
        "classes": list(prepared.data.classes),
        "mixtrast": __version__,
    }


def _initial(prepared: Prepared, folder: Path) -> Encoder:
    """The encoder at step 0, weights and buffers, kept on disk: it stands beside the trained one, and no rebuild can miss."""
    encoder = copy.deepcopy(prepared.method.encoder)
    if (folder / export.UNTRAINED).exists():
        export.load_weights(folder / export.UNTRAINED, encoder)
        prepared.method.encoder.load_state_dict(encoder.state_dict())  # a module of one's own may come with other weights
        prepared.method.restart()
    else:
        export.save_weights(folder / export.UNTRAINED, encoder)
    return encoder


def _beside(prepared: Prepared, untrained: Encoder, folder: Path, *, resume: bool, quiet: bool) -> Encoder:
    """The same encoder trained with plain labels, on the same labels and for as many steps, in a folder within."""
    sibling = prepared.sibling("supervised", copy.deepcopy(untrained))
    inner = folder / "supervised"
    inner.mkdir(exist_ok=True)
    record = Record(inner, _fingerprint(sibling.recipe))
    fit(sibling.method, sibling.examples, sibling.plan, record, resume=resume, name="supervised, beside it", quiet=quiet)
    export.save_weights(inner / export.WEIGHTS, sibling.method.encoder)
    return sibling.method.encoder


def _results(
    prepared: Prepared, folder: Path, fitted: Fitted, encoders: Mapping[str, Encoder], *, maps: bool, tell: assess.Tell
) -> dict[str, Any]:
    began = time.perf_counter()
    rows = assess.rows_of(prepared, encoders, tell)
    chosen = prepared.recipe["evaluation"]
    probes = assess.probe(prepared, rows, encoders, chosen, tell) if rows else {}
    seen = labels_seen(prepared)
    tell("labels, pictures")
    labels = assess.efficiency(prepared, rows, chosen["labels"], seen) if rows and "labels" in chosen else {}
    learned = learning.learning(prepared, prepared.method, encoders["untrained"], folder)
    assess.figures(prepared, rows, folder / "figures", maps=maps)
    machine = prepared.plan.machine
    name = prepared.recipe["method"]["name"]
    return {
        "version": 1,
        "finished": datetime.datetime.now().isoformat(timespec="seconds"),
        "data": assess.data_record(prepared, seen),
        "method": name,
        "mixer": (prepared.recipe["mixer"] or {}).get("name"),
        "encoder": prepared.recipe["encoder"]["name"],
        "seed": prepared.plan.seed,
        "uses_labels": prepared.method.uses_labels,
        "evaluation": chosen,
        "probes": probes,
        "labels": labels,
        "learning": learned,
        "diagnosis": assess.verdicts(learned, probes, labels, len(prepared.split.test)),
        "cost": {
            "seconds": round(fitted.seconds, 2),
            "evaluation_seconds": round(time.perf_counter() - began, 2),
            "examples_per_second": round(prepared.plan.steps * (prepared.plan.training.batch or 1) / fitted.seconds, 1),
            "steps": prepared.plan.steps,
            "peak_memory_bytes": _peak(machine.device),
            "parameters": sum(p.numel() for p in prepared.method.parameters() if p.requires_grad),
            "device": f"{machine.device}, {torch.get_num_threads()} threads, {machine.precision}",
        },
        "next": _next(prepared, folder),
    }


def _next(prepared: Prepared, folder: Path) -> list[str]:
    """Commands that are worth typing now."""
    source = prepared.recipe["data"]["source"]
    if source.startswith("<"):
        return [f"mixtrast embed {folder} DATA -o features.npz"]
    other = "imix" if prepared.method.uses_labels else "mixsupcon"
    run, source, again = (shlex.quote(str(text)) for text in (folder, source, folder / RECIPE))
    return [
        f"mixtrast embed {run} {source} -o features.npz",
        *([] if folder.name.startswith("seed-") else [f"mixtrast train --recipe {again} --seed 0 1 2"]),  # has several seeds
        *([f"mixtrast train --recipe {again} --method {other}"] if prepared.label is not None else []),
    ]


def _fingerprint(settings: Mapping[str, Any]) -> str:
    """What a checkpoint must agree with: all that decides the weights."""
    kept = {key: value for key, value in settings.items() if key != "evaluation"}
    kept["training"] = {
        key: value for key, value in settings["training"].items() if key not in ("checkpoint_every", "log_every", "beside")
    }
    kept["data"] = {key: value for key, value in settings["data"].items() if key not in ("source", "test")}
    return json.dumps(kept, sort_keys=True, default=repr)


def _peak(device: str) -> int | None:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    if resource is None:
        return None
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Whole or not at all; without NaN, which is no JSON."""
    whole.write(path, json.dumps(_finite(values), indent=1).encode())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
