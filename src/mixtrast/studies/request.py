"""What a user asked to compare, and what is wrong with it before any data are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixtrast.studies.configurations import Grid
from mixtrast.text import nearest

SEEDS = (0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class ComparisonRequest:
    """What a user asked to compare; None is decided, or read from the comparison that is resumed.

    Args:
        grid: the configurations; none where a comparison is resumed as it was planned.
        data, test: a path, a name, or data in memory.
        seeds: of each configuration.
        workers: runs at a time.
        out: the folder.
        resume: continue the comparison in `out`.
        against: a configuration that all others are compared with, besides the best.
        command: that was typed, for compare.yaml.
    """

    grid: Grid = field(default_factory=Grid)
    data: Any = None
    test: Any = None
    seeds: Sequence[int] | None = None
    workers: int | None = None
    out: Path | None = None
    resume: bool = False
    against: str | None = None
    command: str = ""

    def problems(self) -> Iterator[str]:
        """Mistakes in the arguments themselves."""
        yield from self.grid.problems
        if self.seeds is not None and not self.seeds:
            yield "`seeds` must name one seed or more, got none."
        if self.seeds and len(set(self.seeds)) < len(self.seeds):
            yield f"`seeds` names a seed twice, got {' '.join(map(str, self.seeds))}. The same seed twice is one run."
        if self.workers is not None and (type(self.workers) is not int or self.workers < 1):
            yield f"`workers` must be how many runs there are at a time, 1 or more, got {self.workers!r}."
        if self.resume and self.out is None:
            yield "`resume` continues a comparison, but no folder was named. Add out=..., or --out DIR."


def unknown_reference(against: str | None, names: Sequence[str]) -> Iterator[str]:
    """The mistake that `against` names no configuration."""
    if against is not None and against not in names:
        allowed = ", ".join(map(repr, names))
        yield f"`against` must be a configuration, got {against!r}.{nearest(against, names)} There are: {allowed}."
