"""Training: the loop is the plain one, a run that was stopped is the run that was not, and what fails says what and where."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import draws, encoders, methods, registry, spec
from mixtrast.methods import Batch, Loss, Method
from mixtrast.recipe import Training
from mixtrast.training import (
    CheckpointError,
    Examples,
    Interrupted,
    Machine,
    Plan,
    Record,
    TrainingError,
    choose,
    fit,
    loop,
    machine,
    record,
)
from mixtrast.training.optim import optimizer, rate
from mixtrast.views import View

CPU, HALF = Machine("cpu", "32-true", False, {}), Machine("cpu", "bf16-mixed", False, {})
ROWS, FEATURES, BATCH, STEPS = 27, 5, 8, 8
TIMING = ("seconds", "examples_per_second")
FULL = "/dev/full"


def built(name: str, seed: int = 0, **encoder: Any) -> Method:
    """A small method with weights by the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if registry.find(methods, name).of_tokens:
            made = encoders.get("transformer", spec.Table(FEATURES), dim=8, layers=1, heads=2, **{"dropout": 0.0, **encoder})
        else:
            made = encoders.get("mlp", spec.Table(FEATURES), **{"widths": (8, 6), **encoder})
        return methods.get(name, made, classes=3)


def examples(rows: int = ROWS) -> Examples:
    rng = torch.Generator().manual_seed(5)
    return Examples(torch.randn(rows, FEATURES, generator=rng), torch.arange(rows) % 3)


def plan(
    machine: Machine = CPU, *, seed: int = 0, steps: int = STEPS, views: Any = None, looks: Any = (), **training: Any
) -> Plan:
    chosen = [mt.views.Mask(p=0.2), mt.views.Noise(scale=0.1)] if views is None else views
    options = {"lr": 0.01, "batch": BATCH, "checkpoint_every": 0.0, **training}
    return Plan(seed, steps, Training(**options), machine, chosen, looks)


