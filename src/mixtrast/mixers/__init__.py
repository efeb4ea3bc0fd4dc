"""Mixers: two (or K) examples become one mixture, and a `Mix` says what was mixed. One file each; the file name is the name.

    mixed, mix = mixer(x, generator)            partners are a random permutation of the batch
    labels.mix(mix)                             the labels of the mixtures, of any kind

`get("cutmix", alpha=0.5)` builds a mixer by name, `get("mixup+cutmix")` one that draws among several for every batch.
"""

from mixtrast import registry
from mixtrast.mixers._context import MixContext as MixContext
from mixtrast.mixers._mixer import Mixer as Mixer
from mixtrast.mixers._mixer import OneOf as OneOf
from mixtrast.mixers._mixer import get as get

names, __getattr__, __dir__ = registry.exports(__name__)
