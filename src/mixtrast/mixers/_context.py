from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class MixContext:
    """What a mixer may need to know of a batch besides its examples.

    With `present`, the last number of each token is 1 where the token is present and 0 where it is padding; PatchMix then
    counts present tokens only, the other mixers all places. `importance` is (P,*space) >= 0, how much each place of the pool
    matters; or a function from the pool (P,...) to as many numbers >= 0, which mixers with `needs_importance`
    call, and average over channels.
    """

    progress: float = 0.0  # share of training that is done, 0 to 1; `alpha` may follow it
    depth: int = 0  # encoder depth at which the batch is mixed; `alpha` may differ by depth
    tokens: bool = False  # whether examples (B,T,D) are T tokens of D numbers, and not D channels over T times
    present: bool = False
    importance: Tensor | Callable[[Tensor], Tensor] | None = None
