"""Domains: what is read is what was written, every refusal is a sentence, and no split loses or shares an example."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import inspect
import io
import json
import lzma
import subprocess
import sys
import wave
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtrast import domains, spec
from mixtrast.domains import Data, grant, scaling, split
from mixtrast.domains._labels import encode
from test_image_domains import write_folder, write_sets
from test_sets import NAMED

TABLE = "height,width,kind\n1.5,2,oak\n2.5,3,elm\n3.5,5,oak\n4.5,7,\n"
X = np.arange(24, dtype=np.float32).reshape(8, 3)
Y = np.array([0, 1, 0, 1, 0, 1, 0, 1])


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes, name: str = "trees.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def said(data: Data) -> str:
    return "\n".join(data.notes)


def refused(message: str, error: type[Exception] = ValueError):
    return pytest.raises(error, match=message)


# --- the room ------------------------------------------------------------------------------------------------------------

SOURCES = {"digits": "digits", "arrays": (X, Y), "tabular": pd.DataFrame(X, columns=["a", "b", "c"])}
SOURCES |= {"images": "folder", "mnist": "mnist", "cifar10": "cifar10", "cifar100": "cifar100"}
SOURCES |= {"tiles": "tiles", "series": "s.ts", "fasta": "d.fa", "text": "t.jsonl", "speech": "sounds", "windows": "w.csv"}
OPTIONS = {"windows": {"window": 2}}  # without which it takes nothing


def write_sequences(folder: Path) -> None:
    """The sources of series, letters, text and sounds."""
    (folder / "s.ts").write_text("@classLabel true a b\n@data\n1,2:3,4:a\n5:6:b\n")
    (folder / "w.csv").write_text("a,b\n" + "1,2\n3,4\n" * 20)
    (folder / "d.fa").write_text(">a\nACGT\n>b\nGG\n")
    (folder / "t.jsonl").write_text("".join(json.dumps({"t": f"a few words and {n} more"}) + "\n" for n in range(9)))
    for number in range(4):
        (folder / "tiles" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(
            folder / "tiles" / "ab"[number % 2] / f"{number}.tif", np.full((8, 6, 5), number, np.uint16), planarconfig="contig"
        )
    for name in ("yes", "no"):
        (folder / "sounds" / name).mkdir(parents=True)
        with wave.open(str(folder / "sounds" / name / "1.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\1\2" * 800)


def test_every_domain_has_a_source_here():
    assert domains.names() == sorted([*SOURCES, *NAMED, "hf"])  # these have tests of their own
    made = {type(domains.get(name)) for name in domains.names()}
    assert {domains.Digits, domains.Arrays, domains.Tabular, domains.Images, domains.Mnist} < made
    assert {domains.Cifar10, domains.Cifar100, domains.Series, domains.Fasta, domains.Text, domains.Speech} < made
    assert {"Digits", "Arrays", "Tabular", "open", "split"} <= set(dir(domains))
    with refused("has no 'Digit'", AttributeError):
        _ = domains.Digit


@pytest.mark.parametrize("name", domains.names())
def test_the_constructor_is_the_config(name):
    made = domains.get(name)
    for option, parameter in inspect.signature(type(made)).parameters.items():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert getattr(made, option) == parameter.default
        assert f"{option}:" in inspect.getdoc(type(made))
    assert repr(eval(repr(made), {type(made).__name__: type(made)})) == repr(made)
    with refused(r"has no option no_such\. Its options are", TypeError):
        domains.get(name, no_such=1)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_the_contract_of_data(name, tmp_path, monkeypatch):
    write_folder(tmp_path / "folder")
    write_sets(tmp_path)
    write_sequences(tmp_path)
    monkeypatch.setenv("MIXTRAST_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    data = domains.open(SOURCES[name], **OPTIONS.get(name, {}))
    assert (data.domain, data.facts["domain"]) == (name, name)
    assert data.facts["options"] == domains.get(name, **OPTIONS.get(name, {})).options()
    assert json.loads(json.dumps(data.facts)) == data.facts
    ids = isinstance(data.spec, spec.Tokens)
    assert data.x.dtype == (torch.int64 if ids else torch.uint8 if data.facts.get("intensities") else torch.float32)
    assert data.x.shape[1:] == data.spec.shape
    assert data.x.isfinite().all() or data.spec.gaps
    assert (data.label is None) == (data.task == "none")
    assert data.label is None or data.label.shape == data.x.shape[:1]
    assert bool(data.views) != ids
    assert all(isinstance(note, str) and note.endswith(".") for note in data.notes)
    again = domains.open(SOURCES[name], like=json.loads(json.dumps(data.facts)))
    assert torch.allclose(again.x, data.x, 0, 0, equal_nan=True)
    assert again.facts == data.facts
    assert again.label is data.label is None or again.label.equal(data.label)


def test_pandas_and_scikit_learn_are_not_imported_before_they_are_needed():
    code = (
        "import sys, numpy, mixtrast.domains as d; d.open(numpy.ones((3, 2)))\n"
        "print([name for name in ('pandas', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("source", "sentence", "error"),
    [
        (
            "digit",
            r"no data set 'digit', and no file\. Did you mean 'digits'\? Understood are: sets by name \(",
            ValueError,
        ),
        ("xyzzy", r"no data set 'xyzzy', and no file\. Understood are", ValueError),
        ("nowhere.csv", r"there is no file nowhere\.csv", FileNotFoundError),
        ("nowhere.npz", r"there is no file nowhere\.npz", FileNotFoundError),
        ("nowhere.parquet", r"there is no file nowhere\.parquet", FileNotFoundError),
        ("nowhere.feather", r"there is no file nowhere\.feather\. Understood are", FileNotFoundError),
        ([[1, 2]], r"got list\. Make it an array with `numpy.asarray`", TypeError),
        ("https://a.b/c.csv", "is an address, and nothing is downloaded. Save the file, and give its path", ValueError),
        ("https://a.b/c", "is an address, and nothing is downloaded", ValueError),
        (None, r"must be a name, a path, arrays or a DataFrame, got NoneType", TypeError),
    ],
)
def test_unknown_sources(source, sentence, error):
    with refused(sentence, error):
        domains.open(source)


def test_unknown_files(file, tmp_path):
    with refused("is a folder without images: there is no file in it"):
        domains.open(tmp_path)
    with refused(r"its ending '\.feather' is not read yet\. Understood are: .*folders of images"):
        domains.open(file("", "a.feather"))
    with refused(r"its ending '\.tar\.gz' is not read yet"):
        domains.open(file("", "a.tar.gz"))
    with refused("files without an ending are not read yet"):
        domains.open(file("", "a"))
    file(TABLE, "trees.csv")
    with refused(r"no file .*tree\.csv\. Did you mean 'trees\.csv'\?", FileNotFoundError):
        domains.open(tmp_path / "tree.csv")
    (tmp_path / "b.csv").mkdir()
    with refused(r"b\.csv is a folder"):
        domains.open(str(tmp_path / "b.csv"))


def test_unknown_options_name_the_nearest(file):
    with refused(r"no option lable\. Did you mean 'label'\?.*label, groups, drop", TypeError):
        domains.open(file(TABLE), lable="kind")
    for domain in ("arrays", "tabular"):
        with refused("`task` must be one of 'auto', 'classes', 'number', 'several', got 'regression'"):
            domains.get(domain, task="regression")
    with refused("`header` must be one of"):
        domains.get("tabular", header="none")


# --- digits --------------------------------------------------------------------------------------------------------------


def test_a_row_that_is_too_short_is_told_wherever_it_stands(file):
    rows = [f"{at},{at * 2},{'ab'[at % 2]}" for at in range(300)]
    rows[250] = "250,500"
    with refused("must have the same number of fields in every row, got 3 fields in line 1 and 2 in line 252"):
        domains.open(file("x,y,kind\n" + "\n".join(rows) + "\n"), label="kind")
    rows[250] = "250,500,"
    assert len(domains.open(file("x,y,kind\n" + "\n".join(rows) + "\n"), label="kind").x) == 300


def test_digits():
    from sklearn.datasets import load_digits

    data = domains.open("digits")
    assert data.x.shape == (1797, 1, 8, 8)
    assert (data.x.min(), data.x.max()) == (0, 16)
    assert data.spec == spec.Image(1, 8, 8)
    assert data.scaling == "channel"
    assert data.classes == tuple("0123456789")
    assert (data.x[:, 0].numpy() == load_digits().images).all()
    assert (data.label.numpy() == load_digits().target).all()
    assert data.views == {"shift": {"pixels": 1}, "noise": {"scale": 0.3}}
    assert split(data, seed=0).says == "1,078 train, 270 validation, 449 test; random, stratified by class, seed 0"


def test_digits_refuses():
    with refused("takes no `test`"):
        domains.open("digits", test="digits")
    with refused("must look as those before, a table of 3 columns, got an image of 1 channel, 8 × 8"):
        domains.open("digits", like=domains.open(X).facts)
    with refused("has the classes 0 to 9, other than"):
        domains.open("digits", like=domains.open((np.ones((2, 1, 8, 8)), ["a", "b"])).facts)
    own = domains.open(np.ones((2, 1, 8, 8)), like=domains.open("digits").facts)  # another domain, the same kind of example
    assert (own.task, own.facts["domain"], own.facts["classes"]) == ("none", "arrays", list("0123456789"))


# --- arrays --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "kind", "scaled", "views"),
    [
        ((4, 3), spec.Table(3), "feature", {"mask": {"p": 0.2}, "noise": {"scale": 0.1}}),
        ((4, 2, 9), spec.Series(2, 9), "channel", {"mask": {"p": 0.2}, "noise": {"scale": 0.1}}),
        ((4, 3, 32, 24), spec.Image(3, 32, 24), "channel", {"shift": {"pixels": 3}, "noise": {"scale": 0.1}}),
        ((4, 1, 4, 4), spec.Image(1, 4, 4), "channel", {"shift": {"pixels": 1}, "noise": {"scale": 0.1}}),
    ],
)
def test_shapes_say_what_an_example_is(shape, kind, scaled, views):
    data = domains.open(np.ones(shape))
    assert (data.spec, data.scaling, data.views, data.task) == (kind, scaled, views, "none")


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i8", "u8", "f2", "f4", "f8", ">f4", "?"])
def test_numbers_of_any_width(dtype):
    x = (np.arange(6).reshape(2, 3) % 2).astype(dtype)
    assert domains.open(x).x.tolist() == [[0, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.bool])
def test_tensors(dtype):
    x = torch.tensor([[0, 1], [1, 0]]).to(dtype)
    data = domains.open((x, torch.tensor([0, 1]).to(dtype)))
    assert data.x.tolist() == [[0, 1], [1, 0]]
    assert len(data.classes) == 2
    with refused("must be a dense tensor"):
        domains.open(torch.eye(3).to_sparse())
    with refused("must hold numbers, got complex64"):
        domains.open(torch.ones(2, 2, dtype=torch.complex64))


def test_what_is_in_memory_is_not_changed():
    frozen = X.copy()
    frozen.flags.writeable = False
    assert domains.open(frozen).x.tolist() == X.tolist()
    assert domains.open(X.T[:2].T).x.is_contiguous()


def test_pictures_in_bytes_get_their_channels_first():
    x = np.arange(2 * 5 * 6 * 3, dtype=np.uint8).reshape(2, 5, 6, 3)
    data = domains.open(x)
    assert data.spec == spec.Image(3, 5, 6)
    assert (data.x.permute(0, 2, 3, 1).numpy() == x).all()
    assert "channels were put first" in said(data)
    assert domains.open(x.astype(float)).spec == spec.Image(5, 6, 3)
    assert "if channels come last, give x.transpose(0, 3, 1, 2)" in said(domains.open(x.astype(float)))
    assert domains.open(np.zeros((2, 3, 4, 4), dtype=np.uint8)).spec == spec.Image(3, 4, 4)
    assert "if these are grey images, give x[:, None]" in said(domains.open(x[..., 0]))


@pytest.mark.parametrize("packing", ["npz", "NPZ", "dict"])
@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("X", "target"), ("data", "labels"), ("features", "label"), ("pixels", "y")])
def test_named_arrays(tmp_path, packing, x, y):
    source = {x: X, y: Y, "groups": Y * 7}
    if packing != "dict":
        with (tmp_path / f"a.{packing}").open("wb") as stream:
            np.savez(stream, **source)
        source = tmp_path / f"a.{packing}"
    data = domains.open(source)
    assert data.name == ("arrays" if packing == "dict" else "a")
    assert data.x.tolist() == X.tolist()
    assert data.label.tolist() == Y.tolist()
    assert data.groups.tolist() == Y.tolist()


def test_keys_that_are_asked_for():
    source = {"x": X, "age": Y + 0.5, "who": Y, "more": Y}
    data = domains.open(source, label="age", groups="who")
    assert data.task == "number"
    assert data.label.tolist() == (Y + 0.5).tolist()
    assert data.groups is not None
    assert "not used: more" in said(data)
    for wrong, sentence in [
        ({"label": "agee"}, r"no array 'agee' for `label`\. Did you mean 'age'\? It has: x, age, who, more"),
        ({"groups": "zzz"}, r"no array 'zzz' for `groups`\. It has"),
        ({"label": "who", "groups": "who"}, "must be two arrays, got 'who'"),
    ]:
        with refused(sentence):
            domains.open(source, **wrong)
    with refused("has 'y' and 'label'; say which is the label"):
        domains.open({"x": X, "y": Y, "label": Y})
    with refused(r"examples under 'x', 'X', 'data' or 'features'.* got x_train, x_test"):
        domains.open({"x_train": X, "x_test": X})
    with refused("`label` of Arrays is a key of a file or dict, got 'y' for arrays alone"):
        domains.open(X, label="y")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (np.ones(3), r"2 to 4 dimensions, got shape \(3,\)\. Reshape to \(N, F\)"),
        (np.ones((1, 1, 1, 1, 1)), "2 to 4 dimensions.*images"),
        (np.ones((0, 3)), r"must have examples with numbers in them, got shape \(0, 3\)"),
        (np.ones((3, 0)), r"must have examples with numbers in them, got shape \(3, 0\)"),
        (np.array([["a"]]), "must hold numbers, got <U1"),
        (np.array([[None]]), "must hold numbers, got object"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), "must hold numbers, got datetime64"),
        (np.array([[1, 2], [3, np.nan], [np.inf, 1]]), "in 2 of 3 rows, first in row 1 at column 1"),
        (np.array([[1e300]]), r"more than 3\.4e38"),
        (np.full((2, 1, 2, 2), np.nan), r"in 2 of 2 rows, first in row 0 at index \(0, 0, 0\)"),
        ((X, Y[:7]), "`y` must have one entry for each of the 8 rows of x, got 7"),
        ((X, np.append(Y, 1)), "one entry for each of the 8 rows of x, got 9"),
        ((X, Y, Y[:3]), "`groups` must have one entry for each of the 8 rows of x, got 3"),
        ((X, np.eye(8)), r"`y` must be one label a row.* got \(8, 8\)\. Of one-hot rows, give `y\.argmax"),
        ((X, Y, np.eye(8)), r"`groups` must be one group a row.* got \(8, 8\)"),
        ((X, Y, np.where(Y, np.nan, 1)), "`groups` must be known for every row, got 4 without, first in row 1"),
        ((X, Y.astype("M8[D]")), "`y` must be text, whole numbers.* got datetime64"),
        ((X, np.full(8, np.nan)), "no value at all, it is missing in all 8 rows"),
        ((X, np.where(Y, np.inf, 1)), "must be finite, got infinity in 4 rows, first in row 1"),
        ((X, np.where(Y, 1e300, 1.5)), "must fit float32.* row 1"),
    ],
)
def test_arrays_that_are_refused(source, sentence):
    with refused(sentence):
        domains.open(source)


def test_npz_files_that_are_refused(tmp_path, file):
    np.savez(tmp_path / "objects.npz", x=X, y=np.array([None] * 8, dtype=object))
    with refused("'y' of .*objects.npz is an array of Python objects, which is not read"):
        domains.open(tmp_path / "objects.npz")
    for content in (b"", b"junk", b"PK\x03\x04junk"):
        with refused(r"is no \.npz file .* Write it with np\.savez"):
            domains.open(file(content, "broken.npz"))
    np.savez(tmp_path / "cut.npz", x=X)
    whole = (tmp_path / "cut.npz").read_bytes()
    at = whole.index(X.tobytes())
    with refused("'x' of .* could not be unpacked"):
        domains.open(file(whole[:at] + bytes(8) + whole[at + 8 :], "cut.npz"))
    buffer = io.BytesIO()
    np.save(buffer, X)
    with refused("holds one array, without a name"):
        domains.open(file(buffer.getvalue(), "one.npz"))
    with refused("the test set must be an .npz path, arrays.* got list"):
        domains.open(X, test=[1])


# --- labels --------------------------------------------------------------------------------------------------------------


def labels(values, **options):
    values = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    return encode(values, name="`y`", where="row {}".format, **options)


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (["b", None, "a", "", float("nan"), " nan ", "NA", pd.NA, pd.NaT], ("a", "b"), [1, -1, 0, -1, -1, -1, -1, -1, -1]),
        (np.array(["10", "9", "-1", "b", "2.5"]), ("-1", "2.5", "9", "10", "b"), [3, 2, 0, 4, 1]),
        (np.array([b"b", b"a"]), ("a", "b"), [1, 0]),
        (np.array([True, False]), ("False", "True"), [1, 0]),
        ([True, None, False], ("False", "True"), [1, -1, 0]),
        (np.array([10, 9, 10, 9, -1]), ("9", "10"), [1, 0, 1, 0, -1]),
        (np.array([1.0, np.nan, 2.0, 1.0]), ("1", "2"), [0, -1, 1, 0]),
        ([3, None, 4, 3, 4], ("3", "4"), [0, -1, 1, 0, 1]),
        (np.array([7, 7, 7]), ("7",), [0, 0, 0]),
        (np.array([2**62, 2**62 + 1] * 2), (str(2**62), str(2**62 + 1)), [0, 1, 0, 1]),
    ],
)
def test_what_are_classes(values, classes, codes):
    found = labels(values)
    assert (found.task, found.classes, found.label.tolist()) == ("classes", classes, codes)
    assert found.label.dtype == torch.int64


@pytest.mark.parametrize(
    ("values", "task", "why"),
    [
        (np.arange(50).repeat(2), "classes", "50 classes: its values are whole numbers, 50 different. `--task number`"),
        (np.arange(51).repeat(2), "number", "whole, but it has 51 different values. `--task classes`"),
        (np.arange(3), "number", "whole, but it has 3 different values in 3 rows"),
        (np.array([4, 9]), "classes", "2 classes: 4, 9. `--task number` predicts"),
        (np.array([0.5, 1, 1]), "number", "a number to predict: it has fractions. `--task classes`"),
        (np.array([-2, -1, 0, 1, 2] * 9), "number", "some are negative"),
        (np.array([-3, 3] * 9), "number", "some are negative"),
    ],
)
def test_the_decision_is_said_with_its_reason_and_can_be_overruled(values, task, why):
    found = labels(values)
    assert found.task == task
    assert why in " ".join(found.notes)
    for asked in ("classes", "number"):
        if asked == "number" or values.min() >= 0:
            forced = labels(values, task=asked)
            assert forced.task == asked
            assert "--task" not in " ".join(forced.notes)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e30, 1e30)), min_size=1).filter(lambda v: any(x is not None for x in v)))
def test_numbers_to_predict_come_back(values):
    found = labels(np.array([np.nan if v is None else v for v in values]), task="number").label
    expected = torch.tensor([float("nan") if v is None else v for v in values], dtype=torch.float64).float()
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 9), st.just(-1))).filter(lambda v: any(x not in (None, -1) for x in v)))
def test_whole_classes_come_back_by_name(values):
    values = values * 2  # none of them once in ten rows or more: that would be an identifier
    found = labels(np.array([np.nan if v is None else v for v in values]), task="classes")
    named = [None if code < 0 else int(found.classes[code]) for code in found.label.tolist()]
    assert named == [None if v in (None, -1) else v for v in values]
    assert list(found.classes) == sorted(set(found.classes), key=int)


def test_a_number_of_minus_one_is_a_number():
    assert labels(np.array([-1, 0.5])).label.tolist() == [-1, 0.5]
    assert labels(np.array([-1, 1, 1, -1]), task="number").label.tolist() == [-1, 1, 1, -1]
    assert labels(np.array([True, False]), task="number").label.tolist() == [1, 0]
    assert labels(np.array(["1.5", "2", ""]), task="number").label[:2].tolist() == [1.5, 2]


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (np.array([1, -1, 1]), "-1 means missing, which leaves one class; write the two classes as 0 and 1"),
        (["a", "a", None], "`y` is missing in 1 of 3 rows"),
        (["a", "a", "b", "c"], "2 classes have a single example, which stays in training: b, c"),
        (["a", "a", "b"], "1 class has a single example"),
        (["a", "a"], "one class only, 'a'"),
        (["a", "-1", "a", "-1"], "'-1' is text and so a class"),
        (["a", "None", "a", "?"], "'?' or 'None' counts as missing. If it is a class, call it otherwise"),
    ],
)
def test_notes_on_labels(values, note):
    assert note in " ".join(labels(values).notes)


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (np.arange(2001) / 2, {"task": "classes"}, "at most 1,000 different values to be classes, got 2,001 with fractions"),
        (["1", "two"], {"task": "number"}, "must hold numbers for the task 'number', got 'two' in row 1"),
        (np.array([-2, -1, 0]), {"task": "classes"}, "-1, which means a missing class, beside the negative -2"),
        (np.array([-1, -1]), {}, "no value at all"),
        ([None, ""], {}, "no value at all, it is missing in all 2 rows"),
        (
            ["a", "x", "x"],
            {"like": {"task": "classes", "classes": ["a", "b"]}},
            "has 'x', unknown.* 2 rows, first in row 1.*: a, b",
        ),
        ([0, 5], {"like": {"task": "classes", "classes": ["0", "1"]}}, "has '5', unknown"),
        (["a"], {"like": {"task": "number", "classes": []}}, "must hold numbers"),
    ],
)
def test_labels_that_are_refused(values, options, sentence):
    with refused(sentence):
        labels(values, **options)


def test_labels_like_others():
    like = {"task": "classes", "classes": ["2", "10", "x"]}
    assert labels(["10", "x", "2.0", None], like=like).label.tolist() == [1, 2, 0, -1]
    assert labels(np.array([10.0, -1.0, 2.0]), like=like).label.tolist() == [1, -1, 0]
    assert labels([None, None], like=like).label.tolist() == [-1, -1]
    assert labels(["-1"], like={"task": "classes", "classes": ["-1", "a"]}).label.tolist() == [0]
    assert labels(np.array([1, 2]), like={"task": "number", "classes": []}).label.dtype == torch.float32
    assert labels(["a", "b"], like={"task": "none", "classes": []}).classes == ("a", "b")


# --- tables --------------------------------------------------------------------------------------------------------------


def pack(text: str, ending: str) -> bytes:
    plain = text.encode()
    if ending == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("inside.csv", plain)
        return buffer.getvalue()
    return {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, "": bytes}[ending](plain)


@pytest.mark.parametrize("packed", ["", ".gz", ".bz2", ".xz", ".zip", ".GZ"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".data", ".TXT"])
@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
def test_a_table(file, packed, ending, separator):
    content = pack("\ufeff" + TABLE.replace(",", separator), packed.lower())
    data = domains.open(file(content, f"my.trees{ending}{packed}"), label="kind")
    assert data.name == "my.trees"
    assert data.x.tolist() == [[1.5, 2], [2.5, 3], [3.5, 5], [4.5, 7]]
    assert data.label.tolist() == [1, 0, 1, -1]
    assert data.classes == ("elm", "oak")
    assert data.facts["columns"] == ["height", "width"]
    assert data.scaling == "feature"
    assert data.views == {"mask": {"p": 0.2}, "noise": {"scale": 0.1}}
    assert "4 rows, 2 columns of numbers" in said(data)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(-1e6, 1e6, width=32), st.sampled_from(["a", 'b "x"', "c;d", "e,f", "1\t2", "g\nh"])), min_size=2
    ),
    separator=st.sampled_from([",", ";", "\t"]),
)
def test_what_was_written_is_read(tmp_path_factory, rows, separator):
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    frame = pd.DataFrame(rows, columns=["x", "kind"]).assign(one=1.5)
    frame.to_csv(path, index=False, sep=separator)
    data = domains.open(path, label="kind")
    assert data.x[:, 0].tolist() == frame["x"].tolist()
    assert [data.classes[code] for code in data.label] == frame["kind"].tolist()
    same = domains.open(frame, label="kind")
    assert same.x.equal(data.x)
    assert (same.classes, same.label.tolist()) == (data.classes, data.label.tolist())


def test_spaces_separate_in_text_only(file):
    text = "  1.0 2.0  3\n\n 4.0  5.0 3 \n\t7 8 4\n"
    data = domains.open(file(text, "a.txt"), label="last")
    assert data.x.tolist() == [[1, 2], [4, 5], [7, 8]]
    assert data.classes == ("3", "4")
    assert "separated by spaces" in said(data)
    text = domains.open(file("1 2\n3 4\n3 4\n"))  # no separator of a .csv
    assert text.facts["levels"] == {"1 2": ["3 4"]}


@pytest.mark.parametrize(
    ("text", "columns", "note"),
    [
        ("1,2,3\n4,5,6\n", ["1", "2", "3"], "no header: the columns are called 1 to 3"),
        ("1,,3e5\n4,5,6\n", ["1", "2", "3"], "missing values in 1 column: '2' (1 row, first in line 1): kept as missing"),
        ("0,1,2\n4,5,6\n", ["1", "2", "3"], "the first row is 0, 1, 2, ...: if these are no example but names"),
        (",0,1\n0,5,6\n1,2,3\n", ["Unnamed: 0", "0", "1"], "the header that a data frame without names writes"),
        ("a,2020,2021\n4,5,6\n", ["a", "2020", "2021"], ""),
        ("4,5,2\n5,5,a\n6,5,b\n", ["1", "2", "3"], "categories: 3 (3); numbers: 2 of 3 columns"),
        (" a , b b \n4,5\n", ["a", "b b"], ""),
        ("1\n2\n", ["1"], "no header"),
        ("x\n2\n", ["x"], ""),
        ("x,,\n2,3,\n", ["x", "Unnamed: 1"], "left out, without a name and empty: Unnamed: 2"),
    ],
)
def test_headers(file, text, columns, note):
    path = file(text)
    data = domains.open(path)
    assert data.facts["columns"] == columns
    assert note in said(data)
    assert len(data.x) == len(text.splitlines()) - (columns != [str(n + 1) for n in range(len(columns))])


@pytest.mark.parametrize(
    ("text", "rows", "note"),
    [
        ("5.1,3.5,0.2,setosa\n4.9,3.0,0.2,setosa\n7,3.2,1.4,vers\n", 3, "with text and numbers, is taken as an example"),
        ("5.1,3.5,0.2,setosa\n4.9,3.0,0.2,vers\n7,3.2,1.4,vers\n", 3, "with text and numbers, is taken as an example"),
        ("400.5,401,401.5,kind\n4.9,3.0,0.2,a\n7,3.2,1.4,b\n", 2, "with text and numbers, is taken as names"),
    ],
)
def test_a_first_row_of_text_and_numbers(file, text, rows, note):
    data = domains.open(file(text), label="last")
    assert len(data.x) == rows
    assert note in said(data)
    assert len(domains.open(file(text), label="last", header="yes").x) == 2
    assert len(domains.open(file(text), label="last", header="no").x) == 3


def test_positions(file):
    path = file("a,b,c\n1,2,0\n3,4,1\n")
    assert domains.open(path, label="last").facts["columns"] == ["a", "b"]
    assert domains.open(path, label="first", groups="last").facts["columns"] == ["b"]
    assert domains.open(path, drop=("first", "b")).facts["columns"] == ["c"]
    assert domains.open(path, drop="b").facts["columns"] == ["a", "c"]
    assert domains.open(file("1,2,0\n3,4,1\n"), label="2").facts["columns"] == ["1", "3"]
    with refused("'last' is a position and also the name of another column"):
        domains.open(file("last,b\n1,2\n"), label="last")


LONG = "".join(f"a{number}\n" for number in range(12))


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", {}, "is empty"),
        ("\n \n", {}, "is empty"),
        ("a,b\n", {}, "has a header and no rows"),
        (
            TABLE,
            {"label": "knid"},
            r"no column 'knid' for `label`\. Did you mean 'kind'\? Its columns are: height, width, kind; `f",
        ),
        (TABLE, {"label": "Kind"}, "Did you mean 'kind'"),
        (TABLE, {"groups": "zzz"}, "no column 'zzz' for `groups`. Its columns"),
        (TABLE, {"drop": ("zzz",)}, "no column 'zzz' for `drop`"),
        (TABLE, {"label": "kind", "drop": ("kind",)}, "`drop` of Tabular must not name the label or the groups, got 'kind'"),
        (TABLE, {"label": "kind", "groups": "kind"}, "must be two columns, got 'kind' for both"),
        (TABLE, {"label": "kind", "drop": ("width", "height")}, "no column left to learn from"),
        (TABLE, {"task": "classes", "drop": "kind"}, "task 'classes' needs a label, got none"),
        (TABLE, {"label": "kind", "task": "number"}, "must hold numbers for the task 'number', got 'oak' in line 2"),
        (f"a\n{LONG}", {}, r"'a' .* is text with 12 different values in 12 rows, as 'a0' in line 2: too many .*`--drop a`"),
        ("a b\n2020-01-31\n2020-02-01\n", {}, r"column 'a b' .* holds dates, as '2020-01-31' in line 2, .* `--drop 'a b'`"),
        ("a\n1/2/2020\n3.2.20 12:30\n", {}, "holds dates"),
        ("a\n1\n2\n3\n4\n5\nx\n", {}, r"column 'a' .* holds numbers, but 'x' too, first in line 7\. Mend those cells"),
        ('a,b\n1,"1\n"\n1,2\n1,3\n1,4\n1,5\n1,y\n', {}, "but 'y' too, first in line 8"),
        ("a;b\n1,5;2\n2,5;3\n", {}, "column 'a' has '1,5' in line 2, a decimal comma .* Write numbers as 1234.5"),
        ("a;b\n1;2,5\n2;3\n", {"label": "b"}, "column 'b' has '2,5' in line 2, a decimal comma"),
        ('a,b\n1,"1,234"\n2,3\n', {}, "decimal comma or a separator of thousands"),
        ("a,b,c\n1,,3\n2,NA,inf\n3,?,4\n", {}, r"infinite values, .* in 1 column, as in 'c', line 3"),
        ("a\n1\n1e99\n", {}, r"more than 3\.4e38, in 1 column, as in 'a', line 3"),
        ("a,b,a\n1,2,3\n", {}, "more than one column 'a'"),
        ("a,b\n1,2\n3,4,5\n", {}, "got 2 fields in line 1 and 3 in line 3. Look for a separator within a field"),
        ("a,b\n1,2,\n3,4,\n", {}, "got 2 fields in line 1 and 3 in line 2"),
        ("a,b\n" + "1,2\n" * 150 + "3,4,5\n", {}, "got 2 fields in line 1 and 3 in line 152"),
        ("1,2\n" * 150 + "3,4,5\n", {}, "got 2 fields in line 1 and 3 in line 151"),
        ("a,b\n" + "1,2\n" * 150 + '3,"4\n', {}, "could not be read as a table"),
        ("a,g\n1,x\n2,\n", {"groups": "g"}, "groups 'g' must be known for every row, got 1 without, first in line 3"),
        ("a,b\n1,2\n2,inf\n", {"label": "b"}, "label 'b' must be finite, got infinity in 1 row, first in line 3"),
    ],
)
def test_tables_that_are_refused(file, text, options, sentence):
    with refused(sentence):
        domains.open(file(text), **options)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "a,é\n1,2\n".encode("latin-1"), "must be text in UTF-8"),
        ("a.csv", b"a,b\n" + b"1,2\n" * 150_000 + b"\xff,2\n", "must be text in UTF-8"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "must be text in UTF-8"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "could not be unpacked: .* Is it complete"),
        ("a.csv.gz", b"a,b\n1,2\n", "could not be unpacked"),
        ("a.csv.bz2", b"a,b\n1,2\n", "could not be unpacked"),
        ("a.csv.xz", b"a,b\n1,2\n", "could not be unpacked"),
        ("a.csv.zip", b"a,b\n1,2\n", "could not be unpacked"),
    ],
)
def test_files_that_are_no_text(file, name, content, sentence):
    with refused(sentence):
        domains.open(file(content, name))


def test_an_archive_of_two_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", TABLE)
        archive.writestr("b.csv", TABLE)
    with refused("must hold one file, got 2. Unpack it"):
        domains.open(tmp_path / "a.csv.zip")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("id,a\n5,1\n9,1\n", "id looks like an identifier, not like a measurement: `--drop id`"),
        ("n,b\n" + "".join(f"{n},{n * n}\n" for n in range(3, 9)), "n looks like an identifier"),
        (",b\n0,1\n1,3\n", "Unnamed: 0 looks like an identifier"),
        ("a,b\n5,1\n9,1\n", "1 column with one value in all rows, kept: b"),
        ("a,b\n5,99999999\n9,16777217\n", "above 16,777,216 are rounded to float32: b"),
        ("a;b\n5;1\n9;1\n", "separated by semicolons"),
    ],
)
def test_notes_on_columns(file, text, note):
    assert note in said(domains.open(file(text)))


def test_labels_as_text_files_write_them(file):
    codes = domains.open(file("a,zip\n1,01234\n2,1234\n3,01234\n4,1234\n"), label="zip")
    assert codes.classes == ("01234", "1234")  # a leading zero makes it a name
    numbers = domains.open(file("a,y\n1,0.5\n2,NA\n3,2\n"), label="y")
    assert numbers.task == "number"
    assert numbers.label.isnan().tolist() == [False, True, False]
    assert domains.open(file("a,y\n1, True \n2,False\n3,\n"), label="y").label.tolist() == [1, 0, -1]
    assert domains.open(file("a,y\n1,3\n2,4\n3,-1\n"), label="y").label.tolist() == [0, 1, -1]
    assert domains.open(file("a,y\n1,None\n2,b\n3,b\n"), label="y").label.tolist() == [-1, 0, 0]


def test_frames():
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, 2, 3, 4], dtype="Int64"),
            "truth": [True, False, True, False],
            "mixed": np.array([1, 2.5, True, 4], dtype=object),
            "kind": pd.Categorical(["b", None, "a", "b"]),
            7: [1, 2, 3, 4],
        },
        index=[3, 1, 4, 5],
    )
    data = domains.open(frame, label="kind", groups="7")
    assert data.x.tolist() == [[1, 1, 1], [2, 0, 2.5], [3, 1, 1], [4, 0, 4]]
    assert (data.classes, data.label.tolist()) == (("a", "b"), [1, -1, 0, 1])
    assert data.groups.tolist() == [0, 1, 2, 3]
    assert data.name == "frame"
    for beside in (frame["kind"], frame["kind"].to_numpy(), frame["kind"].tolist()):
        assert domains.open((frame[["whole"]], beside)).label.tolist() == [1, -1, 0, 1]
    facts = domains.open(frame[["whole", "kind"]], label="kind").facts
    assert domains.open((frame, ["a"] * 4), like=facts).label.tolist() == [0] * 4
    assert domains.open((frame[["whole"]], pd.array([0, None, 1, 1], dtype="Int64"))).label.tolist() == [0, -1, 1, 1]


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}), {}, "column 'a' of the frame holds dates"),
        (pd.DataFrame({"a": [f"a{n}" for n in range(12)]}), {}, "as 'a0' in row 0: too many to be categories"),
        (pd.DataFrame({"a": [1j]}), {}, "must hold real numbers, got complex"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "more than one column 'a'"),
        (pd.DataFrame({"a": []}), {}, "no rows"),
        (pd.DataFrame(index=[0, 1]), {}, "no column"),
        (
            (pd.DataFrame({"a": [1, 2]}), pd.Series([1, 2], index=[1, 0])),
            {},
            r"must have its index, got another\. Use `label\.reindex",
        ),
        ((pd.DataFrame({"a": [1, 2]}), pd.Series([1, 2, 3])), {}, "one entry for each of the 2 rows of x, got 3"),
        ((pd.DataFrame({"a": [1, 2]}), [0, 1]), {"label": "a"}, "names a column, 'a', but the label is given beside"),
    ],
)
def test_frames_that_are_refused(source, options, sentence):
    with refused(sentence):
        domains.open(source, **options)


# --- categories and missing values ---------------------------------------------------------------------------------------

MIXED = "kind,size,colour,n\noak,1.5,red,1\nelm,,blue,0\noak,2.5,,1\nelm,3.5,red ,0\n"


def test_text_is_categories_and_what_is_missing_stays_missing(file):
    data = domains.open(file(MIXED), label="kind")
    assert data.spec == spec.Table(3, (0, 2, 0), gaps=True)
    nan = float("nan")
    wanted = torch.tensor([[1.5, 1, 1], [nan, 0, 0], [2.5, nan, 1], [3.5, 1, 0]])
    assert torch.allclose(data.x, wanted, 0, 0, equal_nan=True)
    assert data.facts["levels"] == {"colour": ["blue", "red"]}
    assert data.views == {"swap": {"p": 0.2}, "mask": {"p": 0.1, "fill": pytest.approx(nan, nan_ok=True)}}
    for part in (
        "missing values in 2 columns: 'size' (1 row, first in line 3), 'colour'",
        "categories: colour (2); numbers: 2 of 3",
    ):
        assert part in said(data)
    frame = pd.read_csv(file(MIXED))
    same = domains.open(frame, label="kind")
    assert torch.allclose(same.x, data.x, 0, 0, equal_nan=True)


def test_later_rows_are_read_by_what_was_learned(file):
    """A category that was not there is missing, said; text for numbers, and gaps where there were none, are refused."""
    data = domains.open(file(MIXED), label="kind")
    more = domains.open(file("n,colour,size\n1,green,2\n0,red,\n", "more.csv"), like=data.facts)
    nan = float("nan")
    assert torch.allclose(more.x, torch.tensor([[2, nan, 1], [nan, 1, 0]]), 0, 0, equal_nan=True)
    assert "column 'colour' has 1 row with a category that was not there before, as 'green' in line 2" in said(more)
    with refused(r"has text where the earlier data had numbers: 'size'; 'size' is 'big' in line 2"):
        domains.open(file("n,colour,size\n1,red,big\n", "text.csv"), like=data.facts)
    whole = domains.open(file("a,b\n1,2\n3,4\n", "whole.csv"))
    with refused(r"missing values in 1 column: 'b' \(1 row, first in line 2\), and the earlier data had none"):
        domains.open(file("a,b\n1,\n", "gap.csv"), like=whole.facts)
    both = domains.open(file(MIXED, "a.csv"), test=file("kind,size,colour,n\nelm,9,gold,1\n", "b.csv"), label="kind")
    assert torch.allclose(both.x[-1], torch.tensor([9, nan, 1]), 0, 0, equal_nan=True)


def test_parquet_is_a_table(tmp_path, file):
    pytest.importorskip("pyarrow", reason="pyarrow, an extra, is not installed")
    frame = pd.read_csv(file(MIXED))
    frame.to_parquet(tmp_path / "t.parquet")
    data = domains.open(tmp_path / "t.parquet", label="kind")
    assert (data.name, data.facts["levels"]) == ("t", {"colour": ["blue", "red"]})
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with refused("could not be read as Parquet"):
        domains.open(tmp_path / "bad.parquet")


def test_scaling_is_of_what_is_there_and_leaves_codes(file):
    data = domains.open(file(MIXED), label="kind")
    mean, std = domains.scaling(data, torch.arange(4))
    assert mean.tolist() == pytest.approx([2.5, 0, 0])
    assert std.tolist() == pytest.approx([float(np.std([1.5, 2.5, 3.5])), 1, 1])
    series = torch.tensor([[[1.0, 3.0, float("nan")], [5.0, 5.0, float("nan")]]])
    made = dataclasses.replace(data, x=series, spec=spec.Series(2, 3, gaps=True), scaling="channel")
    mean, std = domains.scaling(made, torch.arange(1))
    assert (mean.tolist(), std.tolist()) == ([[2.0], [5.0]], [[1.0], [1.0]])


# --- the same again: like, and a test set --------------------------------------------------------------------------------


def test_like_takes_columns_by_name_and_classes_by_number(file):
    facts = json.loads(json.dumps(domains.open(file(TABLE), label="kind", drop="height").facts))
    assert facts["options"]["drop"] == ["height"]
    more = domains.open(file("kind,more,width\noak,x,2\n,y,3\n"), like=facts)
    assert more.x.tolist() == [[2], [3]]
    assert (more.classes, more.label.tolist(), more.task) == (("elm", "oak"), [1, -1], "classes")
    assert "not used: more" in said(more)
    bare = domains.open(file("width\n2\n"), like=facts)
    assert (bare.label, bare.task, bare.classes) == (None, "none", ())
    assert bare.facts == facts
    assert domains.open(file("width,kind\n2,oak\n"), like=bare.facts).label.tolist() == [1]
    with refused("label 'kind' has 'ash', unknown to the data it must be like: 1 row, first in line 3.*: elm, oak"):
        domains.open(file("width,kind\n2,oak\n3,ash\n"), like=facts)
    with refused(r"lacks width\. Did you mean 'Width'\? Its columns are: Width, kind"):
        domains.open(file("Width,kind\n2,oak\n"), like=facts)
    assert domains.open(file("width,sort\n2,oak\n"), like=facts, label="sort").label.tolist() == [1]
    with refused("no column 'sort' for `label`"):
        domains.open(file("width,kind\n2,oak\n"), like=facts, label="sort")


def test_like_without_names(file):
    facts = domains.open(file("1,2,0,9\n3,4,1,9\n"), label="first", drop="last").facts
    assert facts["columns"] == ["2", "3"]
    whole = domains.open(file("1,8,7,9\n3,6,5,9\n"), like=facts)
    assert (whole.x.tolist(), whole.label.tolist()) == ([[8, 7], [6, 5]], [0, 1])
    bare = domains.open(file("8,7\n6,5\n"), like=facts)
    assert (bare.x.tolist(), bare.label) == ([[8, 7], [6, 5]], None)
    assert "taken in the order of the earlier data" in said(bare)
    assert domains.open(file("8,7,3\n6,5,1\n"), like=facts, label="last").label.tolist() == [1, 0]
    with refused("has no header, so it must have just the 2 columns of the earlier data in their order, got 3"):
        domains.open(file("8,7,3\n6,5,1\n"), like=facts)


def test_like_across_domains(file):
    table = domains.open(file(TABLE), label="kind").facts
    arrays = domains.open({"x": X[:2, :2], "y": np.array(["elm", "oak"])}, like=table)
    assert (arrays.domain, arrays.label.tolist()) == ("arrays", [0, 1])
    assert domains.open(X[:, :2], like=table).task == "none"
    back = domains.open(file(TABLE), label="kind", like=arrays.facts)
    assert back.label.tolist() == [1, 0, 1, -1]
    with refused("must look as those before, a table of 2 columns, got a table of 3 columns. Give the same columns"):
        domains.open(X, like=table)
    with refused("a table of 2 columns, got a series of 2 channels and length 5. Reshape them"):
        domains.open(np.ones((3, 2, 5)), like=table)
    with refused("`like` must be the `facts` of Data.* without classes, spec, task"):
        domains.open(X, like={"columns": ["a"]})
    keyed = domains.open({"x": X, "age": Y}, label="age").facts
    assert domains.open(X, like=keyed).label is None
    assert domains.open({"x": X}, like=keyed).label is None
    assert domains.open((X, Y), like=keyed).label.tolist() == Y.tolist()
    with refused("no array 'sex' for `label`"):
        domains.open({"x": X}, like=keyed, label="sex")


def test_like_unlabelled_data_labels_may_be_new(file):
    facts = domains.open(file("a,b\n1,2\n3,4\n")).facts
    assert domains.open(file("a,b,kind\n1,2,u\n3,4,v\n"), like=facts, label="kind").classes == ("u", "v")


def test_a_test_set(file):
    train, test = file(TABLE + "5,6,elm\n"), file("kind,width,height\noak,1,2\nelm,3,4\n", "test.csv")
    data = domains.open(train, test=test, label="kind")
    assert data.x.tolist()[-3:] == [[5, 6], [2, 1], [4, 3]]
    assert data.label.tolist() == [1, 0, 1, -1, 0, 1, 0]
    assert data.given_test.tolist() == [False] * 5 + [True] * 2
    assert data.name == "trees"
    arrays = domains.open((X, Y), test=(X[:1], Y[:1]))
    assert arrays.given_test.sum() == 1
    assert domains.open(X, test=X).label is None
    for wrong, sentence in [
        ((X, None), "the training set has a label, the other has none"),
        ((X[:, :1], Y), "the test set must look as the training set, a table of 3 columns, got a table of 1 column"),
        ((X, Y + 9), "`y` has '9', '10', unknown to the data it must be like"),
        ((X, Y, Y), "the test set has groups, the other has none"),
    ]:
        with refused(sentence):
            domains.open((X, Y), test=wrong)
    with refused("test must have the columns of the earlier data, but lacks width"):
        domains.open(train, test=file("height,kind\n2,oak\n", "test.csv"), label="kind")
    with refused("the test set must be a path or a DataFrame, got int"):
        domains.open(train, test=3, label="kind")


def test_groups_are_the_same_in_both_sets():
    data = domains.open((X, Y, list("aabbccdd")), test=(X[:2], Y[:2], ["c", "e"]))
    assert data.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 2, 4]
    assert "1 group of the test set in training too" in said(data)


# --- splits --------------------------------------------------------------------------------------------------------------

PINNED = [[0, 4, 5, 6, 7, 9, 10], [1, 8], [2, 3, 11]]
PINNED_GROUPS = [[4, 5, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23], [2, 3, 20, 21], [0, 1, 6, 7, 10, 11]]


def made(
    rows: int = 40, label=None, task: str = "none", groups=None, given_test=None, scaling_by: str = "feature", x=None
) -> Data:
    x = torch.zeros(rows, 2) if x is None else x
    if label is not None:
        label = torch.tensor(label, dtype=torch.int64 if task == "classes" else torch.float32)
    return Data(
        name="made",
        domain="arrays",
        spec=spec.of(tuple(x.shape[1:])),
        x=x,
        label=label,
        task=task,
        classes=tuple(str(k) for k in range(int(label.max()) + 1)) if task == "classes" else (),
        groups=None if groups is None else torch.tensor(groups, dtype=torch.int64),
        given_test=None if given_test is None else torch.tensor(given_test, dtype=torch.bool),
        scaling=scaling_by,
    )


@st.composite
def data_sets(draw):
    rows = draw(st.integers(12, 80))
    task = draw(st.sampled_from(["classes", "number", "none"]))
    label = None
    if task == "classes":
        label = draw(st.lists(st.integers(-1, draw(st.integers(0, 5))), min_size=rows, max_size=rows))
        label[0] = max(label[0], 0)
    elif task == "number":
        label = draw(st.lists(st.sampled_from([0.5, 2.0, float("nan")]), min_size=rows, max_size=rows))
    many = draw(st.integers(2, 20))
    groups = draw(st.none() | st.lists(st.integers(0, many), min_size=rows, max_size=rows))
    given_test = draw(st.none() | st.lists(st.booleans(), min_size=rows, max_size=rows))
    return made(rows, label, task, groups, given_test)


def known(data: Data) -> np.ndarray:
    if data.label is None:
        return np.ones(len(data.x), dtype=bool)
    return ((data.label >= 0) if data.task == "classes" else ~data.label.isnan()).numpy()


@settings(max_examples=300, deadline=None)
@given(data_sets(), st.integers(0, 2**40))
def test_no_example_in_two_parts_and_none_lost(data, seed):
    try:
        parts = split(data, seed=seed)
    except ValueError as error:
        assert "too few" in str(error) or "cannot be split" in str(error) or "no row with a label" in str(error)  # noqa: PT017
        return
    rows = [part.tolist() for part in (parts.train, parts.val, parts.test)]
    flat = [row for part in rows for row in part]
    assert len(set(flat)) == len(flat)
    assert all(part == sorted(part) for part in rows)
    assert parts.train.dtype == parts.val.dtype == parts.test.dtype == torch.int64
    labelled = known(data)
    groups = data.groups if data.groups is not None else torch.arange(len(data.x))
    homes = [set(groups[part].tolist()) for part in (parts.train, parts.val, parts.test)]
    assert not homes[0] & homes[1] | homes[0] & homes[2] | homes[1] & homes[2]
    given = torch.zeros(len(data.x), dtype=torch.bool) if data.given_test is None else data.given_test
    lost = set(range(len(data.x))) - set(flat)
    for row in lost:  # only those that the docstring of split says
        elsewhere = int(groups[row]) in homes[1] | homes[2]
        assert (not labelled[row] and bool(given[row])) or (elsewhere and (not labelled[row] or not given[row]))
    assert (f"{len(lost):,} row" in parts.says) == bool(lost) or not lost
    assert ("left out" in parts.says) == bool(lost)
    assert all(labelled[row] for row in rows[1] + rows[2])
    assert rows[1]
    assert data.task != "none" or data.given_test is not None or not rows[2]
    if data.given_test is not None:
        assert rows[2] == [row for row in given.nonzero()[:, 0].tolist() if labelled[row]]
    if data.task == "classes":
        validated = set(data.label[parts.val].tolist())
        assert validated <= set(data.label[parts.train].tolist())
        if data.given_test is None:
            assert set(data.label[parts.test].tolist()) <= set(data.label[parts.train].tolist())
    again = split(data, seed=seed)
    assert again.says == parts.says
    assert all(getattr(again, part).equal(getattr(parts, part)) for part in ("train", "val", "test"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(5, 60), min_size=1, max_size=6), st.integers(0, 99))
def test_classes_keep_their_shares(sizes, seed):
    label = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(label)
    if rows < 10:
        return
    parts = split(made(rows, label.tolist(), "classes"), seed=seed)
    assert (len(parts.test), len(parts.val)) == (round(0.25 * rows), round(0.15 * rows))
    for part, share in ((parts.test, 0.25), (parts.val, 0.15)):
        counts = np.bincount(label[part], minlength=len(sizes))
        assert (np.abs(counts - share * np.array(sizes)) < 1).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=25, max_size=60), st.integers(0, 99), st.integers(1, 3))
def test_groups_are_dealt_evenly(sizes, seed, kinds):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    label = np.random.default_rng(seed).integers(0, kinds, len(groups))
    parts = split(made(len(groups), label.tolist(), "classes", groups.tolist()), seed=seed)
    for part, share in ((parts.test, 0.25), (parts.val, 0.15)):
        assert abs(len(part) - share * len(groups)) <= max(sizes)
        counts = np.bincount(label[part], minlength=kinds)
        assert np.abs(counts - share * np.bincount(label, minlength=kinds)).max() <= 2 * max(sizes)


def test_the_split_is_the_same_on_any_machine():
    parts = split(made(12, [0, 1] * 6, "classes"), seed=0)
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == PINNED
    parts = split(made(24, [0, 1] * 12, "classes", [row // 2 for row in range(24)]), seed=0)
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == PINNED_GROUPS
    assert not split(made(200), seed=1).val.equal(split(made(200), seed=2).val)


def test_which_rows_is_chance():
    times = Counter(
        row for seed in range(400) for row in split(made(20, [0] * 10 + [1] * 10, "classes"), seed=seed).test.tolist()
    )
    assert len(times) == 20
    assert all(60 < many < 140 for many in times.values())  # 100 ± 4.6 σ


def test_tiny_classes_stay_in_training():
    label = [0] * 20 + [1, 2, 2, 3, 3, 3]
    for seed in range(20):
        train = split(made(26, label, "classes"), seed=seed).train
        assert {0, 1, 2, 3} == {label[row] for row in train.tolist()}


def test_what_the_split_says():
    label = [0, 1] * 20
    assert (
        split(made(40, label, "classes"), seed=3).says == "24 train, 6 validation, 10 test; random, stratified by class, seed 3"
    )
    assert split(made(40), seed=3).says == "34 train, 6 validation, 0 test; random, seed 3"
    assert split(made(40, [0.5] * 40, "number"), seed=3).says == "24 train, 6 validation, 10 test; random, seed 3"
    says = split(made(40, label, "classes", given_test=[0] * 30 + [1] * 10), seed=3).says
    assert (
        says == "26 train, 4 validation, 10 test; the test set as it was given, validation random, stratified by class, seed 3"
    )
    says = split(made(40, [-1] * 20 + [0, 1] * 10, "classes"), seed=3).says
    assert says == "32 train, 3 validation, 5 test; random, stratified by class, seed 3; 20 rows of train without a label"
    says = split(made(40, label, "classes", groups=[row // 2 for row in range(40)]), seed=3).says
    assert says == "24 train, 6 validation, 10 test; whole groups, classes as even as they allow, seed 3"
    says = split(made(40, [0, -1] * 20, "classes", groups=[row // 2 for row in range(40)]), seed=3).says
    assert "left out: without a label, or their group is in another part" in says
    assert split(made(40, label, "classes"), seed=0, test=0, val=0).says.startswith("40 train, 0 validation, 0 test")


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (made(9), {}, "9 rows are too few to split; there must be 10 or more. Give more rows"),
        (made(20, [0] * 9 + [-1] * 11, "classes"), {}, "9 rows are too few to split; there must be 10 or more with a label"),
        (made(20, given_test=[1] * 15 + [0] * 5), {}, "5 rows are too few to split.* beside the test set"),
        (
            made(12, list(range(12)), "classes"),
            {},
            "the validation part would be empty.*too few of each class: training keeps one",
        ),
        (made(12), {"val": 0.01}, "the validation part would be empty: .* larger share than 0.01"),
        (made(12, [0, 1] * 6, "classes"), {"test": 0.01}, "the test part would be empty"),
        (
            made(12, [0, 1] * 6, "classes", groups=[0, 1] * 6),
            {},
            "2 groups cannot be split into 3 parts, train and validation and test",
        ),
        (made(12, groups=[1] * 12), {}, "1 group cannot be split into 2 parts, train and validation.*leave `groups` out"),
        (
            made(12, [0, 1, 2, 3] * 3, "classes", groups=[0, 1, 2, 3] * 3),
            {},
            "would be empty: there are too few groups, or too few of",
        ),
        (made(12), {"test": 0.5, "val": 0.5}, "shares that leave something to train on, got 0.5 and 0.5"),
        (made(12), {"test": -0.1}, "must be shares"),
        (made(12), {"val": float("nan")}, "must be shares"),
        (
            made(20, [0] * 15 + [-1] * 5, "classes", given_test=[0] * 15 + [1] * 5),
            {},
            "given has no row with a label. Label some",
        ),
        (made(12), {"seed": -1}, "`seed` must be a whole number, 0 or more, got -1"),
        (made(12), {"seed": 0.5}, "`seed` must be a whole number"),
    ],
)
def test_splits_that_are_refused(data, options, sentence):
    with refused(sentence):
        split(data, **{"seed": 0, **options})


# --- scaling and granted labels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "by", "axes"), [((50, 4), "feature", 0), ((50, 3, 7), "channel", (0, 2)), ((50, 3, 5, 4), "channel", (0, 2, 3))]
)
def test_scaling_gives_mean_0_and_spread_1_to_training_rows(monkeypatch, shape, by, axes):
    monkeypatch.setattr("mixtrast.domains._scaling.ROWS", 7)
    x = np.random.default_rng(0).normal(1e4, 1e-1, shape).astype(np.float32)  # a sum of squares in float32 has no spread here
    rows = torch.arange(0, 50, 2)
    data = made(x=torch.from_numpy(x), scaling_by=by)
    mean, std = scaling(data, rows)
    assert mean.dtype == std.dtype == torch.float32
    train = x[::2].astype(np.float64)
    assert mean.flatten().numpy() == pytest.approx(train.mean(axes), rel=1e-7)
    assert std.flatten().numpy() == pytest.approx(train.std(axes), rel=1e-6)
    assert ((data.x - mean) / std).shape == shape
    assert mean.shape == std.shape == ((4,) if by == "feature" else (3, *(1 for _ in shape[2:])))
    changed = data.x.clone()
    changed[1::2] = 9e9
    assert scaling(made(x=changed, scaling_by=by), rows)[0].equal(mean)  # of training rows only


def test_scaling_leaves_what_cannot_be_scaled():
    x = torch.tensor(
        [[0, 0, 1, 7, 0.1, 2], [1, 0, 1, 7, 0.1, 0], [1, 0, 1, 7, 0.1, 1], [5, 5, 5, 5, 5, 5]], dtype=torch.float32
    )
    mean, std = scaling(made(x=x), torch.arange(3))
    assert mean.tolist() == [0, 0, 0, 7, torch.tensor(0.1).item(), 1]
    assert std[:5].tolist() == [1, 1, 1, 1, 1]
    assert std[5].item() == pytest.approx((2 / 3) ** 0.5)
    pixels = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])  # binary pictures are scaled: their channel is no one-hot column
    assert [value.item() for value in scaling(made(x=pixels, scaling_by="channel"), torch.arange(2))] == [0.5, 0.5]
    with refused("scaling needs training rows, got none"):
        scaling(made(x=x), torch.arange(0))


@settings(deadline=None)
@given(
    st.lists(st.integers(-1, 3), min_size=20, max_size=60).map(lambda v: [0, 1, 2, 3] * 4 + v),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_grant_keeps_just_so_many_labels(values, per_class, seed):
    label = torch.tensor(values)
    rows = torch.cat([torch.arange(16), torch.arange(18, len(values), 2)])
    before = label.clone()
    given = grant(label, rows, per_class, seed)
    assert label.equal(before)
    kept = given[rows]
    assert torch.bincount(kept[kept >= 0], minlength=4).tolist() == [per_class] * 4
    assert ((kept == label[rows]) | (kept == -1)).all()
    others = torch.ones(len(label), dtype=torch.bool)
    others[rows] = False
    assert given[others].equal(label[others])
    assert given.equal(grant(label, rows, per_class, seed))
    if per_class > 1:
        fewer = grant(label, rows, per_class - 1, seed)[rows]
        assert (kept[fewer >= 0] >= 0).all()


def test_grant_refuses():
    label = torch.tensor([0, 0, 1, 2, -1])
    with refused("at most what every class has among the 4 rows, 0, got 2: class 1 has 1, class 2 has 0"):
        grant(label, torch.tensor([0, 1, 2, 4]), 2, 0)
    for wrong in (0, 1.5, True):
        with refused("`per_class` of grant must be a whole number, 1 or more"):
            grant(label, torch.arange(5), wrong, 0)
    with refused(r"`label` of grant must be int64 classes of shape \(N,\), got torch.float32"):
        grant(label.float(), torch.arange(5), 1, 0)
