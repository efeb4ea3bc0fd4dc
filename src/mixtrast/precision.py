"""Full float32 inside, whatever is set outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_SETTINGS: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
_lock = threading.Lock()
_inside = 0  # the settings are the process's: the first thread in changes them, the last one out restores them
_lowered: list[tuple[Any, str]] = []


@contextmanager
def exact() -> Iterator[None]:
    """Full float32 products: no autocast, no TF32 or bfloat16 inside, whatever is set outside; restored after."""
    casts = [kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)]
    with ExitStack() as stack:
        _enter()
        stack.callback(_leave)
        for kind in casts:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def _enter() -> None:
    global _inside
    with _lock:
        if not _inside:
            _lowered[:] = [(s, s.fp32_precision) for s in _SETTINGS if s.fp32_precision not in ("none", "ieee")]
            for setting, _ in _lowered:
                setting.fp32_precision = "ieee"
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if not _inside:
            for setting, precision in _lowered:
                setting.fp32_precision = "none"  # inherits what is set for all; only what differs from that is its own
                if setting.fp32_precision != precision:
                    setting.fp32_precision = precision
