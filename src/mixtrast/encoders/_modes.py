from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation_mode(module: nn.Module, *, dropout: bool = False) -> Iterator[None]:
    """Put a module in evaluation mode, with `dropout` all but its dropout, and afterwards each part back in its own mode."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    for part, _ in modes:
        if dropout and isinstance(part, nn.modules.dropout._DropoutNd):
            part.train()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
