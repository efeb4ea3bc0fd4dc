"""DABS against the numbers of its own code: the transformer, whole steps of e-mix, and ShED (README.md).

Its inputs of three dimensions and of two kinds at once have no counterpart here; of these cases all but the embedding is
checked, from the embedded inputs that are stored.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import spec
from mixtrast.encoders import Encoder
from mixtrast.encoders.transformer import Layer, Pool, Position
from mixtrast.methods import Batch
from mixtrast.methods._tokens import Chosen
from mixtrast.methods.shed import move
from support.generators import seeded
from support.golden import GRAD, HERE, VALUE, Told, load

# Their names -> ours, within a layer of the transformer.
LAYER = {
    "0.norm": "norm1", "0.fn.to_qkv": "qkv", "0.fn.to_out.0": "out.0", "1.norm": "norm2", "1.fn.net.0": "mlp.0",
    "1.fn.net.3": "mlp.3",
}  # fmt: skip


def spec_of(described: dict[str, Any]) -> spec.Spec | None:
    match described["input_type"]:
        case "tokens":
            return spec.Tokens(described["seq_len"], described["vocab_size"])
        case "1d":
            return spec.Series(described["in_channels"], described["seq_len"])
        case "2d":
            return spec.Image(described["in_channels"], *described["input_size"])
        case "tabular":
            return spec.Table(described["num_features"])
    return None


def renamed(name: str) -> str:
    """Of their state, ours."""
    if name == "pos_embedding":
        return "stages.1.position"
    if name == "cls_token":
        return "stages.1.cls"
    if name.startswith("transformer.layers."):
        layer, rest = name.removeprefix("transformer.layers.").split(".", 1)
        part, kind = rest.rsplit(".", 1)
        return f"stages.{2 + int(layer)}.{LAYER[part]}.{kind}"
    return name


def built(a: dict[str, Tensor], p: dict[str, Any]) -> tuple[Encoder, nn.Module, dict[str, Tensor]]:
    """The encoder and the head with their weights, and {their name: our weight}."""
    model = p["model"]
    options = {"dim": model["dim"], "layers": model["depth"], "heads": model["heads"], "head": model["dim_head"]}
    what = spec_of(p["specs"][0]) if len(p["specs"]) == 1 else None
    patch = p["specs"][0].get("patch_size", p["specs"][0].get("segment_size"))
    pool = model.get("pool", "mean")
    if what is not None:
        made = mt.encoders.get(
            "transformer", what, **options, hidden=model["mlp_dim"], pool=pool, compatible="dabs", dropout=0.0,
            patch=tuple(patch) if isinstance(patch, list) else patch,
        )  # fmt: skip
    else:
        sizes = (model["dim"], model["heads"], model["dim_head"], model["mlp_dim"], 0.0, False)
        body = [Layer(*sizes) for _ in range(model["depth"])]
        length = a["param/pos_embedding"].shape[1] - 1
        place, last = Position(length, model["dim"], True, 0.0, False), Pool(model["dim"], pool, False, norm=False)
        made = Encoder([nn.Identity(), place, *body, last], model["dim"])
    made, head = made.double(), mt.encoders.head("lnlinear", model["dim"], model["out_dim"]).double()
    ours = dict(made.named_parameters())
    names: dict[str, Tensor] = {}
    for key in (key.removeprefix("param/") for key in a if key.startswith("param/")):
        if key.startswith("mlp_head"):
            names[key] = dict(head.named_parameters())[key.removeprefix("mlp_head.")]
        elif not key.startswith("embed_modules"):
            names[key] = ours[renamed(key)]
        elif what is not None and key.endswith("weight"):
            first = next(name for name in ("table.weight", "linear.weight", "slope") if f"stages.0.{name}" in ours)
            names[key] = ours[f"stages.0.{first}"]
        elif what is not None:
            names[key] = ours.get("stages.0.linear.bias", ours.get("stages.0.offset"))
    with torch.no_grad():
        for key, weight in names.items():
            weight.copy_(a[f"param/{key}"].view_as(weight))
    assert len(ours) + 4 == len(names) or what is None, "every weight has its counterpart"
    return made.eval(), head.eval(), names


@pytest.mark.parametrize("case", load(HERE, "dabs_transformer"))
def test_the_transformer_is_that_of_dabs(case):
    a, p = load(HERE, "dabs_transformer")[case]
    made, head, _ = built(a, p)
    embs = a["embs"].clone().requires_grad_()
    if len(p["specs"]) == 1 and spec_of(p["specs"][0]) is not None:
        x = a["input/0"]
        if p["specs"][0]["input_type"] == "1d":
            x = x.transpose(1, 2).contiguous()
        elif p["specs"][0]["input_type"] == "tabular":
            x = x[..., 0]
        torch.testing.assert_close(made.run(x, stop=1), a["embs"], **VALUE)
        tokens = made.token_outputs(a["embs"], 1)
        torch.testing.assert_close(tokens, a["tokens_out"][:, 1:], **VALUE)
    torch.testing.assert_close(made.run(embs, 1, len(made.stages) - 1), a["tokens_out"], **VALUE)
    h = made.run(embs, 1)
    torch.testing.assert_close(h, a["prehead"], **VALUE)
    out = head(h)
    torch.testing.assert_close(out, a["out"], **VALUE)
    (out * a["cotangent"]).sum().backward()
    torch.testing.assert_close(embs.grad, a["grad_embs"], **GRAD)


def check_gradients(a: dict[str, Tensor], names: dict[str, Tensor], suffix: str) -> None:
    """Of every weight; those that the step has no part in have none, or 0."""
    checked = 0
    for key, weight in names.items():
        stored = a.get(f"grad_param{suffix}/{key}")
        if stored is None:
            continue
        ours = torch.zeros_like(weight) if weight.grad is None else weight.grad
        torch.testing.assert_close(ours.view_as(stored), stored, **GRAD, msg=lambda said, key=key: f"{key}: {said}")
        checked += 1
    assert checked > 10


@pytest.mark.parametrize("compatible", ["none", "dabs"])
@pytest.mark.parametrize("case", ["case_05", "case_06"])
def test_a_step_of_emix_is_that_of_dabs(case, compatible):
    a, p = load(HERE, "dabs_emix")[case]
    made, head, names = built(a, p)
    told = Told(a)
    method = mt.methods.EMix(made, mixer=told, compatible=compatible, dim=p["model"]["out_dim"]).double()
    method.projector = head
    x = a["input/0"]
    loss = method(Batch((x,), torch.zeros(len(x)).long(), torch.arange(len(x))), seeded())
    suffix = "_as_documented" if compatible == "none" else "_as_run"
    torch.testing.assert_close(told.made, a["embs_mixed"], **VALUE)
    torch.testing.assert_close(loss.value, a[f"loss{suffix}"], **VALUE)
    loss.value.backward()
    check_gradients(a, names, suffix)


@pytest.mark.parametrize("case", load(HERE, "dabs_shed"))
def test_shed_is_that_of_dabs(case):
    a, p = load(HERE, "dabs_shed")[case]
    many = int(a["num_to_permute"])
    rows, tokens = a["embs"].shape[:2]
    assert many == math.ceil(tokens * float(a["corruption_rate"]) - 1e-9)
    chosen = Chosen(a["indices"], torch.ones(rows, many, dtype=torch.bool), torch.full((rows,), many))
    moved, mark = move(a["embs"], chosen)
    torch.testing.assert_close(moved, a["permuted_embs"], rtol=0, atol=0)
    assert mark.long().equal(a["is_permuted"])
    made, _, names = built(a, p)
    method = mt.methods.ShED(made, rate=float(a["corruption_rate"]), compatible="dabs").double()
    with torch.no_grad():
        method.head.weight.copy_(a["pred_weight"])
        method.head.bias.copy_(a["pred_bias"])
    outputs = a["tokens_out"].clone().requires_grad_()
    loss = method.detect(outputs[:, 1:], mark, None).value
    torch.testing.assert_close(loss, a["loss"], **VALUE)
    loss.backward()
    torch.testing.assert_close(outputs.grad, a["grad_tokens_out"], **GRAD)
    method.zero_grad()
    # Whole: from the ids or numbers on, through every weight.
    x = a["input/0"]
    h = made.run(x[..., 0] if x.dim() == 3 else x, stop=1)
    torch.testing.assert_close(h, a["embs"], **VALUE)
    moved, mark = move(h, chosen)
    loss = method.detect(made.token_outputs(moved, 1), mark, None).value
    torch.testing.assert_close(loss, a["loss"], **VALUE)
    loss.backward()
    check_gradients(a, names, "")
    torch.testing.assert_close(method.head.weight.grad, a["grad_pred_weight"], **GRAD)
    torch.testing.assert_close(method.head.bias.grad, a["grad_pred_bias"], **GRAD)


def test_the_ring_of_shed_moves_every_token_and_the_default_says_what_changed():
    """A loop: place j of the chosen takes what was at place j - 1; a token replaced by its like has not changed."""
    method = mt.methods.ShED(mt.encoders.get("transformer", spec.Tokens(6, 4), dim=8, layers=1, heads=2), rate=0.5)
    h = torch.randn(5, 6, 8, generator=seeded())
    chosen = Chosen(torch.tensor([[4, 0, 2]] * 5), torch.tensor([[True] * 3] * 4 + [[True, True, False]]),
                    torch.tensor([3] * 4 + [2]))  # fmt: skip
    moved, mark = move(h, chosen)
    for row in range(5):
        places = [4, 0, 2][: int(chosen.many[row])]
        for at in range(6):
            source = places[places.index(at) - 1] if at in places else at
            assert moved[row, at].equal(h[row, source])
            assert bool(mark[row, at]) == (at in places)
    same = torch.tensor([[1, 1, 1, 1, 1, 1]])
    loss = method.eval()(Batch((same,), torch.zeros(1).long(), torch.zeros(1).long()), seeded())
    assert float(loss.chance()) == 0.0  # nothing changed: nothing to tell
