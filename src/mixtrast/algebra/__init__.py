"""The algebra of mixing and contrasting: `Mix` and `Labels`, and every loss as a function of them."""

from mixtrast.algebra.labels import Labels as Labels
from mixtrast.algebra.labels import Mix as Mix
from mixtrast.algebra.losses import align as align
from mixtrast.algebra.losses import chance as chance
from mixtrast.algebra.losses import contrast as contrast
from mixtrast.algebra.losses import floor as floor
from mixtrast.algebra.losses import log_partition as log_partition
from mixtrast.algebra.losses import row_mass as row_mass
from mixtrast.algebra.losses import soft_cross_entropy as soft_cross_entropy
