"""Fixtures of the tests in studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = rng.normal(size=(80, 4)).astype(np.float32) + 3 * y[:, None]
    pd.DataFrame(x, columns=list("abcd")).assign(kind=np.array(["oak", "elm"])[y]).to_csv("trees.csv", index=False)
    return tmp_path
