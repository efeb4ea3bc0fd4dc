"""What data say and what is refused."""

from __future__ import annotations

import pytest

from mixtrast.data.dataset import Dataset


def said(data: Dataset) -> str:
    return "\n".join(data.notes)


def refused(message: str, error: type[Exception] = ValueError):
    return pytest.raises(error, match=message)
