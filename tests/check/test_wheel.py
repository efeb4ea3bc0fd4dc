"""The wheel: small, with all its files, and working outside the clone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.repository import ROOT

pytestmark = pytest.mark.check
LARGEST = 1_000_000  # bytes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", out, ROOT], check=True, timeout=600)
    return next(out.glob("*.whl"))


def test_the_wheel_is_small_and_has_every_file_of_the_package(wheel):
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("mixtrast/")}
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == files


def test_the_wheel_runs_the_demo_outside_the_clone(wheel, tmp_path):
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel], check=True, timeout=600
    )
    done = subprocess.run(
        [sys.executable, "-m", "mixtrast", "train", "digits", "--epochs", "1", "--no-maps", "--out", "run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()
