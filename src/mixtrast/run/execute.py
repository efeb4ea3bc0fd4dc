"""A run from its first step to its report, in one folder, resumable at any moment."""

import copy
import time
from collections.abc import Callable
from pathlib import Path

from mixtrast import inference, report
from mixtrast.encoders import Encoder, merge_norms
from mixtrast.inference import EncoderRecord
from mixtrast.methods import Method
from mixtrast.records import write_results
from mixtrast.records.folder import ENCODER, PAGE, SUPERVISED, UNTRAINED
from mixtrast.run import figures
from mixtrast.run.evaluate import Evaluator
from mixtrast.run.folder import checkpoints
from mixtrast.run.learning import learning
from mixtrast.run.monitor import Monitor
from mixtrast.run.online import OnlineProbe
from mixtrast.run.prepare import PreparedRun
from mixtrast.run.probe_cache import ProbeCache
from mixtrast.run.results import results
from mixtrast.training import Activity, TrainingResult, fit

Say = Callable[[str], None]


def execute(
    prepared: PreparedRun, folder: Path, *, resume: bool, quiet: bool, maps: bool, say: Say, cache: ProbeCache | None = None
) -> None:
    """Train, evaluate and report; what is done already is not done again. `maps`: draw t-SNE maps too."""
    initial = _initial_method(prepared, folder)
    untrained = copy.deepcopy(initial.encoder)
    training = _train(prepared, folder, resume=resume, quiet=quiet, say=say)
    method = prepared.method
    for encoder in (method.encoder, untrained):
        merge_norms(encoder)
    dataset, scale = prepared.dataset, prepared.scale
    record = EncoderRecord(prepared.recipe.encoder, dataset.spec, scale, dataset.schema, tuple(dataset.classes))
    inference.save(folder, method.encoder, record)
    encoders: dict[str, Encoder] = {"trained": method.encoder, "untrained": untrained}
    if method.uses_labels and prepared.recipe.method.name != "supervised" and prepared.plan.training.baseline == "supervised":
        encoders["supervised"] = _supervised(prepared, untrained, folder, resume=resume, quiet=quiet)
    untrained.to(prepared.plan.machine.device)
    say("evaluating ...")
    began = time.perf_counter()
    evaluator = Evaluator(prepared, encoders, labels_used=prepared.labels_used, cache=cache)
    chosen = prepared.recipe.evaluation
    with Activity("evaluating", evaluator.parts(chosen), quiet=quiet) as begin:
        measured = evaluator.evaluate(chosen, begin)
        begin("figures")
        learned = learning(prepared, initial, untrained, folder)
        figures.write(prepared, evaluator.features, folder, maps=maps)
    write_results(folder, results(prepared, measured, learned, training, time.perf_counter() - began, folder))
    report.write([folder], folder / PAGE)


def _initial_method(prepared: PreparedRun, folder: Path) -> Method:
    """A copy of the method before the first step. Its encoder is stored, so that a resumed run begins with the same."""
    method, stored = prepared.method, folder / UNTRAINED
    if stored.exists():
        inference.load_weights(stored, method.encoder)  # a module of the caller may come with other weights
        method.restart()
    else:
        inference.save_weights(stored, method.encoder)
    return copy.deepcopy(method)


def _train(prepared: PreparedRun, folder: Path, *, resume: bool, quiet: bool, say: Say) -> TrainingResult:
    online = None
    if prepared.plan.training.online != "none":
        if prepared.classes > 1 and prepared.dataset.label_sets is None:
            online = OnlineProbe(prepared)
        else:
            say("the online probe is left out: it needs classes, one for each example, and there are none.")
    store, monitor, name = checkpoints(folder, prepared.recipe), Monitor(prepared, online), prepared.recipe.method.name
    work = (prepared.method, prepared.examples, prepared.plan, store)
    result = fit(*work, resume=resume, monitor=monitor, online=online, name=name, quiet=quiet)
    for note in result.notes:
        say(note)
    prepared.method.before_step(1.0)  # what changes over training is as at its end, also where nothing was left to train
    return result


def _supervised(prepared: PreparedRun, untrained: Encoder, folder: Path, *, resume: bool, quiet: bool) -> Encoder:
    """The supervised baseline: the same encoder trained with plain labels, the same ones and for as many steps."""
    baseline = prepared.with_method("supervised", copy.deepcopy(untrained))
    inner = folder / SUPERVISED
    inner.mkdir(exist_ok=True)
    store = checkpoints(inner, baseline.recipe)
    fit(baseline.method, baseline.examples, baseline.plan, store, resume=resume, name="supervised baseline", quiet=quiet)
    inference.save_weights(inner / ENCODER, baseline.method.encoder)
    return baseline.method.encoder
