"""Full float32 matrix products inside a block of code, whatever precision is set outside."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_DEVICES = ("cpu", "cuda")
_lock = threading.Lock()
_inside = dict.fromkeys(_DEVICES, 0)  # settings belong to the process: the first thread in changes one, the last restores it
_before: dict[str, str] = {}


@contextmanager
def exact(device: str) -> Iterator[None]:
    """Context manager: no autocast, no TF32 or bfloat16 products on this type of device inside; restored on exit."""
    raised = device in _DEVICES and _raise(device)
    cast = device in _DEVICES and torch.is_autocast_enabled(device)
    if not raised and not cast:
        yield
        return
    with ExitStack() as stack:
        if raised:
            stack.callback(_restore, device)
        if cast:
            stack.enter_context(torch.autocast(device, enabled=False))
        yield


def _setting(device: str) -> Any:
    """The part of torch.backends that holds the precision of products."""
    return torch.backends.cuda.matmul if device == "cuda" else torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


def _raise(device: str) -> bool:
    """Set full precision; whether it was lower, so that it must be restored."""
    with _lock:
        if not _inside[device]:
            _before[device] = _setting(device).fp32_precision
            if _before[device] in ("none", "ieee"):
                return False
            _setting(device).fp32_precision = "ieee"
        _inside[device] += 1
        return True


def _restore(device: str) -> None:
    """Restore the precision if no other thread is inside."""
    setting = _setting(device)
    with _lock:
        _inside[device] -= 1
        if not _inside[device]:
            setting.fp32_precision = "none"  # inherits what is set for all; only what differs from that is its own
            if setting.fp32_precision != _before[device]:
                setting.fp32_precision = _before[device]