def kept(folder: Path, text: str = "recipe") -> Record:
    folder.mkdir(exist_ok=True, parents=True)
    return Record(folder, text)


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def lines(folder: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without what the clock says."""
    read = [json.loads(line) for line in (folder / record.METRICS).read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMING} for line in read]


class Stopper:
    """A look that sends a signal after each of some steps, and sees the same either way."""

    def __init__(self, *at: int, number: int = signal.SIGTERM) -> None:
        self.at, self.number = at, number

    def __call__(self, method: Method, step: int) -> dict[str, Any]:
        assert not method.training
        if step in self.at:
            os.kill(os.getpid(), self.number)
        return {"norm": float(sum(weight.norm() for weight in method.parameters()))}


class Own(Method):
    """A method of one's own that writes down what it is given."""

    needs = 1

    def __init__(self, encoder: nn.Module, dim: int = FEATURES, shape: spec.Spec | None = None) -> None:
        super().__init__(encoders.wrap(encoder, shape or spec.Table(dim)))
        self.seen: list[Batch] = []
        self.norms: list[float] = []
        self.shares: list[float] = []

    def value(self, batch: Batch) -> Tensor:
        return self.encoder(batch.views[0]).square().mean()

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        self.seen.append(batch)
        value = self.value(batch)
        return Loss(value, {"square": value.detach()}, lambda: torch.tensor(1.0), lambda: torch.tensor(0.0))

    def after_step(self, progress: float) -> None:
        self.shares.append(progress)
        self.norms.append(float(torch.stack([p.grad.norm() for p in self.parameters() if p.grad is not None]).norm()))


# --- the loop is the plain one --------------------------------------------------------------------------------------------


def by_hand(method: Method, data: Examples, made: Plan) -> None:
    """Training as anyone would write it, without a framework, drawing what `fit` draws."""
    training = made.training
    moved = optimizer(method, training)
    method.train()
    per_epoch = len(data.x) // training.batch
    for step in range(1, made.steps + 1):
        epoch, place = divmod(step - 1, per_epoch)
        order = torch.randperm(len(data.x), generator=draws.derived(made.seed, epoch, "order"))
        index = order[place * training.batch : (place + 1) * training.batch]
        views = []
        for number in range(method.needs):
            generator, x = draws.derived(made.seed, step, f"view {number}"), data.x[index]
            for view in made.views:
                x = view(x, generator)
            views.append(x)
        for group in moved.param_groups:
            group["lr"] = rate(training, step, made.steps)
        torch.manual_seed(draws.derived_seed(made.seed, step, "dropout"))
        loss = method(Batch(tuple(views), data.label[index], index), draws.derived(made.seed, step, "method"))
        moved.zero_grad()
        loss.value.backward()
        if training.clip:
            nn.utils.clip_grad_norm_(method.parameters(), training.clip)
        moved.step()
        method.after_step(step / made.steps)


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd", "schedule": "step", "clip": 0.1, "decay_all": True}], ids=str)
def test_fit_is_the_plain_loop_to_the_bit(name, options, tmp_path):
    ours, theirs, made = built(name, dropout=0.3), built(name, dropout=0.3), plan(**options)
    fit(ours, examples(), made, kept(tmp_path), look=Stopper())
    with torch.random.fork_rng():
        by_hand(theirs, examples(), made)
    assert same(weights(ours), weights(theirs))
    assert not same(weights(ours), weights(built(name, dropout=0.3)))


@pytest.mark.parametrize("name", methods.names())
def test_the_seed_decides_the_weights(name):
    found = []
    for seed in (0, 0, 1):
        method = built(name)
        fit(method, examples(), plan(seed=seed), None)
        found.append(weights(method))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


def test_looking_logging_and_saving_change_nothing(tmp_path):
    one, other = built("imix", dropout=0.3), built("imix", dropout=0.3)
    fit(one, examples(), plan(), None)
    drawing = plan(looks=range(STEPS + 1), log_every=1)
    fit(other, examples(), drawing, kept(tmp_path), look=lambda method, step: {"x": torch.rand(1).item()})
    assert same(weights(one), weights(other))


def legacy() -> list[int]:
    """The state of NumPy's global generator."""
    return np.random.get_state()[1].tolist()  # noqa: NPY002 - to see that nobody uses it


def test_no_global_draw_is_made(tmp_path):
    before = torch.get_rng_state(), legacy(), random.getstate()
    fit(built("mixsupcon", dropout=0.3), examples(), plan(looks=[0, 3]), kept(tmp_path), look=Stopper())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert legacy() == before[1]
    assert random.getstate() == before[2]


def test_the_examples_and_the_mode_are_left_as_they_were():
    data, method = examples(), built("imix")
    x, label = data.x.clone(), data.label.clone()
    fit(method, data, plan(), None)
    assert torch.equal(data.x, x)
    assert torch.equal(data.label, label)
    assert method.training


@pytest.mark.parametrize("rows", [BATCH, 27, 32])
def test_an_epoch_shows_no_example_twice_and_the_next_is_in_another_order(rows):
    method, per_epoch = Own(nn.Linear(FEATURES, 3)), rows // BATCH
    data = examples(rows)
    fit(method, data, plan(steps=6 * per_epoch, views=[]), None)
    seen = [batch.index for batch in method.seen]
    assert all(len(index) == BATCH for index in seen)
    epochs = [torch.cat(seen[k * per_epoch : (k + 1) * per_epoch]) for k in range(6)]
    assert all(len(epoch.unique()) == BATCH * per_epoch for epoch in epochs)
    assert all(epoch.min() >= 0 and epoch.max() < rows for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 6
    if rows % BATCH:
        assert len({frozenset(epoch.tolist()) for epoch in epochs}) > 1  # who is left out changes
    for batch in method.seen:
        assert torch.equal(batch.views[0], data.x[batch.index])
        assert torch.equal(batch.label, data.label[batch.index])


def test_every_view_of_every_step_is_drawn_anew():
    class Two(Own):
        needs = 2

    method = Two(nn.Linear(FEATURES, 3))
    fit(method, examples(BATCH), plan(steps=3, views=[mt.views.Noise(scale=1.0)]), None)
    found = [view.sort(0).values for batch in method.seen for view in batch.views]
    assert len({tuple(view.flatten().tolist()) for view in found}) == 6


def test_the_share_that_is_done_is_told_after_each_step():
    method = Own(nn.Linear(FEATURES, 3))
    fit(method, examples(), plan(steps=4), None)
    assert method.shares == [0.25, 0.5, 0.75, 1.0]


def test_clipping_bounds_the_gradient_and_zero_does_not():
    free, bound = Own(nn.Linear(FEATURES, 3)), Own(nn.Linear(FEATURES, 3))
    bound.load_state_dict(free.state_dict())
    fit(free, examples(), plan(lr=1e-9), None)
    limit = float(np.median(free.norms))
    fit(bound, examples(), plan(lr=1e-9, clip=limit), None)
    assert max(free.norms) > limit
    assert bound.norms == pytest.approx([min(norm, limit) for norm in free.norms], rel=1e-4)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_only_matrices_decay_unless_asked(name, decay_all):
    """With a loss that has no slope, what is left of a weight is its decay."""

    class Flat(Own):
        def value(self, batch: Batch) -> Tensor:
            return 0 * super().value(batch)

    method = Flat(nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4)))
    for weight in method.parameters():
        nn.init.ones_(weight)
    options = {"optimizer": name, "decay_all": decay_all, "momentum": 0.0}
    fit(method, examples(), plan(steps=2, lr=0.1, weight_decay=0.5, schedule="constant", warmup=0.0, **options), None)
    for weight in method.parameters():
        gone = weight.dim() > 1 or decay_all
        torch.testing.assert_close(weight.detach(), torch.full_like(weight, 0.95**2 if gone else 1.0))


