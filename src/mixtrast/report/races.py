"""Pictures of a comparison: every cell's score with its seeds, and accuracy beside cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mixtrast.report.pictures import COLOURS, INK, QUIET, Picture, in_style, styled
from mixtrast.report.spread import plural, spread
from mixtrast.report.standings import Ranked, Standings
from mixtrast.report.tables import Column, held

_LONGEST = 34  # characters of a name beside the axis
_ROW = 0.3  # inches a cell
FAR = 0.8  # of the width that the cells take: a reference further off would press them together, and is told in words
_FILL = {"best": COLOURS["trained"], "not worse": COLOURS["trained"], "worse": "#ffffff", "unknown": COLOURS["trained"]}


@in_style
def scores(found: Standings) -> Picture | str:
    """The main score of every cell: a dot for each seed, the mean, and one s.d. on either side."""
    column, cells = found.column, [cell for cell in found.cells if cell.scores]
    if column is None or not cells:
        return "No run has scores yet, so there is no picture."
    figure, axes = styled(1.15 + _ROW * len(cells))
    shown: list[float] = []
    for place, cell in enumerate(cells):
        values = [_scaled(column, value) for value in cell.scores.values()]
        shown += values + _row(axes, cell, values, place)
    told = [f"Mean over {plural(found.seeds, 'seed')}, bars are one s.d., small dots the seeds"]
    if any(cell.standing == "worse" for cell in cells):
        told.append("hollow: worse than the best by the interval of the table")
    told += _levels(axes, found, column, shown)
    told += _untrained(axes, cells, column)
    names = [f"{cell.rank}  {_short(cell.name)}" for cell in cells]
    axes.set_yticks(range(len(cells)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(cells) - 0.4, -0.8)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(column.title + (", %" if column.shown == "percent" else ""))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    low, _ = axes.get_xlim()
    start = "" if low <= 0 else " The axis does not begin at 0."
    alt = f"Dot plot of the {column.title} of {plural(len(cells), 'cell')}; the highest is {cells[0].name}."
    return Picture("scores", alt, f"{'; '.join(told)}.{start}", figure)


def _row(axes: Axes, cell: Ranked, values: Sequence[float], place: int) -> list[float]:
    """One cell; returns the ends of its bar."""
    colour, value = COLOURS["trained"], spread(values)
    assert value is not None
    ends: list[float] = []
    if value.sd is not None:
        ends = [value.mean - value.sd, value.mean + value.sd]
        axes.plot(ends, [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot(values, [place + 0.26] * len(values), marker=".", markersize=5, color=QUIET, linestyle="", alpha=0.7)
    size = 9 if cell.standing == "best" else 7
    axes.plot(value.mean, place, marker="o", markersize=size, color=colour, markerfacecolor=_FILL[cell.standing], linestyle="")
    return ends


def _levels(axes: Axes, found: Standings, column: Column, shown: list[float]) -> list[str]:
    """Raw input and majority as lines, where they are not so low that they would press the cells together; else in words."""
    told = []
    low, high = min(shown), max(shown)
    reach = max(high - low, 1.0 if column.shown == "percent" else 0.01)
    for row, words in (("raw", "raw input"), ("majority", "no features")):
        value = found.row(row)
        if value is None:
            continue
        level = _scaled(column, value.mean)
        if level < low - FAR * reach:
            told.append(
                f"{words} ({level:.1f} %) is off to the left" if column.shown == "percent" else f"{words} is off to the left"
            )
            continue
        low = min(low, level)
        axes.axvline(level, color=COLOURS["raw"], linewidth=1.4, dashes=(4, 2) if row == "raw" else (1, 2), zorder=0.5)
        place = {"xytext": (3, 0), "textcoords": "offset points", "fontsize": 9, "color": QUIET, "va": "top"}
        axes.annotate(found.named(row, words), (level, -0.8), xycoords="data", **place)  # type: ignore[arg-type]
    axes.set_xlim(low - 0.06 * reach, high + 0.06 * reach)
    return told


def _untrained(axes: Axes, cells: Sequence[Ranked], column: Column) -> list[str]:
    """A stroke for each cell's own encoder before training, where it is not far off."""
    drawn = lost = 0
    low, high = axes.get_xlim()
    for place, cell in enumerate(cells):
        mean = spread(held(cell.results, column, "untrained").values())
        if mean is None:
            continue
        level = _scaled(column, mean.mean)
        if level < low - FAR * (high - low):
            lost += 1
            continue
        drawn += 1
        axes.plot(level, place, marker="|", markersize=11, markeredgewidth=2, color=COLOURS["untrained"], linestyle="")
        axes.set_xlim(min(axes.get_xlim()[0], level - 0.06 * (high - low)), max(high, level + 0.06 * (high - low)))
    told = ["the light stroke is the cell's encoder untrained"] if drawn else []
    return told + (["untrained encoders are off to the left"] if lost and not drawn else [])


@in_style
def cost(found: Standings) -> Picture | str:
    """The main score over seconds of training, by the rank of the cell."""
    column = found.column
    cells = [cell for cell in found.cells if cell.scores and cell.cost("seconds")]
    if column is None or len(cells) < 2:
        return "Fewer than two cells have scores and costs, so there is no picture of them."
    figure, axes = styled(max(2.9, min(4.2, 1.15 + _ROW * len(cells))))
    for cell in cells:
        score, seconds = spread(cell.scores.values()), cell.cost("seconds")
        assert score is not None
        assert seconds is not None
        y, spread_y = _scaled(column, score.mean), _scaled(column, score.sd or 0.0)
        fill = _FILL[cell.standing]
        bars = {"yerr": spread_y if score.sd else None, "xerr": seconds.sd, "elinewidth": 1.1, "ecolor": COLOURS["untrained"]}
        axes.errorbar(seconds.mean, y, **bars, fmt="o", markersize=14, color=COLOURS["trained"], markerfacecolor=fill)  # type: ignore[arg-type]
        ink = COLOURS["trained"] if cell.standing == "worse" else "#ffffff"
        axes.annotate(
            str(cell.rank), (seconds.mean, y), ha="center", va="center_baseline", fontsize=9, color=ink, weight="bold"
        )
    longest = max(value.mean for cell in cells if (value := cell.cost("seconds")))
    shortest = min(value.mean for cell in cells if (value := cell.cost("seconds")))
    if shortest > 0 and longest / shortest > 8:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    else:
        axes.set_xlim(left=0, right=1.12 * max(longest, np.nextafter(0, 1)))
    axes.margins(y=0.14)
    axes.set(xlabel="seconds of training", ylabel=column.title + (", %" if column.shown == "percent" else ""))
    alt = f"Scatter plot of {column.title} over seconds of training of {plural(len(cells), 'cell')}, numbered by rank."
    caption = "Mean ± s.d. over seeds; the numbers are the ranks of the table. Up and to the left is better. "
    caption += f"Seconds were taken while {_others(found)}."
    return Picture("cost", alt, caption, figure)


def _others(found: Standings) -> str:
    jobs = {each.get("jobs") for each in found.sessions}
    if jobs == {1}:
        return "no other run of this comparison went on"
    return "other runs of this comparison went on beside"


def _scaled(column: Column, value: float) -> float:
    return 100 * value if column.shown == "percent" else value


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
