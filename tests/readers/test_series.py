"""Series in .ts files."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mixtrast import datasets, spec
from support.messages import refused, said
from support.sequences import HEAD, NAN


def test_series_of_unequal_length_end_in_nan(file):
    data = datasets.open(file(HEAD + "1,2,3:4,5,6:a\n7:8,?:b\n", "x.ts"))
    assert data.spec == spec.Series(2, 3, gaps=True)
    wanted = torch.tensor([[[1, 2, 3], [4, 5, 6]], [[7, NAN, NAN], [8, NAN, NAN]]])
    assert torch.allclose(data.x, wanted, 0, 0, equal_nan=True)
    assert (data.classes, data.label.tolist(), data.task) == (("a", "b"), [0, 1], "classes")
    assert "2 series of 2 channels, lengths 1 to 3" in said(data)
    assert "mask" not in data.views, "0 would stand for something"
    whole = datasets.open(file(HEAD + "1,2:a\n3,4:b\n", "y.ts"))
    assert whole.spec == spec.Series(1, 2)


def test_the_test_file_beside_is_found_and_more_is_read_alike(file):
    file(HEAD + "5,6,7,8:b\n", "Z_TEST.ts")
    data = datasets.open(file(HEAD + "1,2:a\n3,4,5:b\n", "Z_TRAIN.ts"))
    assert data.name == "Z"
    assert data.spec.length == 4
    assert data.test_rows.tolist() == [False, False, True]
    assert "Z_TEST.ts, in the same folder" in said(data)
    more = datasets.open(file("@classLabel false\n@data\n1,2,3,4,5\n", "more.ts"), schema=data.schema)
    assert more.x.tolist() == [[[1, 2, 3, 4]]]
    assert "longer than 4" in said(more)
    whole = datasets.open(file(HEAD + "1,2:a\n3,4:b\n", "y.ts"))
    with refused("has shorter series or missing values, and the earlier data had none"):
        datasets.open(file(HEAD + "1:a\n", "short.ts"), schema=whole.schema)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no series"),
        (HEAD, "holds no series"),
        (HEAD + "1,2:3,4:a\n5,6:b\n", "must have 2 channels with values in every line, as line 6 has, got 1 in line 7"),
        (HEAD + "1,x:a\n", "has 'x' in line 6, which is not a number"),
        (HEAD + "1,1e99:a\n", "infinite value, or more than 3.4e38, in line 6"),
        ("1,2,3:a\n", "has '1,2,3:a' in line 1, before @data"),
        ("@timestamps true\n@data\n(0,1):a\n", "has time stamps"),
    ],
)
def test_series_that_are_refused(file, text, sentence):
    with refused(sentence):
        datasets.open(file(text, "x.ts"))


def test_a_target_is_a_number_and_other_data_have_their_test_set_too(file):
    target = "@targetlabel true\n@data\n" + "".join(f"{at},1:{50 + at % 3}\n" for at in range(12))
    assert datasets.open(file(target, "t.ts")).task == "number"
    assert datasets.open(file(target, "t.ts"), task="classes").classes == ("50", "51", "52")
    file(HEAD + "5,6:b\n", "Z_TEST.ts")
    train = file(HEAD + "1,2:a\n3,4:b\n", "Z_TRAIN.ts")
    schema = datasets.open(train).schema
    assert datasets.open(train, schema=schema).test_rows is None, "what is embedded is one file"
    assert int(datasets.open(train, schema=replace(schema, split=True)).test_rows.sum()) == 1
