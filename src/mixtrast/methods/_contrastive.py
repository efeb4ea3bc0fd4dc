from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mixtrast import algebra
from mixtrast.algebra.labels import Labels
from mixtrast.encoders import Encoder, Head, head
from mixtrast.methods._batch import Loss
from mixtrast.methods._method import Method
from mixtrast.validation import is_number


class Embedding(Method):
    """A method whose loss is of unit vectors: z = projector(encoder(x)) / |...|."""

    def __init__(self, encoder: Encoder, projector: Head, dim: int) -> None:
        super().__init__(encoder)
        if not isinstance(dim, int) or dim < 1:
            raise ValueError(f"`dim` of {type(self).__name__} must be a whole number above 0, got {dim!r}. Usual is 128.")
        self.projector = head(projector, encoder.dim, dim)
        self.dim = encoder.dim if projector == "none" else dim

    def project(self, x: Tensor, start: int = 0) -> Tensor:
        """(N, ...) at depth `start` -> vectors (N, dim) of any length, the input of a predictor."""
        projected: Tensor = self.projector(self.encoder.run(x, start))
        return projected

    def embed(self, x: Tensor, start: int = 0) -> Tensor:
        """(N, ...) at depth `start` -> unit vectors (N, dim)."""
        return unit(self.project(x, start))


class Contrastive(Embedding):
    """A method that contrasts unit vectors at a temperature."""

    def __init__(self, encoder: Encoder, temperature: float, projector: Head, dim: int) -> None:
        super().__init__(encoder, projector, dim)
        self.temperature = checked_temperature(self, "temperature", temperature)

    def compare(
        self, anchors: Tensor, candidates: Tensor, ours: Labels, theirs: Labels, *, part: str = "contrast", **options: Any
    ) -> Loss:
        """`contrastive_loss` at this temperature."""
        return contrastive_loss(anchors, candidates, ours, theirs, temperature=self.temperature, part=part, **options)


def contrastive_loss(
    anchors: Tensor, candidates: Tensor, ours: Labels, theirs: Labels, *, temperature: float, part: str, **options: Any
) -> Loss:
    """`algebra.contrast` with its levels, logged under the name `part`."""
    value = algebra.contrast(anchors, candidates, ours, theirs, temperature=temperature, **options)
    levels = (lambda: algebra.chance(ours, theirs, **options)), (lambda: algebra.floor(ours, theirs, **options))
    return Loss(value, {part: value.detach()}, *levels)


def alignment_loss(anchors: Tensor, targets: Tensor, ours: Labels, theirs: Labels) -> Loss:
    """`algebra.align` with its levels: chance 2, the value for orthogonal vectors, and floor 0."""
    value = algebra.align(anchors, targets, ours, theirs)
    return Loss(value, {"align": value.detach()}, lambda: value.new_full((), 2.0), lambda: value.new_zeros(()))


def unit(z: Tensor) -> Tensor:
    """Rows divided by their norm, in float32 or wider, also under autocast."""
    return normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1)


def checked_temperature(owner: object, name: str, value: float) -> float:
    if not is_number(value) or not 0 < value < float("inf"):
        raise ValueError(f"`{name}` of {type(owner).__name__} must be > 0, got {value!r}. Usual values are 0.05 to 1.")
    return value


def instances(rows: Tensor, views: int = 1) -> Labels:
    """Labels in which each example is its own class; rows are those of `views` views, one view after the other."""
    return Labels.of(torch.arange(len(rows) // views, device=rows.device).repeat(views))


def itself(rows: Tensor) -> Tensor:
    """Row numbers, for `exclude`: no row is its own candidate."""
    return torch.arange(len(rows), device=rows.device)
