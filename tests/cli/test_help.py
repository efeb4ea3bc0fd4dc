"""Help and version: quick to come, without heavy imports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import mixtrast as mt
from mixtrast.cli import _main
from support.commands import command, process

pytestmark = pytest.mark.usefixtures("light")
COMMANDS = list(_main.commands())


def test_help_comes_at_once():
    """In seconds of work: a busy machine may take longer to get to it."""
    times = []
    for _ in range(5):
        before = os.times()
        done = process("--help")
        after = os.times()
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)
        assert done.returncode == 0
        assert "mixtrast train digits" in done.stdout
    assert min(times) < 0.2


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ("--version",), ("train", "--lable", "y")], ids=str)
def test_help_and_wrong_flags_import_nothing_heavy(words):
    done = process(*words, options=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "mixtrast.cli" in imported
    assert not {"torch", "numpy", "pandas", "sklearn", "rich", "yaml", "jsonargparse", "matplotlib"} & imported
    assert done.returncode == (2 if "--lable" in words else 0)


def test_the_library_imports_no_part_of_the_command():
    heavy = ["lightning", "lightning_fabric", "sklearn", "matplotlib", "pandas", "rich", "yaml", "jsonargparse", "jinja2"]
    code = (
        "import sys, mixtrast as mt\n"
        "first = 'torch' in sys.modules\n"
        "mt.contrast, mt.Labels, mt.mixers.CutMix, mt.methods.IMix, mt.encoders.MLP, mt.views.Mask\n"
        f"print(first, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False []"


def test_the_commands_are_the_files():
    assert COMMANDS == ["compare", "embed", "evaluate", "export", "list", "report", "train"]


def test_without_words_there_is_help(capsys):
    assert command() == 2
    assert "mixtrast train digits" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert command("--version") == 0
    assert capsys.readouterr().out == f"mixtrast {mt.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert command(name, "--help") == 0
    assert f"usage: mixtrast {name}" in capsys.readouterr().out