def test_images_are_in_the_order_of_memory_that_was_asked_for(tmp_path):
    found = []
    for last in (False, True):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = encoders.get("resnet8", spec.Image(2, 8, 8), width=4)
        method = Own(encoder, shape=spec.Image(2, 8, 8))
        data = Examples(torch.randn(16, 2, 8, 8, generator=torch.Generator().manual_seed(0)), torch.zeros(16).long())
        fit(method, data, plan(Machine("cpu", "32-true", last, {}), steps=2, views=[mt.views.Shift(), mt.views.Noise()]), None)
        order = torch.channels_last if last else torch.contiguous_format
        assert all(batch.views[0].is_contiguous(memory_format=order) for batch in method.seen)
        square = [
            module.weight for module in method.modules() if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
        ]
        assert all(weight.is_contiguous(memory_format=order) for weight in square)
        found.append(weights(method))
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-2, atol=1e-3)


def test_mixed_precision_keeps_weights_and_losses_in_float32():
    method, other = built("imix"), built("imix")
    fitted = fit(method, examples(), plan(HALF), None)
    fit(other, examples(), plan(), None)
    assert all(weight.dtype == torch.float32 for weight in method.parameters())
    assert math.isfinite(fitted.loss)
    assert not same(weights(method), weights(other))  # it was really in half
    for name, value in other.state_dict().items():
        torch.testing.assert_close(method.state_dict()[name], value, rtol=0.2, atol=0.05)


# --- what is written ------------------------------------------------------------------------------------------------------


def test_lines_are_those_that_were_asked_for(tmp_path):
    fitted = fit(built("imix"), examples(), plan(steps=7, looks=[0, 2, 7], log_every=3), kept(tmp_path), look=Stopper())
    found = [json.loads(line) for line in (tmp_path / record.METRICS).read_text().splitlines()]
    assert [line["step"] for line in found] == [0, 2, 3, 6, 7]
    assert [line["step"] for line in found if "look" in line] == [0, 2, 7]
    assert set(found[2]) == {"step", "epoch", "loss", "chance", "floor", "lr", *TIMING}
    assert found[-1]["loss"] == fitted.loss
    assert found[-1]["epoch"] == round(7 / 3, 4)
    assert found[-1]["lr"] == rate(plan().training, 7, 7)
    assert 0 < found[-1]["seconds"] <= fitted.seconds + 5e-4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt", "metrics.jsonl"]


def test_without_a_record_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(built("imix"), examples(), plan(looks=[1]), None, look=Stopper())
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_come_by_the_clock_and_at_the_end(tmp_path, monkeypatch):
    saved: list[int] = []
    monkeypatch.setattr(Record, "save", lambda self, state: saved.append(state["step"]))
    fit(built("npair"), examples(), plan(steps=3), kept(tmp_path))
    fit(built("npair"), examples(), plan(steps=3, checkpoint_every=1e6), kept(tmp_path))
    assert saved == [1, 2, 3, 3]


def test_progress_is_shown_on_a_terminal_only_and_not_if_quiet(monkeypatch, capsys):
    fit(built("npair"), examples(), plan(), None, name="a name")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fit(built("npair"), examples(), plan(), None, name="a name", quiet=True)
    assert capsys.readouterr() == ("", "")
    fit(built("npair"), examples(), plan(), None, name="a name")
    out, shown = capsys.readouterr()
    assert out == ""
    assert "a name" in shown


# --- stopped and resumed --------------------------------------------------------------------------------------------------


def unbroken(folder: Path, name: str, made: Plan, **encoder: Any) -> dict[str, Tensor]:
    method = built(name, **encoder)
    fit(method, examples(), made, kept(folder), look=Stopper())
    return weights(method)


