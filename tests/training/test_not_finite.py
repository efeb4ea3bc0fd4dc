"""Numbers that are not finite are named with the step, the example and a way out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mixtrast import methods
from mixtrast.methods import Batch, Loss
from mixtrast.training import TrainingError, fit
from mixtrast.views import View
from support.fits import BATCH, FEATURES, STEPS, Own, built, examples, plan, store


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("method", ["imix", "supervised", "mixsupcon"])
def test_weights_that_blow_up_are_named_with_the_step_and_a_way_out(method, name, tmp_path):
    made = plan(optimizer=name, lr=1e38, warmup=0.0, weight_decay=0.5)
    with pytest.raises(TrainingError) as caught:
        fit(built(method), examples(), made, store(tmp_path))
    said, found = str(caught.value), store(tmp_path).load()
    at = 2 if found else 1  # AdamW's first step leaves the range of numbers, and such weights are not kept
    assert at == {"sgd": 2, "adamw": 1}[name]
    assert f"training stopped at step {at} of {STEPS}: " in said
    assert "not finite" in said
    assert ("The last checkpoint is valid." in said) == (found is not None)
    assert "Try a lower learning rate (it is 1e+38), --training.clip 1, or a higher temperature." in said
    if found:
        assert found.state["step"] == 1
        assert all(value.isfinite().all() for value in found.state["method"].values())


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
    view = Poison(float(data.x[17, 0]), after=3 * method.views_needed)
    with pytest.raises(TrainingError, match=r"the views are not finite for 1 training examples, first 17 ") as caught:
        fit(method, data, plan(views=[view], steps=40), store(tmp_path))
    step = int(str(caught.value).partition("step ")[2].split()[0])
    assert step > 3
    state = store(tmp_path).load().state
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


def test_the_step_that_was_too_large_is_named(tmp_path):
    """The first step has none before it."""
    with pytest.raises(TrainingError) as caught:
        fit(built("imix"), examples(), plan(optimizer="adamw", lr=1e38, warmup=0.0, weight_decay=0.5), store(tmp_path))
    assert "stopped at step 1 " in str(caught.value)
    assert "the step before" not in str(caught.value)
