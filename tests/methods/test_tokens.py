"""Methods and mixers on tokens: padding, patches and cls."""

from __future__ import annotations

import pytest
import torch

import mixtrast as mt
from mixtrast import spec
from mixtrast.mixers import MixContext
from support.sequences import NAN


def test_presence_decides_the_share_of_padded_tokens():
    """PatchMix at the embedding: of a text of two words and one of four, shares count words, not padding."""
    x = torch.tensor([[1, 2, 0, 0], [3, 4, 5, 1]])
    encoder = mt.encoders.get("transformer", spec.Tokens(4, 6, 0), dim=8, layers=1, heads=2)
    h = encoder.run(x, stop=1)
    assert encoder.present(h).tolist() == [[True, True, False, False], [True] * 4]
    mixer = mt.mixers.PatchMix()
    context = MixContext(tokens=True, present=True)
    ring = torch.tensor([[0, 1], [1, 0]])
    mask = torch.tensor([True, False, True, False])
    mixed, mix = mixer(h, torch.Generator().manual_seed(0), parents=ring, draw={"mask": mask}, context=context)
    assert encoder.present(mixed).tolist() == [[True, True, False, True], [True, True, True, False]]
    assert mix.weight[:, 0].tolist() == pytest.approx([1 / 3, 2 / 3])
    longer = torch.cat([x, torch.zeros(2, 3, dtype=torch.int64)], 1)
    wide = mt.encoders.get("transformer", spec.Tokens(7, 6, 0), dim=8, layers=1, heads=2)
    weights = encoder.state_dict()
    weights["stages.1.position"] = torch.cat([weights["stages.1.position"], torch.randn(1, 3, 8)], 1)
    wide.load_state_dict(weights)
    torch.testing.assert_close(wide.eval()(longer), encoder.eval()(x))  # padding changes nothing


def test_patches_of_tokens_are_of_tokens():
    x = torch.arange(2 * 6 * 4).float().view(2, 6, 4)
    mixer = mt.mixers.PatchMix(patch=2)
    ring, mask = torch.tensor([[0, 1], [1, 0]]), torch.tensor([True, False, True])
    context = MixContext(tokens=True)
    mixed, mix = mixer(x, torch.Generator().manual_seed(0), parents=ring, draw={"mask": mask}, context=context)
    assert mixed[0].eq(torch.cat([x[0, :2], x[1, 2:4], x[0, 4:]])).all()
    assert mix.weight[:, 0].tolist() == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize("options", [{"pool": "cls"}, {"compatible": "dabs"}, {}])
def test_shed_leaves_cls_where_it_is(options):
    encoder = mt.encoders.get("transformer", spec.Tokens(8, 30), dim=8, layers=1, heads=2, **options)
    method = mt.methods.ShED(encoder, depth=2)
    x = torch.randint(30, (5, 8), generator=torch.Generator().manual_seed(0))
    batch = mt.methods.Batch((x,), torch.zeros(5).long(), torch.arange(5))
    assert method(batch, torch.Generator().manual_seed(0)).value.isfinite()


def test_a_guess_that_is_not_finite_is_seen():
    method = mt.methods.MAE(mt.encoders.get("transformer", spec.Series(1, 8), dim=8, layers=1, heads=2, patch=2))
    with torch.no_grad():
        method.head[1].weight.fill_(NAN)
    batch = mt.methods.Batch((torch.randn(3, 1, 8),), torch.zeros(3).long(), torch.arange(3))
    assert method(batch, torch.Generator().manual_seed(0)).value.isnan()
