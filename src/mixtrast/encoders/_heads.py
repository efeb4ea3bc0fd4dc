"""Projectors and predictors: heads on an encoder that are used in training only."""

from typing import Literal

from torch import nn

Head = Literal["linear", "lnlinear", "mlp", "mlpbn1", "mlpbn", "none"]


def head(kind: Head, dim: int, out: int, *, hidden: int | None = None) -> nn.Module:
    """Build a projector or predictor, (B, dim) -> (B, out).

    linear   Linear                                MoCo v1
    lnlinear LN-Linear                             DABS
    mlp      Linear-ReLU-Linear                    SupContrast, MixCo, i-Mix on ImageNet
    mlpbn1   Linear-BN-ReLU-Linear                 i-Mix on MoCo and BYOL for CIFAR
    mlpbn    Linear-BN-ReLU-Linear-BN              i-Mix on N-pair for CIFAR, speech and tables
    none     nothing; `out` is not used

    Args:
        hidden: width of the hidden layer; None: `dim`, as in all of these.
    """
    if kind == "none":
        return nn.Identity()
    if kind == "linear":
        return nn.Linear(dim, out)
    if kind == "lnlinear":
        return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, out))
    hidden = hidden or dim
    norms = {"mlp": 0, "mlpbn1": 1, "mlpbn": 2}
    if kind not in norms:
        raise ValueError(f"`kind` of a head must be one of linear, lnlinear, mlp, mlpbn1, mlpbn, none, got {kind!r}.")
    # Batch norm subtracts a bias before it again.
    layers = [nn.Linear(dim, hidden, bias=norms[kind] < 1), *([nn.BatchNorm1d(hidden)] if norms[kind] > 0 else []), nn.ReLU()]
    layers += [nn.Linear(hidden, out, bias=norms[kind] < 2), *([nn.BatchNorm1d(out)] if norms[kind] > 1 else [])]
    return nn.Sequential(*layers)
