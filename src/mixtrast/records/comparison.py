"""The record of a comparison: compare.yaml (the plan), and sessions.jsonl (how its runs shared the machine)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mixtrast.records import _json, recipe_file, yaml_file
from mixtrast.records._json import Json

VERSION = 2
PLAN, RUNS, SESSIONS = "compare.yaml", "runs", "sessions.jsonl"
_RENAMED = {"cells": "configurations", "jobs": "workers", "why": "reason"}  # key of version 1 -> of version 2


@dataclass(frozen=True)
class SourceRecord:
    """Where the data are, and the fingerprint of their content."""

    name: str = ""
    source: str | None = None
    test: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class ConfigurationRecord:
    """One configuration: its folder under runs/, the name of its method, its training steps, the sections of its recipe."""

    folder: str = ""
    method: str = ""
    steps: int | None = None
    settings: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class CapacityRecord:
    """How the runs share the machine.

    Args:
        workers: runs at a time; 0 where it is not known.
        threads: of each run.
        cores: of the machine that this process may use.
        reason: for this number of workers, in words.
        devices: CUDA devices in turn, as CUDA_VISIBLE_DEVICES names them; none on a CPU.
    """

    workers: int = 0
    threads: int = 1
    cores: int = 1
    reason: str = ""
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparisonRecord:
    """compare.yaml: data, seeds, configurations by name, and how they ran.

    `against`: the configuration that all others are compared with, besides the best. `versions`: package -> version.
    """

    data: SourceRecord = field(default_factory=SourceRecord)
    seeds: tuple[int, ...] = ()
    configurations: dict[str, ConfigurationRecord] = field(default_factory=dict)
    against: str | None = None
    command: str = ""
    capacity: CapacityRecord = field(default_factory=CapacityRecord)
    versions: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Json]:
        """The content of compare.yaml. Settings stay as they are: YAML has NaN, unlike JSON."""
        found = {"version": VERSION, **{name: _json.write(value) for name, value in vars(self).items()}}
        each = {name: {**vars(one), "settings": yaml_file.plain(one.settings)} for name, one in self.configurations.items()}
        return {**found, "configurations": each}

    @classmethod
    def from_dict(cls, written: Mapping[str, Json]) -> ComparisonRecord:
        """From the content of compare.yaml. Raises: ValueError where the version is newer, or a key is not known."""
        return _json.read_version(cls, written, VERSION, _migrated, PLAN)


@dataclass(frozen=True)
class SessionRecord:
    """One session of a comparison, named after when it began: wall time and CPU time of its runs, and how many ended in it."""

    session: str = ""
    seconds: float | None = None
    cpu_seconds: float | None = None
    runs: int | None = None
    workers: int | None = None
    threads: int | None = None
    cores: int | None = None


def read_comparison(folder: Path) -> ComparisonRecord:
    """Read compare.yaml. Raises: ValueError where the folder is no comparison, or the file has keys that are not known."""
    try:
        written = yaml_file.read(folder / PLAN, "the plan", "configurations, seeds and data")
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} is not a comparison: {error}") from error
    found = ComparisonRecord.from_dict({str(key): value for key, value in written.items()})
    if not found.configurations:
        raise ValueError(f"{folder / PLAN} names no configurations. Give a folder of mixtrast compare.")
    return found


def write_comparison(folder: Path, record: ComparisonRecord) -> None:
    """Write compare.yaml atomically."""
    yaml_file.write(record.to_dict(), folder / PLAN)


def append_session(folder: Path, session: SessionRecord) -> None:
    """Add a line to sessions.jsonl after each run; the last line of a session has its totals."""
    with (folder / SESSIONS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(_json.write(session)) + "\n")


def read_sessions(folder: Path) -> tuple[SessionRecord, ...]:
    """The last line of each session; lines that a kill cut short are skipped."""
    path, last = folder / SESSIONS, dict[str, SessionRecord]()
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError):
            found = _json.read(SessionRecord, _renamed(_json.mapping(json.loads(line))))
            last[found.session] = found
    return tuple(last.values())


def _migrated(content: Mapping[str, Json]) -> dict[str, Json]:
    """Version 1 with the keys of version 2."""
    found = {**_renamed(content), "capacity": _renamed(_json.mapping(content.get("capacity")))}
    parts = {name: _json.mapping(each) for name, each in _json.mapping(found.get("configurations")).items()}
    settings = {name: recipe_file.migrated(_json.mapping(each.get("settings"))) for name, each in parts.items()}
    settled = {name: {**each, "settings": settings[name]} for name, each in parts.items()}
    return {**found, "configurations": settled}


def _renamed(written: Mapping[str, Json]) -> dict[str, Json]:
    return {_RENAMED.get(key, key): value for key, value in written.items()}