def stopped(folder: Path, name: str, made: Plan, stops: list[int], **encoder: Any) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The same run, stopped after each of these steps and resumed in a method with other weights."""
    for seed, stop in enumerate(stops):
        with pytest.raises(Interrupted) as caught:
            fit(built(name, seed, **encoder), examples(), made, kept(folder), resume=seed > 0, look=Stopper(stop))
        assert caught.value.code == 143
        assert f"SIGTERM after step {stop} of {made.steps}" in str(caught.value)
    method = built(name, 99, **encoder)
    fitted = fit(method, examples(), made, kept(folder), resume=True, look=Stopper())
    return weights(method), fitted.says


@pytest.mark.parametrize(
    ("machine", "encoder"), [(CPU, {}), (CPU, {"dropout": 0.5}), (HALF, {"dropout": 0.5})], ids=["plain", "dropout", "bf16"]
)
@pytest.mark.parametrize("name", methods.names())
def test_stopped_at_every_step_and_resumed_is_unbroken_to_the_bit(name, machine, encoder, tmp_path):
    made = plan(machine, looks=range(STEPS + 1))
    whole = unbroken(tmp_path / "one", name, made, **encoder)
    parts, says = stopped(tmp_path / "other", name, made, list(range(1, STEPS)), **encoder)
    assert same(whole, parts)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")
    assert says == (f"resumed after step {STEPS - 1} of {STEPS}",)


@pytest.mark.parametrize("stop", range(1, STEPS))
def test_stopped_once_anywhere_and_resumed_is_unbroken_to_the_bit(stop, tmp_path):
    made = plan(looks=range(STEPS + 1), optimizer="sgd", schedule="step", checkpoint_every=1e6, log_every=2)
    whole = unbroken(tmp_path / "one", "mixsupcon", made, dropout=0.1)
    parts, _ = stopped(tmp_path / "other", "mixsupcon", made, [stop], dropout=0.1)
    assert same(whole, parts)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")


def test_images_in_channels_last_resume_to_the_bit(tmp_path):
    shape = spec.Image(1, 8, 8)
    data = Examples(torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2)
    made = plan(Machine("cpu", "bf16-mixed", True, {}), steps=4, looks=[0, 2])

    def run(folder: Path, resume: bool, *stops: int, seed: int = 0) -> dict[str, Tensor]:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            method = methods.get("simclr", encoders.get("resnet8", shape, width=4))
        fit(method, data, made, kept(folder), resume=resume, look=Stopper(*stops))
        return weights(method)

    whole = run(tmp_path / "one", False)
    with pytest.raises(Interrupted):
        run(tmp_path / "other", False, 2)
    assert same(whole, run(tmp_path / "other", True, seed=1))
    assert lines(tmp_path / "one") == lines(tmp_path / "other")


def test_a_finished_training_is_not_trained_again(tmp_path):
    made = plan()
    whole = unbroken(tmp_path, "imix", made)
    before = lines(tmp_path)
    method = built("imix", 4)
    fitted = fit(method, examples(), made, kept(tmp_path), resume=True)
    assert same(weights(method), whole)
    assert lines(tmp_path) == before
    assert fitted.loss == before[-1]["loss"]


def test_resuming_without_a_checkpoint_begins_at_the_beginning(tmp_path):
    made = plan(looks=[0, 3])
    whole = unbroken(tmp_path / "one", "imix", made)
    folder = kept(tmp_path / "other").folder
    (folder / record.METRICS).write_text('{"step": 0, "look": {}}\n{"step": 1, "loss": 9}\n{"step": 2')  # killed before one
    method = built("imix")
    assert fit(method, examples(), made, kept(folder), resume=True, look=Stopper()).says == ()
    assert same(weights(method), whole)
    assert lines(folder) == lines(tmp_path / "one")


def test_seconds_go_on_where_they_stopped(tmp_path):
    made = plan(looks=range(STEPS + 1))
    stopped(tmp_path, "imix", made, [3, 5])
    seconds = [json.loads(line)["seconds"] for line in (tmp_path / record.METRICS).read_text().splitlines()[1:]]
    assert seconds == sorted(seconds)


def test_another_machine_is_said(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        fit(built("imix"), examples(), plan(looks=[2]), kept(tmp_path), look=Stopper(2))
    here = loop.environment(CPU)
    monkeypatch.setattr(loop, "environment", lambda machine: {**here, "torch": "9.9"})
    says = fit(built("imix"), examples(), plan(looks=[2]), kept(tmp_path), resume=True, look=Stopper()).says
    assert says[1:] == (f"torch is 9.9 now and was {here['torch']}: the result may differ in the last digits",)


# --- signals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_step_finish_and_saves(number, code, tmp_path):
    with pytest.raises(Interrupted, match="the checkpoint is saved") as caught:
        fit(built("imix"), examples(), plan(looks=[3], checkpoint_every=1e6), kept(tmp_path), look=Stopper(3, number=number))
    assert caught.value.code == code
    assert kept(tmp_path).load()["step"] == 3
    assert lines(tmp_path)[-1]["step"] == 3


def test_a_second_signal_is_obeyed_at_once(tmp_path):
    class Impatient(Own):
        def value(self, batch: Batch) -> Tensor:
            if len(self.seen) == 3:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            return super().value(batch)

    method = Impatient(nn.Linear(FEATURES, 3))
    with pytest.raises(KeyboardInterrupt):
        fit(method, examples(), plan(), kept(tmp_path))
    assert len(method.seen) == 3
    assert kept(tmp_path).load()["step"] == 2


@pytest.mark.parametrize("end", ["finished", "interrupted", "failed"])
def test_handlers_are_as_they_were(end, tmp_path):
    def mine(number: int, frame: object) -> None: ...

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, mine) for number in numbers}
    try:
        if end == "finished":
            fit(built("imix"), examples(), plan(), None)
        elif end == "interrupted":
            with pytest.raises(Interrupted):
                fit(built("imix"), examples(), plan(looks=[2]), kept(tmp_path), look=Stopper(2))
        else:
            nothing = Examples(torch.full((BATCH, FEATURES), math.nan), torch.zeros(BATCH))
            with pytest.raises(TrainingError):
                fit(Own(nn.Linear(FEATURES, 3)), nothing, plan(), None)
        assert [signal.getsignal(number) for number in numbers] == [mine, mine]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_in_a_thread_training_goes_without_handlers():
    one, other = built("imix"), built("imix")
    thread = threading.Thread(target=fit, args=(one, examples(), plan(), None))
    thread.start()
    thread.join()
    fit(other, examples(), plan(), None)
    assert same(weights(one), weights(other))


KILLED = """
    import os, random, signal, sys, time
    from pathlib import Path

    import torch
    torch.set_num_threads(1)
    import lightning_fabric  # before the forks, which then begin at once
    sys.path.insert(0, {tests!r})
    import test_training as here

    def train(folder, **more):
        method = here.built("imix", dropout=0.2)
        here.fit(method, here.examples(), here.long_plan(), here.kept(folder), look=here.Stopper(), quiet=True, **more)
        torch.save(method.state_dict(), folder / "weights.pt")

    def child(folder, **more):
        number = os.fork()
        if not number:
            try:
                train(folder, **more)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(3)
            os._exit(0)
        return number

    root, draw, ends = Path({root!r}), random.Random(7), []
    began = time.perf_counter()
    os.waitpid(child(root / "one"), 0)
    whole = time.perf_counter() - began
    (root / "other").mkdir()
    for kill in range(10):
        number = child(root / "other", resume=True)
        time.sleep(whole * (0.04 + 0.2 * draw.random()))
        os.kill(number, signal.SIGKILL)
        ends.append(os.waitpid(number, 0)[1])
    last = os.waitpid(child(root / "other", resume=True), 0)[1]
    print(ends.count(signal.SIGKILL), last)
