"""Encoders, mixers and views of the user's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import inference
from mixtrast.records.folder import ENCODER, UNTRAINED
from mixtrast.run import Run
from mixtrast.training import Interrupted
from mixtrast.views import View
from support.runs import blobs, same, small, state, stopping, timeless

pytestmark = pytest.mark.usefixtures("light")


class Net(nn.Module):
    """An encoder of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 12), nn.Linear(12, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu())


@pytest.mark.parametrize("make", [Net, lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))])
def test_an_encoder_of_ones_own(make, tmp_path):
    data, mine = blobs(), make()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    done = small(data, tmp_path / "run", encoder=mine)
    assert done.results.encoder == "own"
    assert done.recipe.encoder.to_dict() == {"name": "own", "made": type(mine).__name__}
    with pytest.raises(ValueError, match=r"is a module of your own.*Give a new one of the same architecture: module="):
        Run(done.folder).encoder()
    assert same(done.encoder().encoder.state_dict(), done.encoder(make()).encoder.state_dict())  # the run itself knows it
    with pytest.raises(ValueError, match="is damaged or of another encoder"):
        done.encoder(nn.Linear(4, 6))
    assert mine.training
    assert same(mine.state_dict(), before)  # a copy was trained
    assert not any(weight.grad is not None for weight in mine.parameters())
    again = small(data, tmp_path / "again", encoder=mine)
    assert same(state(done, module=make()), state(again, module=make()))
    kept = done.encoder(make())
    x = torch.from_numpy(data[0])
    assert not torch.equal(kept(x), mine(kept.scale(x)))
    with torch.no_grad():
        torch.testing.assert_close(kept(x), kept.encoder(kept.scale(x)))
    z, _ = done.embed(data, module=make())
    assert torch.equal(z, kept(x))
    untrained = done.encoder(make(), untrained=True).encoder
    assert [value.tolist() for value in untrained.state_dict().values()] == [value.tolist() for value in before.values()]
    assert done.evaluate("linear", data=data, module=make())["linear"]["trained"].values["accuracy"] > 0.5


def test_an_encoder_that_does_not_take_the_data_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"this encoder, Linear, fails on two examples of shape \(4,\)"):
        small(blobs(), tmp_path / "run", encoder=nn.Linear(5, 6))
    assert not (tmp_path / "run").exists()


def test_a_mixer_of_ones_own(tmp_path):
    done = small(blobs(), tmp_path / "run", method="imix", mixer=mt.mixers.Mixup(alpha=0.3))
    assert done.results.mixer == "own"
    assert "alpha=0.3" in done.recipe.mixer.options["made"]
    named = small(blobs(), tmp_path / "named", method="imix", mixer={"name": "mixup", "alpha": 0.3, "dominant": False})
    assert same(state(done), state(named))


class Twice(View):
    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return 2 * x


def test_a_view_of_ones_own(tmp_path):
    done = small(blobs(), tmp_path / "run", method="simclr", views={"mask": {"p": 0.1}, "twice": Twice()})
    assert done.recipe.views["mask"].options == {"p": 0.1, "fill": 0.0}
    assert done.recipe.views["twice"].to_dict() == {"name": "own", "made": "Twice()"}
    again = small(blobs(), tmp_path / "run", method="simclr", views={"mask": {"p": 0.1}, "twice": Twice()}, resume=True)
    assert again == done


def test_a_view_that_fails_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="a table has no neighbours"):
        small(blobs(), tmp_path / "run", views="shift")
    assert not (tmp_path / "run").exists()


def test_an_encoder_of_ones_own_resumes_from_other_weights(tmp_path, monkeypatch):
    torch.manual_seed(0)
    mine = Net()
    start = {name: value.clone() for name, value in mine.state_dict().items()}
    whole = small(blobs(), tmp_path / "one", encoder=mine)
    again = Net()
    again.load_state_dict(start)
    stopping(monkeypatch, 3)
    with pytest.raises(Interrupted):
        small(blobs(), tmp_path / "other", encoder=again)
    parts = small(blobs(), tmp_path / "other", encoder=Net(), resume=True)  # its weights are not used
    for untrained in (False, True):
        assert same(*(inference.load(done.folder, module=Net(), weights=UNTRAINED if untrained else ENCODER)
                      .encoder.state_dict() for done in (whole, parts)))  # fmt: skip
    assert timeless(whole.results) == timeless(parts.results)


@pytest.mark.parametrize("own", [{"mixer": mt.mixers.Mixup(alpha=0.3)}, {"views": {"twice": Twice()}}], ids=["mixer", "view"])
def test_a_run_with_parts_of_ones_own_is_evaluated(own, tmp_path):
    done = small(blobs(), tmp_path / "run", method="imix", **own)
    assert "trained" in done.evaluate("linear", data=blobs())["linear"]
