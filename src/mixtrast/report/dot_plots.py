"""Pictures of a comparison: the score of every configuration with its seeds, and the score over the cost."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mixtrast.records import ROW_NAMES
from mixtrast.report.columns import Column
from mixtrast.report.numbers import spread
from mixtrast.report.pictures import COLOURS, INK, QUIET, Picture, in_style, shortened, styled
from mixtrast.report.ranking import Ranked, Ranking
from mixtrast.text import count

_LONGEST = 34  # characters of a name beside the axis
_ROW = 0.3  # inches for a configuration
FAR = 0.8  # of the width of all scores: a reference that is further away is named in words, not drawn
_FILL = {"best": COLOURS["trained"], "not worse": COLOURS["trained"], "worse": "#ffffff", "unknown": COLOURS["trained"]}


@in_style
def score_plot(found: Ranking) -> Picture | str:
    """The main score of every configuration: a dot for each seed, the mean, and one standard deviation on either side."""
    column, configurations = found.column, [each for each in found.configurations if each.scores]
    if column is None or not configurations:
        return "No run has scores yet, so there is no picture."
    figure, axes = styled(1.15 + _ROW * len(configurations))
    drawn: list[float] = []
    for place, each in enumerate(configurations):
        values = [_scaled(column, value) for value in each.scores.values()]
        drawn += values + _row(axes, each, values, place)
    caption = [f"Mean over {count(len(found.record.seeds), 'seed')}, bars: one standard deviation, small dots: the seeds"]
    if any(each.standing == "worse" for each in configurations):
        caption.append("hollow: clearly worse than the best")
    caption += _levels(axes, found, column, drawn)
    caption += _untrained(axes, configurations, column)
    names = [f"{each.rank}  {shortened(each.name, _LONGEST)}" for each in configurations]
    axes.set_yticks(range(len(configurations)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(configurations) - 0.4, -0.8)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(_axis_name(column))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    start = "" if axes.get_xlim()[0] <= 0 else " The axis does not begin at 0."
    highest = configurations[0].name
    alt = f"Dot plot of the {column.title} of {count(len(configurations), 'configuration')}; the highest is {highest}."
    return Picture("scores", alt, f"{'; '.join(caption)}.{start}", figure)


def _row(axes: Axes, each: Ranked, values: Sequence[float], place: int) -> list[float]:
    """Draw one configuration, and return the ends of its bar."""
    colour, value = COLOURS["trained"], spread(values)
    assert value is not None
    ends: list[float] = []
    if value.sd is not None:
        ends = [value.mean - value.sd, value.mean + value.sd]
        axes.plot(ends, [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot(values, [place + 0.26] * len(values), marker=".", markersize=5, color=QUIET, linestyle="", alpha=0.7)
    size = 9 if each.standing == "best" else 7
    axes.plot(value.mean, place, marker="o", markersize=size, color=colour, markerfacecolor=_FILL[each.standing], linestyle="")
    return ends


def _levels(axes: Axes, found: Ranking, column: Column, drawn: list[float]) -> list[str]:
    """Raw input and majority-class baseline as lines; where they are far outside the scores, in words."""
    words = []
    low, high = min(drawn), max(drawn)
    reach = max(high - low, 1.0 if column.share else 0.01)
    for row, name in (("raw", ROW_NAMES["raw"]), ("majority", found.data.majority_name)):
        value = found.row(row)
        if value is None:
            continue
        level = _scaled(column, value.mean)
        if not low - FAR * reach <= level <= high + FAR * reach:
            side = "left" if level < low else "right"
            words.append(f"{name}{f' ({level:.1f} %)' if column.share else ''} is to the {side} of the axis")
            continue
        low, high = min(low, level), max(high, level)
        axes.axvline(level, color=COLOURS["raw"], linewidth=1.4, dashes=(4, 2) if row == "raw" else (1, 2), zorder=0.5)
        axes.annotate(
            found.row_name(row, name), (level, -0.8), xycoords="data", xytext=(3, 0), textcoords="offset points", fontsize=9,
            color=QUIET, va="top",
        )  # fmt: skip
    axes.set_xlim(low - 0.06 * reach, high + 0.06 * reach)
    return words


def _untrained(axes: Axes, configurations: Sequence[Ranked], column: Column) -> list[str]:
    """A stroke for the encoder of each configuration before training, where it is not far to the left."""
    drawn = left = 0
    low, high = axes.get_xlim()
    for place, each in enumerate(configurations):
        mean = column.mean(each.results, "untrained")
        if mean is None:
            continue
        level = _scaled(column, mean.mean)
        if level < low - FAR * (high - low):
            left += 1
            continue
        drawn += 1
        axes.plot(level, place, marker="|", markersize=11, markeredgewidth=2, color=COLOURS["untrained"], linestyle="")
        axes.set_xlim(min(axes.get_xlim()[0], level - 0.06 * (high - low)), max(high, level + 0.06 * (high - low)))
    if drawn:
        return ["light stroke: the encoder before training"]
    return ["encoders before training are to the left of the axis"] if left else []


@in_style
def cost_plot(found: Ranking) -> Picture | str:
    """The main score over seconds of training, by the rank of the configuration."""
    column = found.column
    configurations = [each for each in found.configurations if each.scores and each.cost("seconds")]
    if column is None or len(configurations) < 2:
        return "Fewer than two configurations have scores and costs, so there is no picture of them."
    figure, axes = styled(max(2.9, min(4.2, 1.15 + _ROW * len(configurations))))
    for each in configurations:
        _cost_point(axes, each, column)
    seconds = [value.mean for each in configurations if (value := each.cost("seconds"))]
    if min(seconds) > 0 and max(seconds) / min(seconds) > 8:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    else:
        axes.set_xlim(left=0, right=1.12 * max(max(seconds), np.nextafter(0, 1)))
    axes.margins(y=0.14)
    axes.set(xlabel="seconds of training", ylabel=_axis_name(column))
    number = count(len(configurations), "configuration")
    alt = f"Scatter plot of {column.title} over seconds of training of {number}, numbered by rank."
    together = "One run at a time." if {each.workers for each in found.sessions} == {1} else "Several runs at a time."
    caption = "Mean ± standard deviation over seeds; the numbers are the ranks of the table. Up and to the left is better."
    return Picture("cost", alt, f"{caption} {together}", figure)


def _cost_point(axes: Axes, each: Ranked, column: Column) -> None:
    score, seconds = spread(each.scores.values()), each.cost("seconds")
    assert score is not None
    assert seconds is not None
    y, error = _scaled(column, score.mean), _scaled(column, score.sd) if score.sd else None
    colour, hollow = COLOURS["trained"], each.standing == "worse"
    axes.errorbar(
        seconds.mean, y, yerr=error, xerr=seconds.sd, elinewidth=1.1, ecolor=COLOURS["untrained"], fmt="o", markersize=14,
        color=colour, markerfacecolor=_FILL[each.standing],
    )  # fmt: skip
    ink = colour if hollow else "#ffffff"
    at = (seconds.mean, y)
    axes.annotate(str(each.rank), at, ha="center", va="center_baseline", fontsize=9, color=ink, weight="bold")


def _axis_name(column: Column) -> str:
    return column.title + (", %" if column.share else "")


def _scaled(column: Column, value: float) -> float:
    return 100 * value if column.share else value
