"""Tolerances of comparisons."""

from __future__ import annotations

F64 = {"rtol": 1e-9, "atol": 1e-10}
# float32 rounds unit rows to 6e-8 and scores to 6e-8 / τ; a hundred of those is the bound used below.
F32 = {"rtol": 1e-5, "atol": 6e-6}