"""


def long_plan() -> Plan:
    return plan(steps=600, looks=range(0, 601, 60), checkpoint_every=0.05, log_every=1)


@pytest.mark.slow
def test_killed_at_ten_moments_and_resumed_is_unbroken_to_the_bit(tmp_path):
    """By SIGKILL, which nothing can answer: no step is lost, none is there twice, and the weights are the same."""
    code = textwrap.dedent(KILLED).format(tests=str(Path(__file__).parent), root=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    killed, last = map(int, done.stdout.split())
    assert killed >= 8, done.stderr  # the last ones may come after the end
    assert last == 0, done.stderr
    one, other = (torch.load(tmp_path / name / "weights.pt", weights_only=True) for name in ("one", "other"))
    assert same(one, other)
    assert [line["step"] for line in lines(tmp_path / "other")] == list(range(601))
    assert lines(tmp_path / "one") == lines(tmp_path / "other")
    assert not list((tmp_path / "other").glob("*.partial"))


# --- not finite -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("method", ["imix", "supervised", "mixsupcon"])
def test_weights_that_blow_up_are_named_with_the_step_and_a_way_out(method, name, tmp_path):
    made = plan(optimizer=name, lr=1e38, warmup=0.0, weight_decay=0.5)
    with pytest.raises(TrainingError) as caught:
        fit(built(method), examples(), made, kept(tmp_path))
    said, state = str(caught.value), kept(tmp_path).load()
    at = 2 if state else 1  # AdamW's first step leaves the range of numbers, and such weights are not kept
    assert at == {"sgd": 2, "adamw": 1}[name]
    assert f"training stopped at step {at} of {STEPS}: " in said
    assert "not finite" in said
    assert ("The last checkpoint is whole." in said) == (state is not None)
    assert "Try a lower learning rate (it is 1e+38), --training.clip 1, or a higher temperature." in said
    if state:
        assert state["step"] == 1
        assert all(value.isfinite().all() for value in state["method"].values())


class Poison(View):
    """NaN in the example that begins with this number, once some batches have passed."""

    def __init__(self, number: float, after: int = 0) -> None:
        self.number, self.after, self.calls = number, after, 0

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        self.calls += 1
        bad = (x[:, :1] == self.number) & (self.calls > self.after)
        return x.masked_fill(bad, math.nan)


@pytest.mark.parametrize("name", methods.names())
def test_a_view_that_is_not_finite_names_the_example(name, tmp_path):
    data, method = examples(), built(name)
    view = Poison(float(data.x[17, 0]), after=3 * method.needs)
    with pytest.raises(TrainingError, match=r"the views are not finite for 1 training examples, first 17 ") as caught:
        fit(method, data, plan(views=[view], steps=40), kept(tmp_path))
    step = int(str(caught.value).partition("step ")[2].split()[0])
    assert step > 3
    state = kept(tmp_path).load()
    assert state["step"] == step - 1
    assert all(value.isfinite().all() for value in state["method"].values())


def test_an_encoder_that_is_not_finite_names_the_example():
    class Breaks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / (x < 100)

    data = examples(BATCH)
    data.x[[2, 5]] = 200.0
    said = r"the encoder's output is not finite for 2 training examples, first 2, 5 "
    with pytest.raises(TrainingError, match=said) as caught:
        fit(Own(nn.Sequential(Breaks(), nn.Linear(FEATURES, 3))), data, plan(), None)
    assert "The last checkpoint" not in str(caught.value)  # there is none


def test_a_loss_that_is_not_finite_names_its_term():
    class Bad(Own):
        def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
            value, parts, chance, floor = super().forward(batch, generator)
            bad = torch.tensor(math.inf) if len(self.seen) == 3 else torch.tensor(0.0)
            return Loss(value + bad, {**parts, "extra": bad}, chance, floor)

    with pytest.raises(TrainingError, match=r"step 3: the loss is inf, from its term extra"):
        fit(Bad(nn.Linear(FEATURES, 3)), examples(), plan(), None)


def test_an_error_of_the_method_is_not_taken_for_numbers_that_are_not_finite():
    class Bad(Own):
        def value(self, batch: Batch) -> Tensor:
            raise ValueError("a sentence of its own")

    with pytest.raises(ValueError, match="a sentence of its own"):
        fit(Bad(nn.Linear(FEATURES, 3)), examples(), plan(), None)


# --- the record -----------------------------------------------------------------------------------------------------------


def state(step: int) -> dict[str, Any]:
    return {"step": step, "method": {"w": torch.full((50,), float(step))}, "optimizer": {}, "seconds": 1.0, "loss": 0.5}


@pytest.fixture
def two(tmp_path) -> Record:
    """A record with checkpoints of step 1 and, the newest, step 2."""
    made = kept(tmp_path / "run")
    made.save(state(1))
    made.save(state(2))
    return made


def corrupt(path: Path, how: str) -> None:
    content = path.read_bytes()
    keep = {"empty": 0, "short": 3, "half": len(content) // 2, "one byte less": len(content) - 1}
    path.write_bytes(bytes(len(content)) if how == "zeros" else b"<html>" * 99 if how == "other" else content[: keep[how]])


CORRUPTIONS = ["empty", "short", "half", "one byte less", "zeros", "other"]


def test_a_checkpoint_comes_back_as_it_was(two):
    found = two.load()
    assert found["step"] == 2
    assert torch.equal(found["method"]["w"], torch.full((50,), 2.0))
    assert two.says == []
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]


def test_there_may_be_none_yet(tmp_path):
    assert kept(tmp_path).load() is None


@pytest.mark.parametrize("how", CORRUPTIONS)
def test_a_damaged_newest_gives_way_to_the_one_before(two, how):
    corrupt(two.folder / record.NEWEST, how)
    assert two.load()["step"] == 1
    (said,) = two.says
    assert str(two.folder / record.NEWEST) in said
    assert said.endswith("Going on from the one before, step 1.")


@pytest.mark.parametrize("how", CORRUPTIONS)
def test_without_a_good_one_it_is_an_error_that_says_why(two, how):
    for name in (record.NEWEST, record.BEFORE):
        corrupt(two.folder / name, how)
    said = r"checkpoint\.pt .*checkpoint\.before\.pt .*No good checkpoint is left: start anew"
    with pytest.raises(CheckpointError, match=said):
        two.load()


def test_a_fit_goes_on_from_the_one_before(tmp_path):
    made = plan(looks=range(STEPS + 1))
    whole = unbroken(tmp_path / "one", "imix", made)
    with pytest.raises(Interrupted):
        fit(built("imix"), examples(), made, kept(tmp_path / "other"), look=Stopper(4))
    corrupt(tmp_path / "other" / record.NEWEST, "half")
    method = built("imix", 3)
    says = fit(method, examples(), made, kept(tmp_path / "other"), resume=True, look=Stopper()).says
    assert "Going on from the one before, step 3." in says[0]
    assert says[1] == f"resumed after step 3 of {STEPS}"
    assert same(weights(method), whole)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")


class Harm:
    """What a pickle can do: code that runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("way", ["torch", "pickle", "old"])
