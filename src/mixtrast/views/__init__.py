"""Views: random augmentations that keep an example what it is, with a different draw for every example of the batch.

    x = view(x, generator)          x (B,...), on its own device; the generator lives on the CPU

One file each; the file name is the name. Views of unscaled images (`View.unscaled`) come before the input is scaled, all
others after. `pipeline` names the combinations of published code. Mixing that leaves the label alone (`inputmix`, `cutout`) is
a view.
"""

from mixtrast import registry
from mixtrast.views._pipelines import PIPELINES as PIPELINES
from mixtrast.views._pipelines import pipeline as pipeline
from mixtrast.views._scale import Scale as Scale
from mixtrast.views._scale import intensity as intensity
from mixtrast.views._view import View as View
from mixtrast.views._view import get as get

names, __getattr__, __dir__ = registry.exports(__name__)
