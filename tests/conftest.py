"""Fixtures of all tests; the helpers of `support` explain a failed assertion as tests do."""

from __future__ import annotations

from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from mixtrast import evaluation, report
from mixtrast.datasets import _info

pytest.register_assert_rewrite("support")


@pytest.fixture
def light(monkeypatch, request):
    """Pages and maps are replaced by stubs, as they take longer than a tiny run; not for tests that ask for `page`."""
    if "page" not in request.fixturenames:
        monkeypatch.setattr(report, "write", lambda folders, out, **_: out.write_text("a page", encoding="utf-8") and out)
        monkeypatch.setattr(evaluation, "tsne", lambda z, seed: (np.arange(len(z)), np.zeros((len(z), 2))))


@pytest.fixture
def page() -> None:
    """The report is really made."""


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Nothing is fetched, and no data folder but those of the test is found."""

    def refused(address: str, timeout: float) -> Any:
        raise URLError("no network in tests")

    monkeypatch.setattr(_info, "urlopen", refused)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MIXTRAST_DATA", raising=False)


@pytest.fixture
def file(tmp_path):
    """A function that writes a file of the test."""

    def write(text: str | bytes, name: str = "trees.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write
