"""Windows of recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mixtrast import datasets, spec
from support.messages import refused, said


def recording(rows: int, who: str, y: str) -> str:
    return "".join(f"{at},{at * at},{who},{y}\n" for at in range(rows))


def test_windows_of_recordings_stay_with_their_group(file):
    table = "t,v,who,y\n" + recording(10, "ann", "a") + recording(7, "bob", "b") + recording(3, "cy", "a")
    data = datasets.open(file(table, "w.csv"), window=4, stride=2, label="y", groups="who")
    assert data.spec == spec.Series(2, 4)
    assert data.x[:, 0].tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9], [0, 1, 2, 3], [2, 3, 4, 5]]
    assert data.x[1, 1].tolist() == [4, 9, 16, 25]
    assert data.label.tolist() == [0, 0, 0, 0, 1, 1]
    assert data.groups.tolist() == [0, 0, 0, 0, 1, 1]
    assert "1 recording shorter than a window: left out" in said(data)
    more = datasets.open(file("v,t\n0,1\n0,2\n0,3\n0,4\n", "more.csv"), schema=data.schema)
    assert more.x.tolist() == [[[1, 2, 3, 4], [0, 0, 0, 0]]]
    assert more.label is None
    with refused(r"must fit into a recording, the longest of which has 10 rows, got 11"):
        datasets.open(file(table, "w.csv"), window=11, label="y", groups="who")
    with refused("who is text. Leave it out"):
        datasets.open(file(table, "w.csv"), window=2, label="y")


def test_no_moment_of_one_recording_is_in_two_splits(file):
    rows = "".join(f"{at},{'ab'[at // 7 % 2]}\n" for at in range(400))
    data = datasets.open(file("t,y\n" + rows, "w.csv"), window=5, stride=1, label="y")
    parts = datasets.split(data, seed=0)
    moments = [set(data.x[part].long().flatten().tolist()) for part in (parts.train, parts.val, parts.test)]
    assert all(moments)
    assert not moments[0] & (moments[1] | moments[2])
    assert not moments[1] & moments[2]
    assert "windows with more than one label: that of most rows is used" in said(data)
    at = int((data.x[:, 0, 0] == 5).nonzero()[0])
    assert data.classes[int(data.label[at])] == "b"  # 5 and 6 are a, 7 to 9 are b


def test_other_recordings_are_cut_apart_too(file):
    rows = "t,y\n" + "".join(f"{at},{'ab'[at // 7 % 2]}\n" for at in range(400))
    path = file(rows, "w.csv")
    data = datasets.open(path, window=5, stride=1, label="y")
    more = datasets.open(path, schema=replace(data.schema, split=True))
    assert len(more.x) == len(data.x)
    assert len(datasets.open(path, schema=data.schema).x) > len(data.x), "what is embedded is all of it"


def test_codes_are_not_averaged(file):
    rows = [f"{at},{1 + at // 9 % 4}" for at in range(200)]
    rows[50] = "50,"
    gap = datasets.open(file("t,y\n" + "\n".join(rows) + "\n", "w.csv"), window=5, stride=5, label="y")
    assert (gap.task, gap.classes) == ("classes", ("1", "2", "3", "4"))
    many = "t,y\n" + "".join(f"{at},{at // 10 % 60}\n" for at in range(1800))
    assert datasets.open(file(many, "m.csv"), window=10, label="y").task == "number"
    asked = datasets.open(file(many, "m.csv"), window=10, stride=5, label="y", task="classes")
    assert set(asked.classes) == set(map(str, range(60)))
    halves = "t,y\n" + "".join(f"{at},{at / 2}\n" for at in range(400))
    mean = datasets.open(file(halves, "h.csv"), window=4, label="y")
    assert mean.label[0] == 0.75


def test_blocks_in_time_of_two_files_are_not_the_same(file):
    first, second = (file("t,y\n" + "".join(f"{n},{n // 5 % 2}\n" for n in range(200)), f"{name}.csv") for name in "ab")
    data = datasets.open(first, test=second, window=10, label="y")
    parts = datasets.split(data, seed=0)
    assert len(parts.train) + len(parts.val) == 20
    assert len(parts.test) == 20


def test_a_number_of_a_recording_is_averaged_and_gaps_are_those_of_all_rows(file):
    rows = "".join(f"{n},{n / 4}\n" for n in range(39)) + ",9\n"
    data = datasets.open(file("t,y\n" + rows, "w.csv"), window=4, label="y", task="number")
    assert data.label[:2].tolist() == pytest.approx([0.375, 1.375])
    assert data.spec.gaps, "a value is missing somewhere"
    again = datasets.open(file("t\n1\n2\n3\n4\n", "more.csv"), schema=data.schema)
    assert again.spec == data.spec