def test_a_checkpoint_that_would_run_code_is_refused_and_not_run(two, way, tmp_path):
    harm = tmp_path / "harm"
    content = {**state(9), "recipe": "recipe", "environment": Harm(harm)}
    whole = io.BytesIO()
    if way == "pickle":
        pickle.dump(content, whole, protocol=2)
    else:
        torch.save(content, whole, _use_new_zipfile_serialization=way == "torch")
    for name in (record.NEWEST, record.BEFORE):
        (two.folder / name).write_bytes(whole.getvalue())
    with pytest.raises(CheckpointError, match=r"is refused: it holds more than tensors and numbers, and would run code\."):
        two.load()
    assert not harm.exists()
    torch.load(two.folder / record.NEWEST, weights_only=False) if way != "pickle" else pickle.loads(whole.getvalue())
    assert harm.exists()  # it would have


@pytest.mark.parametrize("content", [3, [1], {"recipe": "recipe", "step": 1}, None], ids=str)
def test_what_is_no_checkpoint_of_ours_is_said(two, content):
    torch.save(content, two.folder / record.NEWEST)
    assert two.load()["step"] == 1
    assert "is no checkpoint of mixtrast" in two.says[0]


def test_a_checkpoint_of_another_recipe_is_refused(two):
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is of another recipe"):
        Record(two.folder, "another").load()


