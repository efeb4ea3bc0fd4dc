"""Whole steps of the authors' code, done by our methods: mixing, both networks, the loss, its gradients, the queue.

The numbers are those of README.md: `imix_e2e` and the end-to-end case of `mixco_moco`, with their tiny encoder; the queue of
`moco`; the bank of `lightly_bank`; and `cosine`, what BYOL and its relatives compare.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

import mixtrast as mt
from mixtrast import Labels
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch
from mixtrast.methods._momentum import Queue
from support.generators import seeded
from support.golden import GRAD, HERE, VALUE, Told, identities, load


def params(a: dict[str, Tensor], which: str) -> dict[str, Tensor]:
    return {key.partition("/")[2]: value for key, value in a.items() if key.startswith(f"{which}/")}


def tiny(weights: dict[str, Tensor]) -> Encoder:
    """flatten -> fc1 -> tanh -> fc; depth 1 is what leaves fc1."""
    first, last = (nn.Linear(*reversed(weights[f"{name}.weight"].shape)).double() for name in ("fc1", "fc"))
    made = Encoder([nn.Sequential(nn.Flatten(), first), nn.Sequential(nn.Tanh(), last)], last.out_features)
    fill(made, weights)
    return made


@torch.no_grad()
def fill(made: Encoder, weights: dict[str, Tensor]) -> None:
    for name, layer in (("fc1", made.stages[0][1]), ("fc", made.stages[1][1])):
        layer.weight.copy_(weights[f"{name}.weight"])
        layer.bias.copy_(weights[f"{name}.bias"])


def named(made: Encoder) -> dict[str, Tensor]:
    layers = {"fc1": made.stages[0][1], "fc": made.stages[1][1]}
    return {f"{name}.{kind}": getattr(layer, kind) for name, layer in layers.items() for kind in ("weight", "bias")}


def prepared(made: mt.methods.Method, a: dict[str, Tensor]) -> None:
    """The target network takes its step first, as the authors' code does at the beginning of a forward pass."""
    fill(made.keys.target.encoder, params(a, "param_k"))
    made.keys.target.follow(made.encoder, made.projector, 0.0)
    for name, weight in params(a, "param_k_after").items():
        torch.testing.assert_close(named(made.keys.target.encoder)[name], weight, **VALUE)
    if "queue" in a:
        made.keys.queue.keys.copy_(a["queue"].T)
        made.keys.queue.at.fill_(int(a["queue_ptr"]))


def check_queue(made: mt.methods.Method, a: dict[str, Tensor]) -> None:
    made.after_step(0.0)
    torch.testing.assert_close(made.keys.queue.keys, a["queue_after"].T, **VALUE)
    assert int(made.keys.queue.at) == int(a["queue_ptr_after"])


