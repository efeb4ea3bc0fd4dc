"""metrics.jsonl: a line for each logged step of training."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mixtrast import atomic
from mixtrast.records._json import Json, mapping, number, plain

_PART = "part."
_TAIL = 8192  # bytes from the end of the file: a line is far shorter


@dataclass(frozen=True)
class MetricsLine:
    """One logged step; None where a number was not taken, NaN where it was not finite.

    Args:
        loss, chance, floor: of the step's batch: the loss, its value for features that say nothing, its minimum.
        parts: term of the loss -> its value, where there are several.
        monitor: what was measured on validation examples: alignment, uniformity, rank, knn, online.
    """

    step: int
    epoch: float | None = None
    loss: float | None = None
    chance: float | None = None
    floor: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    lr: float | None = None
    examples_per_second: float | None = None
    seconds: float | None = None
    monitor: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Json]:
        """The content of the line: what was taken, the parts of the loss as "part.NAME"."""
        parts = {_PART + part: loss for part, loss in self.parts.items()}
        found = [parts if name == "parts" else {name: value} for name, value in vars(self).items() if value not in (None, {})]
        return {name: value for each in found for name, value in each.items()}

    @classmethod
    def from_dict(cls, written: Mapping[str, Json]) -> MetricsLine | None:
        """Read a line; None where it has no step. Lines of the first edition call `monitor` "look"."""
        step = written.get("step")
        if isinstance(step, bool) or not isinstance(step, int):
            return None
        names = ("epoch", "loss", "chance", "floor", "lr", "examples_per_second", "seconds")
        numbers = {name: _or_nan(written[name]) for name in names if name in written}
        measured = mapping(written.get("monitor", written.get("look"))).items()
        monitor = {key: found for key, value in measured if (found := number(value)) is not None}
        parts = {key.removeprefix(_PART): _or_nan(value) for key, value in written.items() if key.startswith(_PART)}
        return cls(step, **numbers, parts=parts, monitor=monitor)


def append_metrics(path: Path, line: MetricsLine) -> None:
    """Add a line to metrics.jsonl."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_text(line))


def write_metrics(path: Path, lines: Iterable[MetricsLine]) -> None:
    """Write metrics.jsonl anew, atomically."""
    atomic.write(path, "".join(_text(line) for line in lines).encode())


def read_metrics(path: Path) -> list[MetricsLine]:
    """The lines of metrics.jsonl; one that was cut short by a kill ends them."""
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        if (line := _line(text)) is None:
            break
        lines.append(line)
    return lines


def last_step(path: Path) -> int:
    """The last step in metrics.jsonl, from the end of the file alone; 0 where there is none yet."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            texts = file.read().split(b"\n")
    except OSError:
        return 0
    return next((line.step for line in map(_line, reversed(texts)) if line is not None), 0)


def _line(text: str | bytes) -> MetricsLine | None:
    try:
        return MetricsLine.from_dict(mapping(json.loads(text)))
    except ValueError:  # cut short
        return None


def _text(line: MetricsLine) -> str:
    return json.dumps(plain(line.to_dict())) + "\n"


def _or_nan(value: Json) -> float:
    found = number(value)
    return math.nan if found is None else found
