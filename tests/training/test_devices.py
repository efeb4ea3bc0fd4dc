"""Where a training runs, and in which precision and order of memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mixtrast as mt
from mixtrast import encoders, spec
from mixtrast.recipe import Training
from mixtrast.training import Machine, choose, devices


def test_the_machine_is_chosen_with_reasons():
    mlp, resnet = encoders.get("mlp", spec.Table(3)), encoders.get("resnet8", spec.Image(1, 8, 8))
    asked = Training(device="cpu", precision="32-true", channels_last=True)
    assert choose(asked, mlp, (3,)) == Machine("cpu", "32-true", True, {})
    chosen = choose(Training(device="cpu"), mlp, (3,))
    assert (chosen.device, chosen.channels_last) == ("cpu", False)
    assert set(chosen.reasons) == {"precision", "channels_last"}
    assert choose(Training(device="cpu"), resnet, (1, 8, 8)).channels_last
    assert choose(Training(), resnet, (1, 8, 8)).reasons.keys() == {"device", "precision", "channels_last"}


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
    assert "fails in this order" in choose(Training(), encoder, (1, 8, 8)).reasons["channels_last"]
    with pytest.raises(ValueError, match=r"`channels_last` fails in your module.* Use `flatten`"):
        choose(Training(channels_last=True), encoder, (1, 8, 8))
    own = encoders.Encoder([Flattened()], 5)
    assert not encoders.wrap(own, spec.Image(1, 8, 8)).channels_last
    deep = nn.Sequential(nn.Unflatten(1, (1, 1)), nn.Conv3d(1, 2, (1, 3, 3)), nn.Flatten())  # weights of five dimensions
    assert not encoders.wrap(deep, spec.Image(1, 8, 8)).channels_last
    assert encoders.wrap(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), spec.Image(1, 8, 8)).channels_last


def test_channels_last_is_not_chosen_where_it_computes_wrong_values(monkeypatch):
    resnet = encoders.get("resnet8", spec.Image(1, 16, 3))
    monkeypatch.setattr(devices, "_agrees", lambda *given: False)
    chosen = choose(Training(device="cpu"), resnet, (1, 16, 3))
    assert not chosen.channels_last
    assert "wrong values" in chosen.reasons["channels_last"]
    monkeypatch.undo()
    assert devices._agrees(resnet, (1, 16, 3), "32-true")
    assert devices._agrees(encoders.get("resnet8", spec.Image(1, 8, 8)), (1, 8, 8), "bf16-mixed")


def test_a_device_that_is_not_here_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"`device` cuda is not available here; there is cpu.*Leave it at auto"):
        choose(Training(device="cuda"), encoders.get("mlp", spec.Table(3)), (3,))