def test_a_refused_resume_leaves_the_metrics_alone(two):
    text = '{"step": 1}\n{"step": 5}\n'
    (two.folder / record.METRICS).write_text(text)
    with pytest.raises(CheckpointError):
        Record(two.folder, "another").load()
    assert (two.folder / record.METRICS).read_text() == text


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_earlier_checkpoints_whole(two, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        two.save(state(3))
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]
    assert two.load()["step"] == 2


@pytest.mark.skipif(not os.path.exists(FULL), reason="there is no /dev/full here")
def test_a_disk_that_is_really_full(two):
    (two.folder / (record.NEWEST + ".next.partial")).symlink_to(FULL)
    with pytest.raises(OSError, match="No space left") as caught:
        two.save(state(3))
    assert caught.value.errno == errno.ENOSPC
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]
    assert two.load()["step"] == 2


def test_a_full_disk_in_the_middle_of_training_can_be_resumed(tmp_path, monkeypatch):
    made = plan(looks=range(STEPS + 1))
    whole = unbroken(tmp_path / "one", "imix", made)
    saves, fsync = [], os.fsync

    def fills(number: int) -> None:
        saves.append(number)
        if len(saves) == 5:
            no_space()
        fsync(number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fills)
        with pytest.raises(OSError, match="No space left"):
            fit(built("imix"), examples(), made, kept(tmp_path / "other"), look=Stopper())
    assert lines(tmp_path / "other")[-1]["step"] == 5
    method = built("imix", 1)
    fit(method, examples(), made, kept(tmp_path / "other"), resume=True, look=Stopper())
    assert same(weights(method), whole)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")


def test_a_crash_between_the_two_renames_leaves_a_whole_one(two, monkeypatch):
    replace, calls = os.replace, []

    def crashes(*names: Any) -> None:
        calls.append(names)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(*names)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", crashes)
        with pytest.raises(KeyboardInterrupt):
            two.save(state(3))
    assert two.load()["step"] == 2
    two.save(state(3))
    assert two.load()["step"] == 3
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]


TAILS = ["", '{"st', '{"step": 3, "loss"', '{"step": 3}\n', '{"step": 3}\n{"step": 4}\n{"ste', "\0\0\0"]


@pytest.mark.parametrize("tail", TAILS, ids=repr)
def test_lines_after_the_checkpoint_or_cut_short_are_dropped(two, tail):
    path = two.folder / record.METRICS
    path.write_text('{"step": 0}\n{"step": 2}\n' + tail)
    two.load()
    assert path.read_text() == '{"step": 0}\n{"step": 2}\n'


def test_a_whole_last_line_without_its_end_is_kept(two):
    path = two.folder / record.METRICS
    path.write_text('{"step": 0}\n{"step": 2}')
    two.load()
    assert path.read_text() == '{"step": 0}\n{"step": 2}\n'


# --- where to run ---------------------------------------------------------------------------------------------------------


