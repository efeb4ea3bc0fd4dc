"""Signals: the step finishes, and the training is saved."""

from __future__ import annotations

import math
import os
import signal
import threading

import pytest
import torch
from torch import Tensor, nn

from mixtrast.methods import Batch
from mixtrast.training import Examples, Interrupted, TrainingError, fit
from support.fits import BATCH, FEATURES, STEPS, Own, Stopper, built, examples, lines, plan, same, store, weights


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_step_finish_and_saves(number, code, tmp_path):
    with pytest.raises(Interrupted, match="the checkpoint is saved") as caught:
        fit(
            built("imix"),
            examples(),
            plan(monitor_at=[3], checkpoint_every=1e6),
            store(tmp_path),
            monitor=Stopper(3, number=number),
        )
    assert caught.value.code == code
    assert store(tmp_path).load().state["step"] == 3
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
        fit(method, examples(), plan(), store(tmp_path))
    assert len(method.seen) == 3
    assert store(tmp_path).load().state["step"] == 2


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
                fit(built("imix"), examples(), plan(monitor_at=[2]), store(tmp_path), monitor=Stopper(2))
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


def test_a_signal_in_the_last_step_is_not_forgotten(tmp_path):
    with pytest.raises(Interrupted):
        fit(built("imix"), examples(), plan(monitor_at=[STEPS]), store(tmp_path), monitor=Stopper(STEPS))
