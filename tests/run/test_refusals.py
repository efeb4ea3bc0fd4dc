"""What is refused with nothing written, and JSON without NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixtrast.records import write_json
from mixtrast.run import Run
from support.runs import blobs, content, frame, small, strict

pytestmark = pytest.mark.usefixtures("light")

REFUSED = {
    "no data": (None, {}, ValueError, "no data were given"),
    "a kind of data": (["a"], {}, TypeError, "must be a name, a path, arrays or a DataFrame"),
    "a file": ("none.csv", {}, FileNotFoundError, "there is no file"),
    "a method": (blobs(), {"method": "imx"}, ValueError, "Did you mean 'imix'"),
    "an option": (blobs(), {"method": {"name": "imix", "temprature": 1}}, ValueError, "Did you mean 'temperature'"),
    "labels of a number": (blobs()[0], {"label": blobs()[0][:, 0], "labels": 3}, ValueError, "this label is a number"),
    "labels of nothing": (blobs()[0], {"labels": 3}, ValueError, "there is no label"),
    "more labels than there are": (blobs(), {"labels": 99}, ValueError, "must be at most what every class has"),
    "a column": (frame(), {"label": "kid"}, ValueError, "kind"),
    "a domain's option": (frame(), {"options": {"hedaer": "no"}}, ValueError, "Did you mean 'header'"),
    "a depth": (blobs(), {"method": {"name": "imix", "depth": 9}}, ValueError, "`depth` of IMix"),
    "a mixer": (blobs(), {"mixer": "resizemix"}, ValueError, "the columns of a table have no order"),
    "a device": (blobs(), {"training": {"device": "mps"}}, ValueError, "`device` must be 'auto', 'cpu' or 'cuda'"),
    "infinity": ((blobs()[0] * np.inf, blobs()[1]), {}, ValueError, "must be finite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_said_and_nothing_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, options, error, said = REFUSED[name]
    for out in (tmp_path / "run", None):
        with pytest.raises(error, match=said):
            small(data, out, **options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "file").write_text("mine")
    for name in ("run", "file"):
        with pytest.raises(FileExistsError, match="nothing is overwritten"):
            small(blobs(), tmp_path / name)
    with pytest.raises(ValueError, match="is a file, not a run folder"):
        small(blobs(), tmp_path / "file", resume=True)
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not a run: it holds no recipe\.yaml"):
        small(blobs(), tmp_path / "run", resume=True)
    assert content(tmp_path) == {"file": b"mine", "run/mine.txt": b"mine"}


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match=r"is not a run: it holds no recipe\.yaml"):
        Run(tmp_path)


def test_results_are_json_without_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": [math.nan, 1.0, {"b": math.nan}], "c": (2, None)})
    assert strict(tmp_path / "a.json") == {"a": [None, 1.0, {"b": None}], "c": [2, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_the_folder_of_several_seeds_says_what_to_give(tmp_path):
    small(blobs(), tmp_path / "all" / "seed-0")
    with pytest.raises(ValueError, match=r"holds the runs of several seeds\. Give one of them: .*seed-0"):
        Run(tmp_path / "all")


def test_infinity_is_no_json_either(tmp_path):
    write_json(tmp_path / "a.json", {"a": math.inf})
    assert strict(tmp_path / "a.json") == {"a": None}
