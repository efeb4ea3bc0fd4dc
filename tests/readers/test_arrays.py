"""Arrays and tensors in memory, and .npz files."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from mixtrast import datasets, spec
from support.messages import refused, said
from support.sources import X, Y


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
    data = datasets.open(np.ones(shape))
    assert (data.spec, data.scaling, data.views, data.task) == (kind, scaled, views, "none")


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i8", "u8", "f2", "f4", "f8", ">f4", "?"])
def test_numbers_of_any_width(dtype):
    x = (np.arange(6).reshape(2, 3) % 2).astype(dtype)
    assert datasets.open(x).x.tolist() == [[0, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.bool])
def test_tensors(dtype):
    x = torch.tensor([[0, 1], [1, 0]]).to(dtype)
    data = datasets.open((x, torch.tensor([0, 1]).to(dtype)))
    assert data.x.tolist() == [[0, 1], [1, 0]]
    assert len(data.classes) == 2
    with refused("must be dense"):
        datasets.open(torch.eye(3).to_sparse())
    with refused("must hold numbers, got complex64"):
        datasets.open(torch.ones(2, 2, dtype=torch.complex64))


def test_what_is_in_memory_is_not_changed():
    frozen = X.copy()
    frozen.flags.writeable = False
    assert datasets.open(frozen).x.tolist() == X.tolist()
    assert datasets.open(X.T[:2].T).x.is_contiguous()


def test_pictures_in_bytes_get_their_channels_first():
    x = np.arange(2 * 5 * 6 * 3, dtype=np.uint8).reshape(2, 5, 6, 3)
    data = datasets.open(x)
    assert data.spec == spec.Image(3, 5, 6)
    assert (data.x.permute(0, 2, 3, 1).numpy() == x).all()
    assert "channels were put first" in said(data)
    assert datasets.open(x.astype(float)).spec == spec.Image(5, 6, 3)
    assert "if channels come last, use x.transpose(0, 3, 1, 2)" in said(datasets.open(x.astype(float)))
    assert datasets.open(np.zeros((2, 3, 4, 4), dtype=np.uint8)).spec == spec.Image(3, 4, 4)
    assert "if these are grey images, use x[:, None]" in said(datasets.open(x[..., 0]))


@pytest.mark.parametrize("packing", ["npz", "NPZ", "dict"])
@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("X", "target"), ("data", "labels"), ("features", "label"), ("pixels", "y")])
def test_named_arrays(tmp_path, packing, x, y):
    source = {x: X, y: Y, "groups": Y * 7}
    if packing != "dict":
        with (tmp_path / f"a.{packing}").open("wb") as stream:
            np.savez(stream, **source)
        source = tmp_path / f"a.{packing}"
    data = datasets.open(source)
    assert data.name == ("arrays" if packing == "dict" else "a")
    assert data.x.tolist() == X.tolist()
    assert data.label.tolist() == Y.tolist()
    assert data.groups.tolist() == Y.tolist()


def test_keys_that_are_asked_for():
    source = {"x": X, "age": Y + 0.5, "who": Y, "more": Y}
    data = datasets.open(source, label="age", groups="who")
    assert data.task == "number"
    assert data.label.tolist() == (Y + 0.5).tolist()
    assert data.groups is not None
    assert "not used: more" in said(data)
    for wrong, sentence in [
        ({"label": "agee"}, r"no array 'agee' for `label`; it has: x, age, who, more. Did you mean 'age'"),
        ({"groups": "zzz"}, r"no array 'zzz' for `groups`; it has"),
        ({"label": "who", "groups": "who"}, "must be two arrays, got 'who'"),
    ]:
        with refused(sentence):
            datasets.open(source, **wrong)
    with refused("has 'y' and 'label'. Name the label with `--label`"):
        datasets.open({"x": X, "y": Y, "label": Y})
    with refused(r"examples under 'x', 'X', 'data' or 'features'.* got x_train, x_test"):
        datasets.open({"x_train": X, "x_test": X})
    with refused("`label` is a key of a file or dict, got 'y' for arrays alone"):
        datasets.open(X, label="y")


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
        ((X, Y[:7]), "`y` must have as many entries as x, 8 rows, got 7"),
        ((X, np.append(Y, 1)), "must have as many entries as x, 8 rows, got 9"),
        ((X, Y, Y[:3]), "`groups` must have as many entries as x, 8 rows, got 3"),
        ((X, np.eye(8)), r"`y` must have shape .*, got \(8, 8\)\. Use `y\.argmax"),
        ((X, Y, np.eye(8)), r"`groups` must have shape .*, one group a row, got \(8, 8\)"),
        ((X, Y, np.where(Y, np.nan, 1)), "`groups` must be known for every row, got 4 without, first in row 1"),
        ((X, Y.astype("M8[D]")), "`y` must be text, numbers or truth values, got datetime64"),
        ((X, np.full(8, np.nan)), "is missing in all 8 rows"),
        ((X, np.where(Y, np.inf, 1)), "must be finite, got infinity in 4 rows, first in row 1"),
        ((X, np.where(Y, 1e300, 1.5)), "must fit float32.* row 1"),
    ],
)
def test_arrays_that_are_refused(source, sentence):
    with refused(sentence):
        datasets.open(source)


def test_npz_files_that_are_refused(tmp_path, file):
    np.savez(tmp_path / "objects.npz", x=X, y=np.array([None] * 8, dtype=object))
    with refused("'y' of .*objects.npz is an array of Python objects, which is not read"):
        datasets.open(tmp_path / "objects.npz")
    for content in (b"", b"junk", b"PK\x03\x04junk"):
        with refused(r"is not an \.npz file .* Write it with np\.savez"):
            datasets.open(file(content, "broken.npz"))
    np.savez(tmp_path / "cut.npz", x=X)
    whole = (tmp_path / "cut.npz").read_bytes()
    at = whole.index(X.tobytes())
    with refused("'x' of .* could not be unpacked"):
        datasets.open(file(whole[:at] + bytes(8) + whole[at + 8 :], "cut.npz"))
    buffer = io.BytesIO()
    np.save(buffer, X)
    with refused("holds one array without a name"):
        datasets.open(file(buffer.getvalue(), "one.npz"))
    with refused("the test set must be an .npz path, arrays.* got list"):
        datasets.open(X, test=[1])
