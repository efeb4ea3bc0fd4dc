"""Encoders: an example becomes a vector. One file each; a file may have named sizes of its encoder.

    encoder = get("resnet", spec, width=32)
    h = encoder(x)                              (B, *spec.shape) -> (B, dim)
    h = encoder.run(x, stop=2)                  the first two stages: what is mixed at depth 2

Any `nn.Module` of your own can be used: `wrap(module, spec)`.
"""

from mixtrast import registry
from mixtrast.encoders._ema import EMA as EMA
from mixtrast.encoders._encoder import Encoder as Encoder
from mixtrast.encoders._encoder import get as get
from mixtrast.encoders._heads import Head as Head
from mixtrast.encoders._heads import head as head
from mixtrast.encoders._modes import evaluation_mode as evaluation_mode
from mixtrast.encoders._split import merge_norms as merge_norms
from mixtrast.encoders._split import split_norms as split_norms
from mixtrast.encoders._tokens import Tokenize as Tokenize
from mixtrast.encoders._wrap import wrap as wrap

names, __getattr__, __dir__ = registry.exports(__name__)