def test_the_machine_is_chosen_with_reasons():
    mlp, resnet = encoders.get("mlp", spec.Table(3)), encoders.get("resnet8", spec.Image(1, 8, 8))
    asked = Training(device="cpu", precision="32-true", channels_last=True)
    assert choose(asked, mlp, (3,)) == Machine("cpu", "32-true", True, {})
    chosen = choose(Training(device="cpu"), mlp, (3,))
    assert (chosen.device, chosen.channels_last) == ("cpu", False)
    assert set(chosen.why) == {"precision", "channels_last"}
    assert choose(Training(device="cpu"), resnet, (1, 8, 8)).channels_last
    assert choose(Training(), resnet, (1, 8, 8)).why.keys() == {"device", "precision", "channels_last"}


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_half_precision_is_for_processors_that_multiply_in_it(native, precision, monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: native)
    assert choose(Training(device="cpu"), encoders.get("mlp", spec.Table(3)), (3,)).precision == precision


class Flattened(nn.Module):
    """As people write it: `view` wants the plain order in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.linear = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4 * 64, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.convolution(x).relu().view(x.size(0), -1))


def test_a_module_that_counts_on_the_plain_order_is_given_it(tmp_path):
    rows = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)).numpy()
    run = mt.train(rows, method="imix", encoder=Flattened(), epochs=1, batch=20, out=tmp_path / "run", quiet=True)
    assert run.encoder()(torch.zeros(3, 1, 8, 8)).shape == (3, 5)
    encoder = encoders.wrap(Flattened(), spec.Image(1, 8, 8))
    assert "fails in this order" in choose(Training(), encoder, (1, 8, 8)).why["channels_last"]
    with pytest.raises(ValueError, match=r"`channels_last` fails in your module.* Use `flatten`"):
        choose(Training(channels_last=True), encoder, (1, 8, 8))
    own = encoders.Encoder([Flattened()], 5)
    assert not encoders.wrap(own, spec.Image(1, 8, 8)).channels_last
    deep = nn.Sequential(nn.Unflatten(1, (1, 1)), nn.Conv3d(1, 2, (1, 3, 3)), nn.Flatten())  # weights of five dimensions
    assert not encoders.wrap(deep, spec.Image(1, 8, 8)).channels_last
    assert encoders.wrap(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), spec.Image(1, 8, 8)).channels_last


def test_channels_last_is_not_chosen_where_it_computes_wrong_values(monkeypatch):
    resnet = encoders.get("resnet8", spec.Image(1, 16, 3))
    monkeypatch.setattr(machine, "_agrees", lambda *given: False)
    chosen = choose(Training(device="cpu"), resnet, (1, 16, 3))
    assert not chosen.channels_last
    assert "wrong values" in chosen.why["channels_last"]
    monkeypatch.undo()
    assert machine._agrees(resnet, (1, 16, 3), "32-true")
    assert machine._agrees(encoders.get("resnet8", spec.Image(1, 8, 8)), (1, 8, 8), "bf16-mixed")


def test_a_device_that_is_not_here_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"`device` cuda is not available here; there is cpu.*Leave it at auto"):
        choose(Training(device="cuda"), encoders.get("mlp", spec.Table(3)), (3,))


def test_the_environment_can_be_kept_in_a_checkpoint():
    assert json.loads(json.dumps(loop.environment(CPU))) == loop.environment(CPU)


# --- once wrong -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"\x80\x02.", b"\x80\x02J\x00"], ids=repr)
def test_noise_that_begins_like_a_checkpoint_gives_way_too(two, content):
    (two.folder / record.NEWEST).write_bytes(content)
    assert two.load()["step"] == 1


@pytest.mark.parametrize("tail", [b"3\n", b"{}\n", b"\xff\xfe"], ids=repr)
def test_lines_that_are_not_ours_are_dropped(two, tail):
    path = two.folder / record.METRICS
    path.write_bytes(b'{"step": 0}\n' + tail)
    two.load()
    assert path.read_bytes() == b'{"step": 0}\n'


def test_the_step_that_was_too_large_is_named(tmp_path):
    """The first step has none before it."""
    with pytest.raises(TrainingError) as caught:
        fit(built("imix"), examples(), plan(optimizer="adamw", lr=1e38, warmup=0.0, weight_decay=0.5), kept(tmp_path))
    assert "stopped at step 1 " in str(caught.value)
    assert "the step before" not in str(caught.value)


def test_a_signal_in_the_last_step_is_not_forgotten(tmp_path):
    with pytest.raises(Interrupted):
        fit(built("imix"), examples(), plan(looks=[STEPS]), kept(tmp_path), look=Stopper(STEPS))
