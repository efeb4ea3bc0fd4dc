"""MixCo against the authors' numbers, from stored embeddings and from images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Method
from mixtrast.mixers import Mixup
from support.generators import seeded
from support.golden import HERE, load


class Played(nn.Module):
    """Gives stored vectors, a pass at a time, and keeps what it was shown."""

    def __init__(self, *passes: Tensor) -> None:
        super().__init__()
        self.passes, self.shown = list(passes), []

    def forward(self, x: Tensor) -> Tensor:
        self.shown.append(x)
        return self.passes[len(self.shown) - 1]


class Shares(Mixup):
    """Mixup of the partners it is given, with these shares."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.told = weight

    def __call__(self, x, generator, **options):
        return super().__call__(x, generator, **options, draw={"weight": self.told})


def golden_batch(a: dict[str, Tensor]) -> Batch:
    """Its images; where embeddings alone are stored, rows of one number that nobody looks at."""
    n = len(a["z1"])
    x1, x2 = (a.get(key, torch.zeros(n, 1, dtype=torch.float64)) for key in ("x1", "x2"))
    return Batch((x1, x2), torch.full((n,), -1), torch.arange(n))


def golden_method(a: dict[str, Tensor], on: Encoder) -> Method:
    shares = torch.cat([a["lam1"], a["lam2"]]).double()
    tau = {"temperature": float(a["temperature"]), "mix_temperature": float(a["mix_temperature"])}
    return mt.methods.get("mixco", on, mixer=Shares(shares), projector="none", **tau)


def agrees(loss: mt.methods.Loss, a: dict[str, Tensor]) -> None:
    for ours, key in ((loss.value, "loss"), (loss.parts["simclr"], "loss_ntxent"), (loss.parts["mixco"], "loss_mix")):
        torch.testing.assert_close(ours, a[key], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("case", load(HERE, "mixco_simclr"))
def test_mixco_is_the_authors_loss(case):
    """Stored vectors in place of the encoder: the loss, its terms, its gradients, and the images it mixed."""
    a, params = load(HERE, "mixco_simclr")[case]
    z = {key: a[key].clone().requires_grad_() for key in ("z1", "z2", "zmix1", "zmix2")}
    played = Played(torch.cat([z["z1"], z["z2"]]), torch.cat([z["zmix1"], z["zmix2"]]))
    given = golden_batch(a)
    made = golden_method(a, Encoder([played], a["z1"].shape[1]))
    loss = made(given, seeded())
    agrees(loss, a)
    assert played.shown[0].equal(torch.cat(given.views))
    if params["level"] == "end_to_end":
        torch.testing.assert_close(played.shown[1], torch.cat([a["mixed1"], a["mixed2"]]), rtol=1e-12, atol=1e-14)
    else:
        for key, grad in zip(z, torch.autograd.grad(loss.value, list(z.values())), strict=True):
            torch.testing.assert_close(grad, a[f"grad_{key}"], rtol=1e-7, atol=1e-10)


def test_mixco_is_the_authors_loss_from_image_to_weight():
    """Through the encoder they ran: losses and the gradients of images and of all weights."""
    whole = 0
    for a, params in load(HERE, "mixco_simclr").values():
        if params["level"] != "end_to_end":
            continue
        whole += 1
        first, last = (nn.Linear(*a[f"param/{name}.weight"].T.shape).double() for name in ("fc1", "fc"))
        with torch.no_grad():
            for layer, name in ((first, "fc1"), (last, "fc")):
                layer.weight.copy_(a[f"param/{name}.weight"])
                layer.bias.copy_(a[f"param/{name}.bias"])
        stages = [nn.Sequential(nn.Flatten(), first, nn.Tanh()), last]
        made = golden_method(a, Encoder(stages, last.out_features))
        given = golden_batch({key: x.clone() for key, x in a.items()})
        for view in given.views:
            view.requires_grad_()
        loss = made(given, seeded())
        agrees(loss, a)
        loss.value.backward()
        found = {"grad_x1": given.views[0].grad, "grad_x2": given.views[1].grad}
        found |= {f"grad_param/fc1.{key}": weight.grad for key, weight in first.named_parameters()}
        found |= {f"grad_param/fc.{key}": weight.grad for key, weight in last.named_parameters()}
        for key, grad in found.items():
            torch.testing.assert_close(grad, a[key], rtol=1e-7, atol=1e-10)
    assert whole == 2
