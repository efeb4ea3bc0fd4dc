"""Fixtures of the algebra."""

from __future__ import annotations

import pytest

from mixtrast.algebra import _affinity as affinity


@pytest.fixture(params=["formed", "grouped"])
def form(request, monkeypatch):
    """Both ways to hold W, at sizes that loops can check."""
    monkeypatch.setattr(affinity, "FORMED", 1 << 18 if request.param == "formed" else 0)
    return request.param
