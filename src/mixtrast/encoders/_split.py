import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm


def split_norms(module: nn.Module, splits: int) -> nn.Module:
    """Let every batch norm in `module` normalise parts of a batch separately, in place, as if on that many devices.

    The names of weights and buffers stay, so that an encoder without parts can load them. In evaluation mode nothing changes.

    Raises: ValueError for a batch norm that is neither BatchNorm1d nor BatchNorm2d, or has no running statistics.
    """
    if not isinstance(splits, int) or isinstance(splits, bool) or splits < 1:
        raise ValueError(f"`splits` must be a whole number, 1 or more, got {splits!r}. The MoCo demo has 8.")
    if splits > 1:
        for parent in list(module.modules()):
            for name, child in parent.named_children():
                if not isinstance(child, nn.modules.batchnorm._BatchNorm):
                    continue
                if type(child) not in (nn.BatchNorm1d, nn.BatchNorm2d) or child.running_mean is None:
                    raise ValueError(  # other kinds may do more, which would be lost
                        f"`splits` takes BatchNorm1d and BatchNorm2d with running statistics, got {child}. Use `splits` 1."
                    )
                setattr(parent, name, SplitNorm(child, splits))
    return module


def merge_norms(module: nn.Module) -> nn.Module:
    """Undo `split_norms`, in place, so that batches of any size can be used."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, SplitNorm):
                setattr(parent, name, child.merged())
    return module


class SplitNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm over the examples of equal i mod `splits`, for example i; running statistics are the mean over these parts.

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
        # None is the mean over all batches, as in torch's batch norm
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

    def merged(self) -> nn.modules.batchnorm._BatchNorm:
        """The batch norm that it replaced, with its present weights and statistics."""
        norm = self.kind(self.num_features, self.eps, self.momentum, self.affine, self.track_running_stats)
        _share(self, norm)
        return norm

    def _check_input_dim(self, x: Tensor) -> None:
        """Any number of dimensions that the replaced norm takes."""


def _share(source: nn.modules.batchnorm._BatchNorm, target: nn.modules.batchnorm._BatchNorm) -> None:
    """Let the target have the weights and statistics of the source: the same tensors."""
    target.weight, target.bias, target.training = source.weight, source.bias, source.training
    target.running_mean, target.running_var = source.running_mean, source.running_var
    target.num_batches_tracked = source.num_batches_tracked
