import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.algebra.labels import Mix
from mixtrast.validation import is_number
from mixtrast.views._view import View


class InputMix(View):
    """Each example is mixed with small shares of others and keeps its label: noise that follows the data.

        x' = (own + (1 - own) d_0) x_i + (1 - own) Σ_k d_k x_{j_k},        d ~ Dirichlet(alpha, ..., alpha)

    Args:
        others: how many others are mixed in, each from a random permutation of the batch.
        alpha: of the Dirichlet.
        own: the smallest share of the example itself.

    Reference: Lee et al., i-Mix, arXiv:2010.08887, section 3.3 and its code (two others, own .5; for its tables without
        augmentation). With one other the code has λ = max(b, 1 - b), b ~ Beta(alpha, alpha), and so has this.
    """

    def __init__(self, *, others: int = 2, alpha: float = 1.0, own: float = 0.5) -> None:
        numbers = isinstance(others, int) and is_number(alpha) and is_number(own)
        if not (numbers and others >= 1 and 0 < alpha < float("inf") and 0 <= own <= 1):
            got = f"got others={others!r}, alpha={alpha!r}, own={own!r}."
            raise ValueError(f"InputMix needs others >= 1, alpha > 0 and own in 0 to 1, {got}")
        self.others, self.alpha, self.own = others, alpha, own

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.draw(len(x), rng.numpy_generator(generator), x.device)(x)

    def draw(self, batch: int, numpy_rng: np.random.Generator, device: torch.device) -> Mix:
        """Draw the Mix of one batch, the share of the example itself first."""
        if self.others == 1 and self.own == 0.5:
            b = numpy_rng.beta(self.alpha, self.alpha, batch)
            shares = np.stack([np.maximum(b, 1 - b), np.minimum(b, 1 - b)], 1)
        else:
            shares = numpy_rng.dirichlet(np.full(self.others + 1, self.alpha), batch) * (1 - self.own)
            shares[:, 0] += self.own
        parents = np.stack([np.arange(batch), *(numpy_rng.permutation(batch) for _ in range(self.others))], 1)
        return Mix(rng.to(parents, device), rng.to(shares, device, torch.float32))
