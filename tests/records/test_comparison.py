"""The record of a comparison: version 2 is read as written, version 1 with the names of version 2."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mixtrast.records import (
    ComparisonRecord,
    ConfigurationRecord,
    SessionRecord,
    append_session,
    read_comparison,
    read_sessions,
    write_comparison,
)
from mixtrast.records.comparison import CapacityRecord, SourceRecord

FIRST = Path(__file__).parent / "version1" / "comparison"
RECORD = ComparisonRecord(
    SourceRecord("trees", "trees.csv", None, "12ab"),
    (0, 1),
    {"a": ConfigurationRecord("a", "npair", 3, {"method": {"name": "npair"}})},
    "a",
    "mixtrast compare",
    CapacityRecord(2, 1, 4, "cores"),
    {"mixtrast": "0.2.0"},
)


def test_what_is_written_is_read(tmp_path):
    write_comparison(tmp_path, RECORD)
    assert read_comparison(tmp_path) == RECORD
    assert yaml.safe_load((tmp_path / "compare.yaml").read_text())["version"] == 2


def test_settings_may_be_not_a_number(tmp_path):
    """`mask` may fill in NaN, which YAML has."""
    settings = {"views": {"mask": {"fill": math.nan}}, "encoder": {"widths": (8, 8)}}
    write_comparison(tmp_path, replace(RECORD, configurations={"a": ConfigurationRecord("a", settings=settings)}))
    found = read_comparison(tmp_path).configurations["a"].settings
    assert math.isnan(found["views"]["mask"]["fill"])
    assert found["encoder"] == {"widths": [8, 8]}


def test_version_1_is_read():
    found = read_comparison(FIRST)
    assert list(found.configurations) == ["npair", "simclr"]
    settings = yaml.safe_load((FIRST / "compare.yaml").read_text())["cells"]["simclr"]["settings"]
    assert settings["training"] == {"steps": 2}
    assert found.configurations["simclr"] == ConfigurationRecord("simclr", "simclr", 2, settings)
    assert found.capacity == CapacityRecord(1, 2, 2, "as asked")
    assert (found.seeds, found.data.name, found.against) == ((0,), "trees", None)
    assert read_sessions(FIRST) == (SessionRecord("1795904808.060", 43.23, 18.19, 2, 1, 2, 2),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**RECORD.to_dict(), "sedes": []}, "sedes is not known. Did you mean 'seeds'"),
        ({**RECORD.to_dict(), "capacity": {"jobs": 2}}, "capacity.jobs is not known"),
        ({**RECORD.to_dict(), "version": 9}, "has version 9"),
        ({"version": 2}, "names no configurations"),
        ([], "must be a mapping of .*, got list"),
    ],
)
def test_what_is_no_comparison_is_said(tmp_path, content, said):
    (tmp_path / "compare.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=said):
        read_comparison(tmp_path)


def test_a_folder_without_a_record_is_no_comparison(tmp_path):
    with pytest.raises(ValueError, match="is not a comparison"):
        read_comparison(tmp_path)


def test_the_last_line_of_a_session_counts(tmp_path):
    for session in (
        SessionRecord("1", 2.0, None, 1, 2, 1, 4),
        SessionRecord("1", 5.0, 3.0, 2, 2, 1, 4),
        SessionRecord("2", 1.0),
    ):
        append_session(tmp_path, session)
    with (tmp_path / "sessions.jsonl").open("a") as file:
        file.write('{"session": "2", "sec')
    assert [(each.session, each.seconds) for each in read_sessions(tmp_path)] == [("1", 5.0), ("2", 1.0)]
    assert read_sessions(tmp_path / "nowhere") == ()
