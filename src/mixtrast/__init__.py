"""mixtrast: learn representations by mixing examples and contrasting the mixtures.

mt.Mix, mt.Labels                           what was mixed, and who each row is
mt.contrast, mt.align                       every loss of the field, from those two
mt.log_partition, mt.soft_cross_entropy, mt.row_mass, mt.chance
mt.mixers.CutMix, mt.views.InputMix, ...    the rooms; `mt.mixers.names()` lists one
"""

from mixtrast import mixers as mixers
from mixtrast import views as views
from mixtrast.algebra import align as align
from mixtrast.algebra import chance as chance
from mixtrast.algebra import contrast as contrast
from mixtrast.algebra import log_partition as log_partition
from mixtrast.algebra import row_mass as row_mass
from mixtrast.algebra import soft_cross_entropy as soft_cross_entropy
from mixtrast.labels import Labels as Labels
from mixtrast.labels import Mix as Mix

__version__ = "0.1.0"
