"""Configurations that vary two settings, as a map: one setting down, the other across, the score in each field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mixtrast.report.columns import Column
from mixtrast.report.numbers import MISSING
from mixtrast.report.pictures import COLOURS, INK, QUIET, Picture, in_style, shortened, styled
from mixtrast.report.ranking import Ranked, Ranking
from mixtrast.report.settings import in_words

_ROW, _LONGEST = 0.42, 30  # inches of a row, characters of its name
MOST = 8  # configurations outside the map that the caption names
Place = tuple[int, int]  # row and column


@dataclass(frozen=True)
class Crossed:
    """Configurations in named rows and columns."""

    key: str  # the setting that goes across, dotted
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    places: Mapping[Place, Ranked]  # a place may be empty


def crossed(configurations: Sequence[Ranked]) -> Crossed | None:
    """The largest map of the configurations: a setting of which two or more rows have two or more values each.

    A row is the configurations that agree in all other settings. One that is alone in its row is not part of the map.
    """
    found: list[Crossed] = []
    for key in dict.fromkeys(key for each in configurations for key in each.settings):
        rows: dict[tuple[tuple[str, str], ...], dict[str, Ranked]] = {}
        for each in configurations:
            words = {name: in_words(value) for name, value in each.settings.items()}
            if key in words:
                value = words.pop(key)
                rows.setdefault(tuple(sorted(words.items())), {})[value] = each
        full = [row for row in rows.values() if len(row) > 1]
        if len(full) > 1:
            found.append(_laid_out(key, full))
    return max(found, key=lambda each: (len(each.places), len(each.columns)), default=None)


@in_style
def heatmap(found: Ranking, column: Column | None) -> Picture | str:
    """The score of every crossed configuration: mean and standard deviation, darker is higher, the highest framed."""
    across = crossed(found.configurations)
    if column is None or across is None:
        return "No two settings vary together, so there is no map."
    means, texts = _values(across, column)
    if np.isnan(means).all():
        return "No run has scores yet, so there is no map."
    figure, axes = styled(0.9 + _ROW * len(across.rows))
    _draw(axes, means, texts)
    axes.set_xticks(range(len(across.columns)), across.columns)
    axes.set_yticks(range(len(across.rows)), [shortened(name, _LONGEST) for name in across.rows])
    axes.tick_params(axis="both", length=0, labelcolor=INK)
    axes.grid(visible=False)
    axes.set_xlabel(across.key.removesuffix(".name"), color=QUIET)
    for spine in axes.spines.values():
        spine.set_visible(False)
    highest = float(np.nanmax(means))
    alt = f"Map of the {column.title} over {across.key} and {len(across.rows)} other choices; the highest is {highest:.3g}."
    caption = f"{column.title}{', %' if column.share else ''}: mean ± standard deviation over seeds; darker is higher, "
    caption += f"the highest is framed.{_outside(found, across, column)}"
    return Picture(f"heat-{column.evaluation}", alt, caption, figure)


def _laid_out(key: str, rows: Sequence[Mapping[str, Ranked]]) -> Crossed:
    columns = sorted(dict.fromkeys(value for row in rows for value in row), key=_order)
    named = {_row_name(row): row for row in rows}
    names = sorted(named, key=_order) if len(named) == len(rows) else []
    ordered = [named[name] for name in names] or list(rows)
    names = names or [next(iter(row.values())).name for row in rows]
    places = {(at, columns.index(value)): each for at, row in enumerate(ordered) for value, each in row.items()}
    return Crossed(key, tuple(names), tuple(columns), places)


def _order(value: str) -> tuple[float, str]:
    """Numbers by size ("a=0.5" too), then words by the alphabet."""
    try:
        return float(value.rpartition("=")[2]), value.rpartition("=")[0]
    except ValueError:
        return np.inf, value


def _row_name(row: Mapping[str, Ranked]) -> str:
    """The words that the names of its configurations share."""
    words = [each.name.split() for each in row.values()]
    shared = [word for word in words[0] if all(word in other for other in words)]
    return " ".join(shared) or " ".join(words[0])


def _values(across: Crossed, column: Column) -> tuple[NDArray[np.float64], dict[Place, str]]:
    """The mean of each place, NaN where there is none, and its text."""
    means = np.full((len(across.rows), len(across.columns)), np.nan)
    texts: dict[Place, str] = {}
    scale, digits = (100, 1) if column.share else (1, 3)
    for place, each in across.places.items():
        value = column.mean(each.results, "trained")
        if value is not None:
            means[place] = scale * value.mean
            deviation = "" if value.sd is None else f"\n± {scale * value.sd:.{digits}f}"
            texts[place] = f"{scale * value.mean:.{digits}f}{deviation}"
    return means, texts


def _draw(axes: Axes, means: NDArray[np.float64], texts: Mapping[Place, str]) -> None:
    shades = matplotlib.colormaps["Blues"].with_extremes(bad="#ffffff")
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    reach = max(high - low, 1e-9)
    axes.imshow(np.ma.masked_invalid(means), cmap=shades, vmin=low - 0.15 * reach, vmax=high + 0.35 * reach, aspect="auto")
    for row, at in np.ndindex(*means.shape):
        ink = "#ffffff" if means[row, at] > low + 0.75 * reach else INK
        axes.text(at, row, texts.get((row, at), MISSING), ha="center", va="center", fontsize=8.5, color=ink)
    best = np.unravel_index(np.nanargmax(means), means.shape)
    frame = Rectangle((best[1] - 0.5, best[0] - 0.5), 1, 1, fill=False, edgecolor=COLOURS["supervised"], linewidth=2.2)
    axes.add_patch(frame)


def _outside(found: Ranking, across: Crossed, column: Column) -> str:
    """The configurations that are not on the map, in words, if they are few."""
    inside = {each.name for each in across.places.values()}
    others = [each for each in found.configurations if each.name not in inside]
    words = [f"{each.name} {column.text(value)}" for each in others if (value := column.mean(each.results, "trained"))]
    return f" Not on the map: {'; '.join(words)}." if 0 < len(words) <= MOST else ""
