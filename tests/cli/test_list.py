"""The command `list`: every name and every option is listed."""

from __future__ import annotations

import functools
import re

import pytest

import mixtrast as mt
from mixtrast import datasets, readers, registry
from mixtrast.cli import _listing
from mixtrast.cli._flags import dotted
from mixtrast.cli.list import KINDS
from support.commands import command

pytestmark = pytest.mark.usefixtures("light")


@pytest.mark.parametrize("what", [what for what in KINDS if what not in ("training", "recipes")])
def test_a_list_has_every_name(what, capsys):
    assert command("list", what) == 0
    out = capsys.readouterr().out
    names = _listing.names(what)
    find = datasets.find if what == "datasets" else functools.partial(registry.find, _listing.PACKAGES[what])
    assert names
    for name in names:
        assert re.search(rf"^{name}\b", out, re.MULTILINE), name
        assert command("list", what, name) == 0
        told = capsys.readouterr().out
        for option in registry.options(find(name)):
            assert f".{option}  " in told


def test_the_names_are_those_of_the_registries():
    assert _listing.names("methods") == mt.methods.names()
    assert set(mt.encoders.names()) < set(_listing.names("encoders"))
    assert _listing.names("readers") == registry.names(readers)
    assert {*_listing.names("readers"), *_listing.names("datasets")} == set(datasets.names())
    assert "digits" in _listing.names("datasets")


def test_a_bare_list_names_every_room(capsys):
    assert command("list") == 0
    out = capsys.readouterr().out
    for what in KINDS:
        assert re.search(rf"^{what} ", out, re.MULTILINE), what
    assert {"imix", "cutmix", "resnet18", "covtype", "moco/cifar10-demo"} <= set(re.split(r"[,\s]+", out))


def test_options_of_a_method_are_listed_with_their_meaning(capsys):
    assert command("list", "methods", "imix") == 0
    out = capsys.readouterr().out
    assert "Reference: Lee et al., i-Mix" in out
    assert "--method.temperature  float  (default 0.2)" in out
    assert command("list", "encoders", "resnet20") == 0
    assert "resnet20 is ResNet with blocks=(3, 3, 3) width=16" in capsys.readouterr().out


ROOMS_OF_OPTIONS = [
    ("methods", "imix"),
    ("mixers", "cutmix"),
    ("encoders", "mlp"),
    ("views", "mask"),
    ("evaluations", "knn"),
    ("readers", "tabular"),
    ("training", None),
]


@pytest.mark.parametrize(("what", "name"), ROOMS_OF_OPTIONS)
def test_flags_that_are_listed_are_understood(what, name, capsys):
    assert command("list", what, *([name] if name else [])) == 0
    listed = re.findall(r"^  (--[\w.]+)", capsys.readouterr().out, re.MULTILINE)
    assert listed
    for flag in listed:
        left, options = dotted([flag, "1", "digits"])
        keys = flag.removeprefix("--").split(".")
        assert left == ["digits"]
        assert options == {".".join(keys): "1"}
        assert len(keys) == (3 if what in ("views", "evaluations") else 2)
        assert keys[0] == {"methods": "method", "mixers": "mixer", "encoders": "encoder", "readers": "data"}.get(what, keys[0])
