"""α over the run and by depth."""

from __future__ import annotations

import math

import pytest
import torch

import mixtrast as mt
from mixtrast.mixers import MixContext
from support.generators import seeded


@pytest.mark.parametrize(("shape", "half"), [("linear", 0.6), ("cosine", 0.6)])
def test_alpha_goes_from_the_one_to_the_other_over_the_run(shape, half):
    mixer = mt.mixers.Mixup(alpha=(1.0, 0.2, shape))
    seen = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        one, other = mixer.beta(MixContext(progress=progress))
        seen.append(one)
        assert one == other
    quarter = 0.8 if shape == "linear" else 0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2
    assert seen == pytest.approx([1.0, quarter, half, 0.2])


@pytest.mark.parametrize("name", mt.mixers.names())
def test_a_scheduled_alpha_is_the_alpha_of_that_moment(name):
    """Drawn at any moment as by a mixer that has that α for good; at an end of 0 nothing is mixed."""
    x = torch.rand(6, 2, 8, 8, generator=seeded(0))
    moving = mt.mixers.get(name, alpha=(2.0, 0.0, "linear"))
    mixed, mix = moving(x, seeded(1), context=MixContext(progress=0.75))
    fixed, same = mt.mixers.get(name, alpha=0.5)(x, seeded(1))
    assert mixed.equal(fixed)
    assert mix.weight.equal(same.weight)
    mixed, mix = moving(x, seeded(1), context=MixContext(progress=1.0))
    assert mixed.equal(x)
    assert (mix.weight[:, 0] == 1).all()


def test_alpha_by_depth():
    mixer = mt.mixers.Mixup(alpha={0: 1.0, 2: (2.0, 1.0, "linear")})
    assert mixer.beta(MixContext(progress=0.5)) == (1.0, 1.0)
    assert mixer.beta(MixContext(progress=0.5, depth=2)) == (1.5, 1.5)
    with pytest.raises(ValueError, match=r"`alpha` of Mixup has no value for depth 1, got .* Use one for each depth"):
        mixer(torch.rand(4, 3), seeded(), context=MixContext(depth=1))
    several = mt.mixers.get("mixup+cutmix", alpha={0: 1.0, 1: 0.0})
    x = torch.rand(4, 3)
    assert several(x, seeded(), context=MixContext(depth=1))[0].equal(x)


@pytest.mark.parametrize("wrong", [(1.0, 0.2, "step"), (1.0, -0.2, "linear"), (1.0, 0.2, 0.1), {}, {0: -1}, {0: "1"}], ids=repr)
def test_an_alpha_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="`alpha` of Mixup must be 0 or more, or a pair"):
        mt.mixers.Mixup(alpha=wrong)


def test_alpha_follows_the_depth_drawn_and_the_progress_of_a_run(tmp_path):
    """Over a run: the depth that was drawn and the share that is done, the same after it was resumed."""
    x = torch.rand(60, 6, generator=seeded(0))
    settings = {"encoder": {"name": "mlp", "widths": (8, 5)}, "batch": 20, "epochs": 4, "quiet": True}
    mixer = {"name": "mixup", "alpha": {0: (1.0, 0.0, "cosine"), 1: 0.5}}
    run = mt.train(x.numpy(), method={"name": "imix", "depth": (0, 1)}, mixer=mixer, out=tmp_path / "run", **settings)
    assert run.recipe.mixer.options["alpha"] == mixer["alpha"]
    again = mt.train(x.numpy(), recipe=run.folder / "recipe.yaml", out=tmp_path / "again", quiet=True)
    for name, weight in run.encoder().encoder.state_dict().items():
        assert weight.equal(again.encoder().encoder.state_dict()[name])
    fixed = mt.train(x.numpy(), method={"name": "imix", "depth": (0, 1)}, mixer="mixup", out=tmp_path / "fixed", **settings)
    assert not all(
        weight.equal(run.encoder().encoder.state_dict()[name]) for name, weight in fixed.encoder().encoder.state_dict().items()
    )
