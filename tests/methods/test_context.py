"""What a method tells its mixer of a batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import mixtrast as mt
from mixtrast import spec
from mixtrast.mixers import MixContext, Mixup
from support.generators import seeded
from support.methods import batch_for, method, value


class Recorder(Mixup):
    """Mixup that stores the contexts of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[MixContext] = []

    def __call__(self, *args: Any, context: MixContext | None = None, **options: Any) -> Any:
        assert context is not None
        self.contexts.append(context)
        return super().__call__(*args, context=context, **options)


@pytest.mark.parametrize("name", ["dacl", "imix", "mixco", "mixsupcon", "supervised"])
def test_a_context_has_the_depth_drawn_and_the_progress(name):
    mixer = Recorder()
    made = method(name, mixer=mixer, depth=(0, 2))
    for step in range(8):
        made.before_step(step / 8)
        value(made, batch_for(made), step)
        assert mixer.contexts[-1].progress == step / 8
    assert {context.depth for context in mixer.contexts} == {0, 2}
    assert not any(context.tokens or context.present for context in mixer.contexts)


@pytest.mark.parametrize(("kind", "padded"), [(spec.Tokens(9, 20, pad=0), True), (spec.Tokens(9, 20), False)])
def test_a_context_says_what_tokens_are(kind, padded):
    mixer, x = Recorder(), torch.randint(1, 20, (4, 9), generator=seeded(0))
    encoder = mt.encoders.get("transformer", kind, dim=8, layers=1, heads=2)
    made = mt.methods.get("emix", encoder, mixer=mixer, depth=(1, 2, 4))  # 4: the vector
    for seed in range(12):
        made(mt.methods.Batch((x,), torch.zeros(4).long(), torch.arange(4)), seeded(seed))
    assert {(context.depth, context.tokens, context.present) for context in mixer.contexts} == {
        (1, True, padded),
        (2, True, padded),
        (4, False, False),
    }
    h = encoder.run(x, stop=1)
    assert mixer.contexts[-1].importance(encoder.run(x, stop=mixer.contexts[-1].depth)).min() >= 0
    assert made.sensitivity(1, h).shape == h.shape