@pytest.mark.parametrize("case", load(HERE, "imix_e2e"))
def test_a_step_of_imix_is_the_authors(case):
    stored, p = load(HERE, "imix_e2e")[case]
    a = {key: value.clone() for key, value in stored.items()}
    base, weights = {"npair": "npair", "mocon": "moco", "byol": "byol"}[p["method"]], params(a, "param_q")
    options: dict[str, Any] = {"queue": a["queue"].shape[1]} if base == "moco" else {}
    if base != "npair":
        options["momentum"] = float(a["momentum"])
    mixer = Told(a)
    made = mt.methods.IMix(
        tiny(weights), base=base, mixer=mixer, depth=p["mix_layer"], temperature=float(a["temperature"]), projector="none",
        **options,
    ).double()  # fmt: skip
    if base == "byol":
        layers = [nn.Linear(*reversed(weights[f"pred.{at}.weight"].shape)).double() for at in (0, 2)]
        made.predictor = nn.Sequential(layers[0], nn.ReLU(), layers[1])
        made.predictor.load_state_dict({name[5:]: weight for name, weight in weights.items() if name.startswith("pred.")})
    if base != "npair":
        prepared(made, a)
    x1, x2 = a["x1"].requires_grad_(), a["x2"].requires_grad_()
    loss = made(Batch((x1, x2), torch.full((len(x1),), -1), torch.arange(len(x1))), seeded(0))
    torch.testing.assert_close(mixer.made.detach(), a["mixed"], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(loss.value.detach(), a["loss"], **VALUE)
    loss.value.backward()
    ours = named(made.encoder)
    for name, wanted in params(a, "grad_param_q").items():
        found = dict(made.predictor.named_parameters())[name[5:]] if name.startswith("pred.") else ours[name]
        torch.testing.assert_close(found.grad, wanted, **GRAD)
    torch.testing.assert_close(x1.grad, a["grad_x1"], **GRAD)
    torch.testing.assert_close(torch.zeros_like(x2) if x2.grad is None else x2.grad, a["grad_x2"], **GRAD)
    if base == "moco":
        check_queue(made, a)


def test_a_step_of_mixco_on_moco_is_the_authors():
    stored, _ = load(HERE, "mixco_moco")["case_03"]
    a = {key: value.clone() for key, value in stored.items()}
    made = mt.methods.MixCo(
        tiny(params(a, "param_q")), base="moco", mixer=Told(a), weight=float(a["mix_param"]), queue=a["queue"].shape[1],
        temperature=float(a["temperature"]), mix_temperature=float(a["mix_temperature"]), momentum=float(a["momentum"]),
        projector="none",
    ).double()  # fmt: skip
    prepared(made, a)
    loss = made(Batch((a["xq"], a["xk"]), torch.full((8,), -1), torch.arange(8)), seeded(0))
    torch.testing.assert_close(made.mixer.made, a["mixed"], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(loss.value.detach(), a["loss"], **VALUE)
    torch.testing.assert_close(loss.parts["moco"], a["loss_moco"], **VALUE)
    torch.testing.assert_close(loss.parts["mixco"], a["loss_mix"], **VALUE)
    loss.value.backward()
    for name, wanted in params(a, "grad_param_q").items():
        torch.testing.assert_close(named(made.encoder)[name].grad, wanted, **GRAD)
    check_queue(made, a)


@pytest.mark.parametrize("family", ["moco", "mixco_moco"])
def test_the_queue_is_the_authors(family):
    for a, _ in load(HERE, family).values():
        line = Queue(a["queue"].shape[1], len(a["queue"])).double()
        line.keys.copy_(a["queue"].T)
        line.at.fill_(int(a["queue_ptr"]))
        line.add(normalize(a["k"]))
        torch.testing.assert_close(line.keys, a["queue_after"].T, **VALUE)
        assert int(line.at) == int(a["queue_ptr_after"])


@pytest.mark.parametrize("case", load(HERE, "lightly_bank"))
def test_the_bank_of_lightly_is_our_queue_until_it_overflows(case):
    """Where a batch does not fit into what is left, lightly drops the rest of it, and ours goes on at the beginning."""
    a, _ = load(HERE, "lightly_bank")[case]
    temperature, (n, length) = float(a["temperature"]), (a["out0"].shape[1], a["bank_before"].shape[1])
    same = 0
    for step in range(len(a["loss"])):
        line = Queue(length, a["out0"].shape[2]).double()
        line.keys.copy_(a["bank_before"][step])
        line.at.fill_(int(a["ptr_before"][step]))
        q, k = a["out0"][step].clone().requires_grad_(), a["out1"][step].clone().requires_grad_()
        loss = mt.contrast(
            normalize(q), line.keys, identities(n), Labels.nobody(length), temperature=temperature, paired=normalize(k)
        )
        torch.testing.assert_close(loss.detach(), a["loss"][step], **VALUE)
        loss.backward()
        if a["updated"][step]:
            torch.testing.assert_close(q.grad, a["grad_out0"][step], **GRAD)
            torch.testing.assert_close(k.grad, a["grad_out1"][step], **GRAD)
        if a["updated"][step] and int(line.at) + n <= length:
            line.add(normalize(k))
            torch.testing.assert_close(line.keys, a["bank_before"][step + 1], **VALUE)
            assert int(line.at) == int(a["ptr_before"][step + 1])
            same += 1
    assert same >= 2


@pytest.mark.parametrize("case", load(HERE, "cosine"))
def test_cosines_are_align(case):
    stored, _ = load(HERE, "cosine")[case]
    a = {key: value.clone() for key, value in stored.items()}
    p, z, p2, z2 = (a[name].requires_grad_() for name in ("p", "z", "p2", "z2"))
    who = identities(len(p))

    def attraction(x: Tensor, to: Tensor) -> Tensor:
        return mt.align(normalize(x), normalize(to), who, who)

    def check(value: Tensor, name: str, **by: tuple[Tensor, str]) -> None:
        torch.testing.assert_close(value.detach(), a[name], **VALUE)
        for at, key in by.values():
            torch.testing.assert_close(torch.autograd.grad(value, at, retain_graph=True)[0], a[key], **GRAD)

    check(attraction(p, z) / 2 - 1, "neg_cos", p=(p, "grad_neg_cos_p"), z=(z, "grad_neg_cos_z"))
    check(attraction(p, z.detach()), "byol", p=(p, "grad_byol_p"))
    symmetric = (attraction(p, z2.detach()) + attraction(p2, z.detach())) / 4 - 1
    check(symmetric, "sym_neg_cos", p=(p, "grad_sym_p"), p2=(p2, "grad_sym_p2"))
    temperature = float(a["temperature"])
    third = 2 * temperature * mt.contrast(normalize(p), normalize(z), who, who, temperature=temperature)
    check(third, "mocov3", p=(p, "grad_mocov3_p"), z=(z, "grad_mocov3_z"))
