"""Why a training failed: where its numbers first are not finite, and in which examples."""

import torch
from torch import Tensor

from mixtrast.encoders import evaluation_mode
from mixtrast.methods import Batch, Method
from mixtrast.spec import is_plain


@torch.no_grad()
def not_finite(method: Method, batch: Batch) -> str | None:
    """Where the numbers of this batch first are not finite: views, weights or features; None where all of them are finite."""
    views, spec = torch.cat(batch.views), method.encoder.spec
    weights = [name for name, weight in method.named_parameters() if not bool(weight.isfinite().all())]
    missing_allowed = spec is not None and not is_plain(spec)
    if rows := _not_finite(views.masked_fill(views.isnan(), 0) if missing_allowed else views):
        return f"the views are not finite for {_examples(batch, rows)}"
    if weights:
        return f"{len(weights)} of the weights are not finite, first {weights[0]}: the last step was too large"
    with evaluation_mode(method):
        features = method.encoder(views)
    if rows := _not_finite(features):
        return f"the encoder's output is not finite for {_examples(batch, rows)}"
    return None


def _not_finite(rows: Tensor) -> list[int]:
    found: list[int] = (~rows.isfinite().flatten(1).all(1)).nonzero()[:, 0].tolist()
    return found


def _examples(batch: Batch, rows: list[int]) -> str:
    """Which training examples these rows of the views are."""
    which = sorted({int(batch.index[row % len(batch.index)]) for row in rows})
    return f"{len(which)} training examples, first {', '.join(map(str, which[:5]))}"
