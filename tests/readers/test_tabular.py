"""Tables: packings, separators, headers, and frames."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtrast import datasets
from support.messages import refused, said
from support.sources import TABLE


def test_a_row_that_is_too_short_is_told_wherever_it_stands(file):
    rows = [f"{at},{at * 2},{'ab'[at % 2]}" for at in range(300)]
    rows[250] = "250,500"
    with refused("must have the same number of fields in every row, got 3 fields in line 1 and 2 in line 252"):
        datasets.open(file("x,y,kind\n" + "\n".join(rows) + "\n"), label="kind")
    rows[250] = "250,500,"
    assert len(datasets.open(file("x,y,kind\n" + "\n".join(rows) + "\n"), label="kind").x) == 300


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
    data = datasets.open(file(content, f"my.trees{ending}{packed}"), label="kind")
    assert data.name == "my.trees"
    assert data.x.tolist() == [[1.5, 2], [2.5, 3], [3.5, 5], [4.5, 7]]
    assert data.label.tolist() == [1, 0, 1, -1]
    assert data.classes == ("elm", "oak")
    assert data.schema.columns == ("height", "width")
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
    data = datasets.open(path, label="kind")
    assert data.x[:, 0].tolist() == frame["x"].tolist()
    assert [data.classes[code] for code in data.label] == frame["kind"].tolist()
    same = datasets.open(frame, label="kind")
    assert same.x.equal(data.x)
    assert (same.classes, same.label.tolist()) == (data.classes, data.label.tolist())


def test_spaces_separate_in_text_only(file):
    text = "  1.0 2.0  3\n\n 4.0  5.0 3 \n\t7 8 4\n"
    data = datasets.open(file(text, "a.txt"), label="last")
    assert data.x.tolist() == [[1, 2], [4, 5], [7, 8]]
    assert data.classes == ("3", "4")
    assert "separated by spaces" in said(data)
    text = datasets.open(file("1 2\n3 4\n3 4\n"))  # no separator of a .csv
    assert text.schema.levels == {"1 2": ("3 4",)}


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
        datasets.open(file(content, name))


def test_an_archive_of_two_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", TABLE)
        archive.writestr("b.csv", TABLE)
    with refused("must hold one file, got 2. Unpack it"):
        datasets.open(tmp_path / "a.csv.zip")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("id,a\n5,1\n9,1\n", "id looks like an identifier, not like a measurement: `--drop id`"),
        ("n,b\n" + "".join(f"{n},{n * n}\n" for n in range(3, 9)), "n looks like an identifier"),
        (",b\n0,1\n1,3\n", "Unnamed: 0 looks like an identifier"),
        ("a,b\n5,1\n9,1\n", "1 column with one value in all rows, used all the same: b"),
        ("a,b\n5,99999999\n9,16777217\n", "above 16,777,216 are rounded to float32: b"),
        ("a;b\n5;1\n9;1\n", "separated by semicolons"),
    ],
)
def test_notes_on_columns(file, text, note):
    assert note in said(datasets.open(file(text)))


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
    data = datasets.open(frame, label="kind", groups="7")
    assert data.x.tolist() == [[1, 1, 1], [2, 0, 2.5], [3, 1, 1], [4, 0, 4]]
    assert (data.classes, data.label.tolist()) == (("a", "b"), [1, -1, 0, 1])
    assert data.groups.tolist() == [0, 1, 2, 3]
    assert data.name == "frame"
    for beside in (frame["kind"], frame["kind"].to_numpy(), frame["kind"].tolist()):
        assert datasets.open((frame[["whole"]], beside)).label.tolist() == [1, -1, 0, 1]
    schema = datasets.open(frame[["whole", "kind"]], label="kind").schema
    assert datasets.open((frame, ["a"] * 4), schema=schema).label.tolist() == [0] * 4
    assert datasets.open((frame[["whole"]], pd.array([0, None, 1, 1], dtype="Int64"))).label.tolist() == [0, -1, 1, 1]


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
            r"must have the index of the frame, got another\. Use `label\.reindex",
        ),
        ((pd.DataFrame({"a": [1, 2]}), pd.Series([1, 2, 3])), {}, "must have as many entries as x, 2 rows, got 3"),
        ((pd.DataFrame({"a": [1, 2]}), [0, 1]), {"label": "a"}, "names a column, 'a', but the label is a separate array"),
    ],
)
def test_frames_that_are_refused(source, options, sentence):
    with refused(sentence):
        datasets.open(source, **options)
