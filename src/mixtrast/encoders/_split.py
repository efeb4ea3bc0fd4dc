from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm


def split_norms(module: nn.Module, splits: int) -> nn.Module:
    """Gives every batch norm in `module`, in place, the statistics of a part of the batch, as if that many devices shared it.

    The names of weights and buffers stay, so what was trained so is read by an encoder that was not. In evaluation mode
    nothing changes.

    Args:
        splits: parts; 1 leaves the module as it is.

    Raises: ValueError for a batch norm that is neither BatchNorm1d nor BatchNorm2d, or does not remember.
    """
    if not isinstance(splits, int) or isinstance(splits, bool) or splits < 1:
        raise ValueError(f"`splits` must be a whole number, 1 or more, got {splits!r}. The MoCo demo has 8.")
    if splits > 1:
        for parent in list(module.modules()):
            for name, child in parent.named_children():
                if not isinstance(child, nn.modules.batchnorm._BatchNorm):
                    continue
                if type(child) not in (nn.BatchNorm1d, nn.BatchNorm2d) or child.running_mean is None:
                    raise ValueError(  # another kind may do more than these, which would be lost
                        f"`splits` takes BatchNorm1d and BatchNorm2d that remember statistics, got {child}. Use `splits` 1."
                    )
                setattr(parent, name, SplitNorm(child, splits))
    return module


def whole_norms(module: nn.Module) -> nn.Module:
    """Undoes `split_norms`, in place: what evaluates or goes on learning takes batches of any size."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, SplitNorm):
                setattr(parent, name, child.whole())
    return module


class SplitNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm in which example i is normalised with those that share i mod `splits`; what it remembers is their mean.

    Reference: the CIFAR-10 demo of facebookresearch/moco, where 8 parts on one device stand for 8 devices.
    """

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm, splits: int) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.splits, self.kind = splits, type(norm)
        _share(norm, self)

    def forward(self, x: Tensor) -> Tensor:
        mean, var, n = self.running_mean, self.running_var, self.splits
        if not self.training:
            return super().forward(x)
        assert mean is not None
        assert var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        # None is the mean of all batches; torch's own batch norm looks at the count too
        share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        if len(x) % n or len(x) < 2 * n:
            raise ValueError(
                f"batch norm in {n} parts takes a batch that they divide into 2 or more each, got {len(x)}. Use another "
                "`batch`, or fewer `splits`."
            )
        parts = x.reshape(len(x) // n, n * x.shape[1], *x.shape[2:])
        weight, bias = (None if w is None else w.repeat(n) for w in (self.weight, self.bias))
        means, variances = mean.repeat(n), var.repeat(n)
        y = batch_norm(parts, means, variances, weight, bias, True, share, self.eps).reshape(x.shape)
        with torch.no_grad():
            mean.copy_(means.view(n, -1).mean(0))
            var.copy_(variances.view(n, -1).mean(0))
        last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
        return y.contiguous(memory_format=torch.channels_last) if last else y

    def whole(self) -> nn.modules.batchnorm._BatchNorm:
        """The batch norm that it stands for, with these weights and statistics."""
        norm = self.kind(self.num_features, self.eps, self.momentum, self.affine, self.track_running_stats)
        _share(self, norm)
        return norm

    def _check_input_dim(self, x: Tensor) -> None:
        """Whatever the norm that it stands for was asked to take."""


def _share(one: nn.modules.batchnorm._BatchNorm, other: nn.modules.batchnorm._BatchNorm) -> None:
    """The other has the weights and statistics of the one: the same tensors."""
    other.weight, other.bias, other.training = one.weight, one.bias, one.training
    other.running_mean, other.running_var = one.running_mean, one.running_var
    other.num_batches_tracked = one.num_batches_tracked
