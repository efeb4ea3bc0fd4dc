"""The registry: a folder's files are its names, a class's signature its options."""

from __future__ import annotations

import importlib
import itertools
import textwrap

import pytest

import mixtrast as mt
from mixtrast import registry
from mixtrast.text import nearest

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
    assert registry.exports(room.__name__)[1]("CutMix") is registry.find(room, "cut_mix")


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
        registry.exports(room.__name__)[1](wrong)


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


# --- sizes, options and parts ---------------------------------------------------------------------------------------------


PART = """
    SIZES = {"small": {"width": 2}, "tall": {"width": 3, "deep": True}}

    class Net:
        \"\"\"A net
        of two lines.

        Args:
            width: of it.
        \"\"\"

        def __init__(self, spec, *more, width: int = 1, deep: bool = False, classes: int, mixer=None) -> None:
            self.given = {"spec": spec, "more": more, "width": width, "deep": deep, "classes": classes}
"""


@pytest.fixture
def nets(room, tmp_path):
    """The room, with a file that has sizes, is built on something, and requires what the data say."""
    folder = tmp_path / room.__name__
    (folder / "net.py").write_text(textwrap.dedent(PART), encoding="utf-8")
    (folder / "empty.py").unlink()
    (folder / "inner").mkdir()
    (folder / "inner" / "__init__.py").write_text("class Inner: ...\n", encoding="utf-8")
    importlib.invalidate_caches()
    return room


def test_sizes_stand_beside_the_files_and_are_no_files(nets):
    assert registry.names(nets) == ["cut_mix", "net", "noise"]  # a room within the room is no name either
    assert registry.sizes(nets) == {"small": ("net", {"width": 2}), "tall": ("net", {"width": 3, "deep": True})}


def test_a_size_is_its_class_and_its_options(nets):
    kind = registry.find(nets, "net")
    assert registry.find(nets, "small") is kind
    assert registry.resolve(nets, "net") == (kind, {})
    assert registry.resolve(nets, "tall") == (kind, {"width": 3, "deep": True})
    registry.resolve(nets, "tall")[1]["width"] = 99
    assert registry.resolve(nets, "tall")[1]["width"] == 3  # what was handed out is a copy


@pytest.mark.parametrize("wrong", ["smal", "talll"])
def test_a_wrong_size_is_answered_with_the_nearest_and_all_there_is(nets, wrong):
    with pytest.raises(ValueError, match=f"no '{wrong}'.*Did you mean '.*There are: cut_mix, net, noise, small, tall"):
        registry.find(nets, wrong)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("net", {}, {"width": 1, "deep": False}),
        ("net", {"width": 7}, {"width": 7, "deep": False}),
        ("tall", {}, {"width": 3, "deep": True}),
        ("tall", {"width": 7}, {"width": 7, "deep": True}),  # what is given goes over the size
    ],
)
def test_parts_come_first_and_only_what_is_required_is_passed_on(nets, name, given, expected):
    made = registry.make(nets, name, given, "spec", "more", classes=3, rows=99)
    assert made.given == {"spec": "spec", "more": ("more",), "classes": 3, **expected}
    assert "classes" not in given
    assert isinstance(registry.make(nets, "cut_mix", {}, classes=3), registry.find(nets, "cut_mix"))  # asks for nothing


def test_what_the_data_say_is_no_option_and_neither_is_a_part(nets):
    assert list(registry.options(registry.find(nets, "net"))) == ["width", "deep"]
    assert registry.options(registry.find(nets, "net"))["width"].default == 1
    assert registry.required(registry.find(nets, "net")) == ["classes"]
    with pytest.raises(TypeError, match=r"net has no option classes\. Its options are: width, deep"):
        registry.make(nets, "net", {"classes": 3}, "spec")


def test_all_wrong_options_are_named_at_once_with_the_nearest(nets):
    with pytest.raises(TypeError, match=r"no option widht, zzz, dep\..*'width', 'deep'.*Its options are: width, deep"):
        registry.make(nets, "small", {"widht": 1, "zzz": 2, "dep": 3, "deep": True}, "spec")
    with pytest.raises(TypeError, match="Its options are: none"):
        registry.make(nets, "cut_mix", {"zzz": 2})


def test_a_summary_is_the_first_sentence_on_one_line(nets):
    assert registry.summary(registry.find(nets, "net")) == "A net of two lines."
    assert registry.summary(registry.find(nets, "cut_mix")) == ""


def repr_of(value: object) -> str:
    return str(value) if isinstance(value, list | str) else type(value).__name__


@pytest.mark.parametrize(
    ("wrong", "known", "says"),
    [
        (["alfa"], ["alpha", "beta"], " Did you mean 'alpha'?"),
        (["alfa", "bta"], ["alpha", "beta"], " Did you mean 'alpha', 'beta'?"),
        (["alfa", "zzz"], iter(["alpha", "beta"]), " Did you mean 'alpha'?"),
        (["zzz"], ["alpha"], ""),
        ([], ["alpha"], ""),
        (["alpha"], [], ""),
    ],
    ids=repr_of,
)
def test_the_nearest_are_named_or_nothing_is(wrong, known, says):
    assert nearest(wrong, known) == says


@pytest.mark.parametrize("house", [mt.mixers, mt.views, mt.encoders, mt.methods, mt.evaluation], ids=lambda m: m.__name__)
def test_every_member_of_our_rooms_is_summed_up_and_no_size_hides_a_file(house):
    files, sizes = registry.names(house), registry.sizes(house)
    assert not set(files) & set(sizes)
    for name in [*files, *sizes]:
        kind, preset = registry.resolve(house, name)
        assert set(preset) <= set(registry.options(kind))
        summary = registry.summary(kind)
        assert summary.endswith((".", ":")), name
        assert "\n" not in summary
