"""The folder is the registry."""

from __future__ import annotations

import importlib
import itertools

import pytest

import mixtrast as mt
from mixtrast import registry

FILES = {
    "__init__.py": "",
    "cut_mix.py": "from collections import OrderedDict\nclass Helper: ...\nclass CutMix: ...\n",
    "noise.py": "from json import JSONDecoder\nclass NOISE: ...\n",
    "empty.py": "empty = 3\n",
    "_hidden.py": "class Hidden: ...\n",
}
fresh = itertools.count()


@pytest.fixture
def room(tmp_path, monkeypatch):
    name = f"room_for_a_test_{next(fresh)}"
    (tmp_path / name).mkdir()
    for file, text in FILES.items():
        (tmp_path / name / file).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return importlib.import_module(name)


def test_names_are_the_files(room):
    assert registry.names(room) == ["cut_mix", "empty", "noise"]


def test_a_new_file_is_found_at_once(room, tmp_path):
    (tmp_path / room.__name__ / "blur.py").write_text("class Blur: ...\n", encoding="utf-8")
    importlib.invalidate_caches()
    assert "blur" in registry.names(room)
    assert registry.find(room, "blur").__name__ == "Blur"


def test_find_gives_the_class_called_like_the_file(room):
    assert registry.find(room, "cut_mix").__name__ == "CutMix"
    assert registry.find(room, "noise").__name__ == "NOISE"
    assert registry.attribute(room, "CutMix") is registry.find(room, "cut_mix")


@pytest.mark.parametrize(("wrong", "hint"), [("cutmix", "'cut_mix'"), ("nois", "'noise'"), ("Noise", "'noise'")])
def test_an_unknown_name_lists_the_room_and_the_nearest(room, wrong, hint):
    with pytest.raises(ValueError, match=f"no '{wrong}'.*Did you mean {hint}.*cut_mix, empty, noise"):
        registry.find(room, wrong)


@pytest.mark.parametrize("wrong", ["zzz", "", "_hidden", "Hidden"])
def test_what_is_near_nothing_gets_no_hint(room, wrong):
    with pytest.raises(ValueError, match="There are: cut_mix, empty, noise") as error:
        registry.find(room, wrong)
    assert "Did you mean" not in str(error.value)


def test_a_file_without_its_class_is_our_error(room):
    with pytest.raises(ImportError, match=r"empty must define a class"):
        registry.find(room, "empty")


@pytest.mark.parametrize("wrong", ["cutmix", "Cutmix", "Helper", "OrderedDict", "Hidden", "Nothing"])
def test_attributes_are_classes_by_their_own_name(room, wrong):
    with pytest.raises(AttributeError, match=r"has no .*cut_mix"):
        registry.attribute(room, wrong)


@pytest.mark.parametrize("house", [mt.mixers, mt.views], ids=["mixers", "views"])
def test_rooms_answer_like_modules(house):
    assert house.names() == sorted(house.names())
    assert not hasattr(house, "NoSuchThing")
    for name in house.names():
        assert repr(house.get(name)).startswith(type(house.get(name)).__name__)


def test_names_joined_by_plus():
    assert repr(mt.mixers.get(" mixup + cutmix ")) == repr(mt.mixers.get("mixup+cutmix"))
    for wrong in ("mixup+", "+", "mixup+cutmx", ""):
        with pytest.raises(ValueError, match="in mixers"):
            mt.mixers.get(wrong)
