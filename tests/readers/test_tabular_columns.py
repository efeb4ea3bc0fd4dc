"""Columns of tables: headers, positions, labels, categories and missing values."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from mixtrast import datasets, spec
from support.messages import refused, said
from support.sequences import NAN
from support.sources import MIXED, TABLE


@pytest.mark.parametrize(
    ("text", "columns", "note"),
    [
        ("1,2,3\n4,5,6\n", ["1", "2", "3"], "no header: the columns are called 1 to 3"),
        (
            "1,,3e5\n4,5,6\n",
            ["1", "2", "3"],
            "missing values in 1 column: '2' (1 row, first in line 1): the encoder gets a missing-value flag",
        ),
        ("0,1,2\n4,5,6\n", ["1", "2", "3"], "the first row is 0, 1, 2, ...: if these are names and not an example"),
        (",0,1\n0,5,6\n1,2,3\n", ["Unnamed: 0", "0", "1"], "the header of a data frame without names"),
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
    data = datasets.open(path)
    assert data.schema.columns == tuple(columns)
    assert note in said(data)
    assert len(data.x) == len(text.splitlines()) - (columns != [str(n + 1) for n in range(len(columns))])


@pytest.mark.parametrize(
    ("text", "rows", "note"),
    [
        ("5.1,3.5,0.2,setosa\n4.9,3.0,0.2,setosa\n7,3.2,1.4,vers\n", 3, "with text and numbers, is read as an example"),
        ("5.1,3.5,0.2,setosa\n4.9,3.0,0.2,vers\n7,3.2,1.4,vers\n", 3, "with text and numbers, is read as an example"),
        ("400.5,401,401.5,kind\n4.9,3.0,0.2,a\n7,3.2,1.4,b\n", 2, "with text and numbers, is read as names"),
    ],
)
def test_a_first_row_of_text_and_numbers(file, text, rows, note):
    data = datasets.open(file(text), label="last")
    assert len(data.x) == rows
    assert note in said(data)
    assert len(datasets.open(file(text), label="last", header="yes").x) == 2
    assert len(datasets.open(file(text), label="last", header="no").x) == 3


def test_positions(file):
    path = file("a,b,c\n1,2,0\n3,4,1\n")
    assert datasets.open(path, label="last").schema.columns == ("a", "b")
    assert datasets.open(path, label="first", groups="last").schema.columns == ("b",)
    assert datasets.open(path, drop=("first", "b")).schema.columns == ("c",)
    assert datasets.open(path, drop="b").schema.columns == ("a", "c")
    assert datasets.open(file("1,2,0\n3,4,1\n"), label="2").schema.columns == ("1", "3")
    with refused("'last' is a position, and also the name of another column"):
        datasets.open(file("last,b\n1,2\n"), label="last")


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
        (TABLE, {"label": "kind", "drop": ("kind",)}, "`drop` must not name the label or the groups, got 'kind'"),
        (TABLE, {"label": "kind", "groups": "kind"}, "must be two columns, got 'kind' for both"),
        (TABLE, {"label": "kind", "drop": ("width", "height")}, "no column left to learn from"),
        (TABLE, {"task": "classes", "drop": "kind"}, "task 'classes' needs a label, got none"),
        (TABLE, {"label": "kind", "task": "number"}, "must hold numbers for the task 'number', got 'oak' in line 2"),
        (f"a\n{LONG}", {}, r"'a' .* is text with 12 different values in 12 rows, as 'a0' in line 2: too many .*`--drop a`"),
        ("a b\n2020-01-31\n2020-02-01\n", {}, r"column 'a b' .* holds dates, as '2020-01-31' in line 2, .* `--drop 'a b'`"),
        ("a\n1/2/2020\n3.2.20 12:30\n", {}, "holds dates"),
        ("a\n1\n2\n3\n4\n5\nx\n", {}, r"column 'a' .* holds numbers, but also 'x', first in line 7\. Correct those cells"),
        ('a,b\n1,"1\n"\n1,2\n1,3\n1,4\n1,5\n1,y\n', {}, "but also 'y', first in line 8"),
        ("a;b\n1,5;2\n2,5;3\n", {}, "column 'a' has '1,5' in line 2, a decimal comma .* Write numbers as 1234.5"),
        ("a;b\n1;2,5\n2;3\n", {"label": "b"}, "column 'b' has '2,5' in line 2, a decimal comma"),
        ('a,b\n1,"1,234"\n2,3\n', {}, "decimal comma or a separator of thousands"),
        ("a,b,c\n1,,3\n2,NA,inf\n3,?,4\n", {}, r"infinite values, .* in 1 column, as in 'c', line 3"),
        ("a\n1\n1e99\n", {}, r"more than 3\.4e38, in 1 column, as in 'a', line 3"),
        ("a,b,a\n1,2,3\n", {}, "more than one column 'a'"),
        ("a,b\n1,2\n3,4,5\n", {}, "got 2 fields in line 1 and 3 in line 3. Quote fields with a separator in them"),
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
        datasets.open(file(text), **options)


def test_labels_as_text_files_write_them(file):
    codes = datasets.open(file("a,zip\n1,01234\n2,1234\n3,01234\n4,1234\n"), label="zip")
    assert codes.classes == ("01234", "1234")  # a leading zero makes it a name
    numbers = datasets.open(file("a,y\n1,0.5\n2,NA\n3,2\n"), label="y")
    assert numbers.task == "number"
    assert numbers.label.isnan().tolist() == [False, True, False]
    assert datasets.open(file("a,y\n1, True \n2,False\n3,\n"), label="y").label.tolist() == [1, 0, -1]
    assert datasets.open(file("a,y\n1,3\n2,4\n3,-1\n"), label="y").label.tolist() == [0, 1, -1]
    assert datasets.open(file("a,y\n1,None\n2,b\n3,b\n"), label="y").label.tolist() == [-1, 0, 0]


def test_text_is_categories_and_what_is_missing_stays_missing(file):
    data = datasets.open(file(MIXED), label="kind")
    assert data.spec == spec.Table(3, (0, 2, 0), gaps=True)
    nan = float("nan")
    wanted = torch.tensor([[1.5, 1, 1], [nan, 0, 0], [2.5, nan, 1], [3.5, 1, 0]])
    assert torch.allclose(data.x, wanted, 0, 0, equal_nan=True)
    assert data.schema.levels == {"colour": ("blue", "red")}
    assert data.views == {"swap": {"p": 0.2}, "mask": {"p": 0.1, "fill": pytest.approx(nan, nan_ok=True)}}
    for part in (
        "missing values in 2 columns: 'size' (1 row, first in line 3), 'colour'",
        "categories: colour (2); numbers: 2 of 3",
    ):
        assert part in said(data)
    frame = pd.read_csv(file(MIXED))
    same = datasets.open(frame, label="kind")
    assert torch.allclose(same.x, data.x, 0, 0, equal_nan=True)


def test_later_rows_are_read_by_what_was_learned(file):
    """A category that was not there is missing, said; text for numbers, and gaps where there were none, are refused."""
    data = datasets.open(file(MIXED), label="kind")
    more = datasets.open(file("n,colour,size\n1,green,2\n0,red,\n", "more.csv"), schema=data.schema)
    nan = float("nan")
    assert torch.allclose(more.x, torch.tensor([[2, nan, 1], [nan, 1, 0]]), 0, 0, equal_nan=True)
    assert "column 'colour' has 1 row with a new category, as 'green' in line 2" in said(more)
    with refused(r"has text where the earlier data had numbers: 'size'; 'size' is 'big' in line 2"):
        datasets.open(file("n,colour,size\n1,red,big\n", "text.csv"), schema=data.schema)
    whole = datasets.open(file("a,b\n1,2\n3,4\n", "whole.csv"))
    with refused(r"missing values in 1 column: 'b' \(1 row, first in line 2\), and the earlier data had none"):
        datasets.open(file("a,b\n1,\n", "gap.csv"), schema=whole.schema)
    both = datasets.open(file(MIXED, "a.csv"), test=file("kind,size,colour,n\nelm,9,gold,1\n", "b.csv"), label="kind")
    assert torch.allclose(both.x[-1], torch.tensor([9, nan, 1]), 0, 0, equal_nan=True)


def test_parquet_is_a_table(tmp_path, file):
    pytest.importorskip("pyarrow", reason="pyarrow, an extra, is not installed")
    frame = pd.read_csv(file(MIXED))
    frame.to_parquet(tmp_path / "t.parquet")
    data = datasets.open(tmp_path / "t.parquet", label="kind")
    assert (data.name, data.schema.levels) == ("t", {"colour": ("blue", "red")})
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with refused("could not be read as Parquet"):
        datasets.open(tmp_path / "bad.parquet")


def test_categories_written_as_digits_stay_what_they_were(file):
    data = datasets.open(file("k,v\n1,1\n2,2\nA,3\n1,4\n", "a.csv"))
    assert data.schema.levels == {"k": ("1", "2", "A")}
    more = datasets.open(file("k,v\n1,1\n2,2\n,3\n", "b.csv"), schema=data.schema)
    assert torch.allclose(more.x[:, 0], torch.tensor([0, 1, NAN]), 0, 0, equal_nan=True)
