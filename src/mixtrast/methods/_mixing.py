from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from mixtrast import mixers
from mixtrast.algebra.labels import Mix
from mixtrast.encoders import evaluation_mode
from mixtrast.methods._method import DefaultMixer, Method
from mixtrast.mixers import MixContext, Mixer, OneOf


class MixingMethod(Method):
    """A method that mixes examples: its mixer, and the depths of which one is drawn for each batch."""

    mixer: Mixer | OneOf | None  # None only where a method can do without: plain supervised training
    depth: tuple[int, ...]  # 0 is the input

    def set_mixing(self, mixer: Mixer | OneOf | None, depth: int | tuple[int, ...]) -> None:
        """Set mixer and depths, checked against each other and against the encoder; without a mixer, the default one."""
        if mixer is None:
            default = self.default_mixer or DefaultMixer("mixup")
            mixer = mixers.get(default.name, **default.options)
        if not isinstance(mixer, (Mixer, OneOf)):
            raise TypeError(f"`mixer` of {type(self).__name__} must be a mixer, got {mixer!r}. By name: mixers.get('mixup').")
        depths = self.checked_depths(depth)
        for one in mixer.mixers if isinstance(mixer, OneOf) else (mixer,):
            alpha = getattr(one, "alpha", None)
            if isinstance(alpha, Mapping) and set(alpha) != set(depths):
                must = f"must have one value for each depth of {type(self).__name__}, which are {depths}"
                raise ValueError(f"`alpha` of the mixer {must}, got {alpha!r}.")
        self.mixer, self.depth = mixer, depths

    def draw_depth(self, generator: torch.Generator) -> int:
        """One of the depths, uniformly, for this batch; nothing is drawn where there is only one."""
        if len(self.depth) == 1:
            return self.depth[0]
        return self.depth[int(torch.randint(len(self.depth), (), generator=generator))]

    def mix(
        self, h: Tensor, generator: torch.Generator, depth: int, *, pool: Tensor | None = None, parents: Tensor | None = None
    ) -> tuple[Tensor, Mix]:
        """Mix examples at this depth: the mixtures, and what was mixed; see `Mixer`."""
        assert self.mixer is not None
        tokens = self.encoder.is_tokens(depth)
        present, importance = tokens and self.encoder.padded, partial(self.sensitivity, depth)
        context = MixContext(self.progress, depth, tokens, present, importance)
        return self.mixer(h, generator, pool=pool, parents=parents, context=context)

    def sensitivity(self, depth: int, h: Tensor) -> Tensor:
        """|∂ ½|f(h)|² / ∂h|, like h: how much each number at this depth changes the features, in evaluation mode."""
        with evaluation_mode(self.encoder), torch.enable_grad():
            inputs = h.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.encoder.run(inputs, depth).float().square().sum() / 2, inputs)
        return gradient.abs()
