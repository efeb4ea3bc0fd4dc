"""Full float32 inside, whatever is set outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch


@contextmanager
def exact() -> Iterator[None]:
    """Full float32 products: no autocast, no TF32 or bfloat16 inside, whatever is set outside; restored after."""
    settings: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    lowered = [(s, s.fp32_precision) for s in settings if s.fp32_precision not in ("none", "ieee")]
    casts = [kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)]
    with ExitStack() as stack:
        for setting, precision in lowered:
            setting.fp32_precision = "ieee"
            stack.callback(setattr, setting, "fp32_precision", precision)
        for kind in casts:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield
