"""The record of a finished run: results.json."""

import datetime
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from mixtrast import spec
from mixtrast.evaluation import Measured, diagnose
from mixtrast.records import Cost, DataRecord, Learning, Results
from mixtrast.records.folder import RECIPE
from mixtrast.run.inputs import IN_MEMORY, Inputs
from mixtrast.run.prepare import PreparedRun
from mixtrast.training import TrainingResult

try:
    import resource
except ImportError:  # Windows has none: no peak of memory is measured there
    resource = None  # type: ignore[assignment]


def results(
    prepared: PreparedRun, measured: Measured, learned: Learning, training: TrainingResult, seconds: float, folder: Path
) -> Results:
    """The results of a run in `folder`. `seconds`: of its evaluation."""
    recipe = prepared.recipe
    found = Results(
        finished=datetime.datetime.now().isoformat(timespec="seconds"),
        data=data_record(prepared, prepared.labels_used),
        method=recipe.method.name,
        mixer=None if recipe.mixer is None else recipe.mixer.name,
        encoder=recipe.encoder.name,
        seed=prepared.plan.seed,
        uses_labels=prepared.method.uses_labels,
        learning=learned,
        cost=_cost(prepared, training, seconds),
        next=tuple(_next_commands(prepared, folder)),
    )
    return with_evaluations(found, measured)


def with_evaluations(found: Results, measured: Measured) -> Results:
    """The results with more evaluations of the run's own data, and the diagnosis made again."""
    labels = found.labels if measured.labels is None else measured.labels
    evaluations, probes = {**found.evaluations, **measured.evaluations}, {**found.probes, **measured.probes}
    found = replace(found, evaluations=evaluations, probes=probes, labels=labels)
    return replace(found, diagnosis=diagnose(found))


def data_record(inputs: Inputs, labels_used: int) -> DataRecord:
    """What the data are. `labels_used`: by training."""
    dataset, split, label = inputs.dataset, inputs.split, inputs.label
    counts: dict[str, tuple[int, ...]] = {}
    unlabelled = 0
    if label is not None:
        ours, classes = label[split.train], dataset.task == "classes"
        unlabelled = int((ours < 0 if classes else ours.isnan()).sum())
        counts = {name: _counts(inputs, label, rows) for name, rows in inputs.parts.items()} if classes else {}
    return DataRecord(
        name=dataset.name,
        spec=spec.to_dict(dataset.spec),
        examples=len(dataset.x),
        train=len(split.train),
        val=len(split.val),
        test=len(split.test),
        task=dataset.task,
        classes=tuple(dataset.classes),
        multilabel=dataset.label_sets is not None,
        counts=counts,
        unlabelled=unlabelled,
        labels_per_class=inputs.section.labels,
        labels_used=labels_used,
        split=split.description,
        notes=tuple(inputs.notes),
    )


def _counts(inputs: Inputs, label: Tensor, rows: Tensor) -> tuple[int, ...]:
    """Examples of each class among these rows, in each of their classes."""
    label_sets = inputs.dataset.label_sets
    here = (label if label_sets is None else label_sets)[rows].flatten()
    return tuple(torch.bincount(here[here >= 0], minlength=len(inputs.dataset.classes)).tolist())


def _cost(prepared: PreparedRun, training: TrainingResult, evaluation_seconds: float) -> Cost:
    plan, machine = prepared.plan, prepared.plan.machine
    return Cost(
        seconds=round(training.seconds, 2),
        evaluation_seconds=round(evaluation_seconds, 2),
        examples_per_second=round(plan.steps * (plan.training.batch or 1) / training.seconds, 1),
        steps=plan.steps,
        peak_memory_bytes=_peak_memory(machine.device),
        parameters=sum(p.numel() for p in prepared.method.parameters() if p.requires_grad),
        device=f"{machine.device}, {torch.get_num_threads()} threads, {machine.precision}",
    )


def _peak_memory(device: str) -> int | None:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    if resource is None:
        return None
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _next_commands(prepared: PreparedRun, folder: Path) -> list[str]:
    source = prepared.recipe.data.source or ""
    if source.endswith(IN_MEMORY):
        return [f"mixtrast embed {folder} DATA -o features.npz"]
    other = "imix" if prepared.method.uses_labels else "mixsupcon"
    run, source, again = (shlex.quote(str(text)) for text in (folder, source, folder / RECIPE))
    return [
        f"mixtrast embed {run} {source} -o features.npz",
        *([] if folder.name.startswith("seed-") else [f"mixtrast train --recipe {again} --seed 0 1 2"]),  # has several seeds
        *([f"mixtrast train --recipe {again} --method {other}"] if prepared.label is not None else []),
    ]
