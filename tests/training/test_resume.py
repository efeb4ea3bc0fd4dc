"""A training that was stopped and resumed is the training that was not."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mixtrast import encoders, methods, spec
from mixtrast.records.folder import METRICS
from mixtrast.training import Examples, Interrupted, Machine, Plan, fit, loop
from support.fits import CPU, HALF, STEPS, Stopper, built, examples, lines, plan, same, store, unbroken, weights


def stopped(folder: Path, name: str, made: Plan, stops: list[int], **encoder: Any) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The same run, stopped after each of these steps and resumed in a method with other weights."""
    for seed, stop in enumerate(stops):
        with pytest.raises(Interrupted) as caught:
            fit(built(name, seed, **encoder), examples(), made, store(folder), resume=seed > 0, monitor=Stopper(stop))
        assert caught.value.code == 143
        assert f"SIGTERM after step {stop} of {made.steps}" in str(caught.value)
    method = built(name, 99, **encoder)
    fitted = fit(method, examples(), made, store(folder), resume=True, monitor=Stopper())
    return weights(method), fitted.notes


@pytest.mark.parametrize(
    ("machine", "encoder"), [(CPU, {}), (CPU, {"dropout": 0.5}), (HALF, {"dropout": 0.5})], ids=["plain", "dropout", "bf16"]
)
@pytest.mark.parametrize("name", methods.names())
def test_stopped_at_every_step_and_resumed_is_unbroken_to_the_bit(name, machine, encoder, tmp_path):
    made = plan(machine, monitor_at=range(STEPS + 1))
    whole = unbroken(tmp_path / "one", name, made, **encoder)
    parts, says = stopped(tmp_path / "other", name, made, list(range(1, STEPS)), **encoder)
    assert same(whole, parts)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")
    assert says == (f"resumed after step {STEPS - 1} of {STEPS}",)


@pytest.mark.parametrize("stop", range(1, STEPS))
def test_stopped_once_anywhere_and_resumed_is_unbroken_to_the_bit(stop, tmp_path):
    made = plan(monitor_at=range(STEPS + 1), optimizer="sgd", schedule="step", checkpoint_every=1e6, log_every=2)
    whole = unbroken(tmp_path / "one", "mixsupcon", made, dropout=0.1)
    parts, _ = stopped(tmp_path / "other", "mixsupcon", made, [stop], dropout=0.1)
    assert same(whole, parts)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")


def test_images_in_channels_last_resume_to_the_bit(tmp_path):
    shape = spec.Image(1, 8, 8)
    data = Examples(torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2)
    made = plan(Machine("cpu", "bf16-mixed", True, {}), steps=4, monitor_at=[0, 2])

    def run(folder: Path, resume: bool, *stops: int, seed: int = 0) -> dict[str, Tensor]:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            method = methods.get("simclr", encoders.get("resnet8", shape, width=4))
        fit(method, data, made, store(folder), resume=resume, monitor=Stopper(*stops))
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
    fitted = fit(method, examples(), made, store(tmp_path), resume=True)
    assert same(weights(method), whole)
    assert lines(tmp_path) == before
    assert fitted.loss == before[-1]["loss"]


def test_resuming_without_a_checkpoint_begins_at_the_beginning(tmp_path):
    made = plan(monitor_at=[0, 3])
    whole = unbroken(tmp_path / "one", "imix", made)
    folder = store(tmp_path / "other").folder
    (folder / METRICS).write_text('{"step": 0, "monitor": {}}\n{"step": 1, "loss": 9}\n{"step": 2')  # killed before one
    method = built("imix")
    assert fit(method, examples(), made, store(folder), resume=True, monitor=Stopper()).notes == ()
    assert same(weights(method), whole)
    assert lines(folder) == lines(tmp_path / "one")


def test_seconds_go_on_where_they_stopped(tmp_path):
    made = plan(monitor_at=range(STEPS + 1))
    stopped(tmp_path, "imix", made, [3, 5])
    seconds = [json.loads(line)["seconds"] for line in (tmp_path / METRICS).read_text().splitlines()[1:]]
    assert seconds == sorted(seconds)


def test_another_machine_is_said(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        fit(built("imix"), examples(), plan(monitor_at=[2]), store(tmp_path), monitor=Stopper(2))
    here = loop.environment(CPU)
    monkeypatch.setattr(loop, "environment", lambda machine: {**here, "torch": "9.9"})
    says = fit(built("imix"), examples(), plan(monitor_at=[2]), store(tmp_path), resume=True, monitor=Stopper()).notes
    assert says[1:] == (f"torch is 9.9 now and was {here['torch']}: the result may differ in the last digits",)


KILLED = """
    import os, random, signal, sys, time
    from pathlib import Path

    import torch
    torch.set_num_threads(1)
    import lightning_fabric  # before the forks, which then begin at once
    sys.path.insert(0, {tests!r})
    from support import fits

    def train(folder, **more):
        method = fits.built("imix", dropout=0.2)
        fits.fit(method, fits.examples(), fits.long_plan(), fits.store(folder), monitor=fits.Stopper(), quiet=True, **more)
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


@pytest.mark.slow
def test_killed_at_ten_moments_and_resumed_is_unbroken_to_the_bit(tmp_path):
    """By SIGKILL, which nothing can answer: no step is lost, none is there twice, and the weights are the same."""
    code = textwrap.dedent(KILLED).format(tests=str(Path(__file__).parents[1]), root=str(tmp_path))
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
