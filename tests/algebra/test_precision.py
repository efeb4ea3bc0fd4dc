"""Half precision, autocast and lowered products."""

from __future__ import annotations

import threading

import torch

import mixtrast as mt
from mixtrast import Labels
from mixtrast.algebra import _precision as precision
from support.rows import Y, Z, rows
from support.tolerances import F32


def test_autocast_and_lowered_products_are_off_inside():
    """2,048 rows of length 64: bfloat16 products would err by 1e-3 of the scores."""
    z, c, labels = rows(300, 64, seed=1, dtype=torch.float32), rows(2048, 64, seed=2, dtype=torch.float32), None
    labels = (Labels.of(torch.arange(300)), Labels.of(torch.arange(2048)))
    truth = mt.contrast(z.double(), c.double(), *labels, temperature=0.05)

    def check():
        a, b = z.clone().requires_grad_(), c.clone().requires_grad_()
        for reduction in ("mean", "none"):
            loss = mt.contrast(a, b, *labels, temperature=0.05, reduction=reduction).mean()
            torch.testing.assert_close(loss.double(), truth, **F32)
            loss.backward()
        assert a.grad.dtype == torch.float32

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (z @ c.T).dtype == torch.bfloat16  # the region is a real one
        check()
        assert torch.is_autocast_enabled("cpu")
    matmul = torch.backends.mkldnn.matmul
    before = matmul.fp32_precision
    try:
        matmul.fp32_precision = "bf16"
        check()
        assert matmul.fp32_precision == "bf16"  # restored
    finally:
        matmul.fp32_precision = before


def test_precision_is_inherited_again_and_shared_by_threads():
    """What is set for all backends is not pinned to one; a thread that leaves does not lower another that is inside."""
    matmul = torch.backends.mkldnn.matmul
    before = torch.backends.fp32_precision
    try:
        torch.backends.fp32_precision = "tf32"
        with precision.exact("cpu"):
            assert matmul.fp32_precision == "ieee"
            other = threading.Thread(target=lambda: mt.contrast(Z, Z, Y, Y, temperature=0.1))
            other.start()
            other.join()
            assert matmul.fp32_precision == "ieee"
        assert matmul.fp32_precision == "tf32"
        torch.backends.fp32_precision = "ieee"
        assert matmul.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision = before


def test_mixed_precision_of_anchors_and_queue():
    """Under autocast queries come in bfloat16 and the queue is float32."""
    q, queue, k = rows(6, dtype=torch.bfloat16), rows(9, dtype=torch.float32), rows(6, seed=1, dtype=torch.bfloat16)
    q.requires_grad_()
    loss = mt.contrast(q, queue, Labels.of(torch.arange(6)), Labels.nobody(9), temperature=0.2, paired=k)
    loss.backward()
    assert loss.dtype == torch.float32
    assert q.grad.dtype == torch.bfloat16


def test_a_half_precision_temperature_is_the_number_it_is(form):
    """Its powers are taken in the rows' precision, on both sides alike."""
    z, labels = rows(12, dtype=torch.float32), Labels.of(torch.arange(12) // 2)
    for dtype in (torch.bfloat16, torch.float16):
        tau = torch.tensor(0.07, dtype=dtype)
        options = {"exclude": torch.arange(12)}
        exactly = mt.contrast(z, z, labels, labels, temperature=float(tau), **options)
        torch.testing.assert_close(mt.contrast(z, z, labels, labels, temperature=tau, **options), exactly, **F32)
        torch.testing.assert_close(mt.contrast(z, z.clone(), labels, labels, temperature=tau, **options), exactly, **F32)
