"""Cells that cross two choices, as a map: one choice down, the other across, the score in each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from mixtrast.report.pictures import COLOURS, INK, QUIET, Picture, in_style, styled
from mixtrast.report.spread import MISSING, spread
from mixtrast.report.standings import Ranked, Standings
from mixtrast.report.tables import Column, held
from mixtrast.report.values import in_words

_ROW, _LONGEST = 0.42, 30  # inches a row, characters of its name


@dataclass(frozen=True)
class Crossed:
    """Cells in rows and columns.

    Args:
        key: the setting that goes across, dotted.
        rows, columns: what they are called.
        cells: by place (row, column); a place may be empty.
    """

    key: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[int, int], Ranked]


def crossed(cells: Sequence[Ranked]) -> Crossed | None:
    """The largest map that the cells make: a setting across of which two or more rows have two or more values each.

    A row is the cells that agree in all other settings. Cells that stand alone in their row are not part of it.
    """
    found: list[Crossed] = []
    for key in dict.fromkeys(key for cell in cells for key in cell.settings):
        rows: dict[tuple[tuple[str, str], ...], dict[str, Ranked]] = {}
        for cell in cells:
            words = {name: in_words(value) for name, value in cell.settings.items()}
            if key in words:
                value = words.pop(key)
                rows.setdefault(tuple(sorted(words.items())), {})[value] = cell
        full = [row for row in rows.values() if len(row) > 1]
        if len(full) > 1:
            found.append(_laid_out(key, full))
    return max(found, key=lambda each: (len(each.cells), len(each.columns)), default=None)


def _laid_out(key: str, rows: Sequence[Mapping[str, Ranked]]) -> Crossed:
    columns = sorted(dict.fromkeys(value for row in rows for value in row), key=_place)
    named = {_row_name(row): row for row in rows}
    names = sorted(named, key=_place) if len(named) == len(rows) else []
    ordered = [named[name] for name in names] or list(rows)
    names = names or [next(iter(row.values())).name for row in rows]
    places = {(at, columns.index(value)): cell for at, row in enumerate(ordered) for value, cell in row.items()}
    return Crossed(key, tuple(names), tuple(columns), places)


def _place(value: str) -> tuple[float, str]:
    """Numbers by size, `a=0.5` among them, words by the alphabet after them."""
    try:
        return float(value.rpartition("=")[2]), value.rpartition("=")[0]
    except ValueError:
        return np.inf, value


def _row_name(row: Mapping[str, Ranked]) -> str:
    """What the names of its cells share."""
    words = [cell.name.split() for cell in row.values()]
    shared = [word for word in words[0] if all(word in other for other in words)]
    return " ".join(shared) or " ".join(words[0])


@in_style
def heat(found: Standings, column: Column | None) -> Picture | str:
    """The score of every crossed cell by a probe: mean and s.d. over seeds, darker is higher, the highest framed."""
    across = crossed(found.cells)
    if column is None or across is None:
        return "The cells cross no two choices, so there is no map."
    means = np.full((len(across.rows), len(across.columns)), np.nan)
    texts: dict[tuple[int, int], str] = {}
    scale = 100 if column.shown == "percent" else 1
    for place, cell in across.cells.items():
        value = spread(held(cell.results, column, "trained").values())
        if value is not None:
            means[place] = scale * value.mean
            texts[place] = f"{scale * value.mean:.{1 if scale > 1 else 3}f}"
            texts[place] += "" if value.sd is None else f"\n± {scale * value.sd:.{1 if scale > 1 else 3}f}"
    if np.isnan(means).all():
        return "No run has scores yet, so there is no map."
    figure, axes = styled(0.9 + _ROW * len(across.rows))
    shades = matplotlib.colormaps["Blues"].with_extremes(bad="#ffffff")
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    reach = max(high - low, 1e-9)
    axes.imshow(np.ma.masked_invalid(means), cmap=shades, vmin=low - 0.15 * reach, vmax=high + 0.35 * reach, aspect="auto")
    for row in range(len(across.rows)):
        for at in range(len(across.columns)):
            dark = means[row, at] > low + 0.75 * reach
            said = texts.get((row, at), MISSING)
            axes.text(at, row, said, ha="center", va="center", fontsize=8.5, color="#ffffff" if dark else INK)
    best = np.unravel_index(np.nanargmax(means), means.shape)
    frame = Rectangle((best[1] - 0.5, best[0] - 0.5), 1, 1, fill=False, edgecolor=COLOURS["supervised"], linewidth=2.2)
    axes.add_patch(frame)
    axes.set_xticks(range(len(across.columns)), across.columns)
    axes.set_yticks(range(len(across.rows)), [_short(name) for name in across.rows])
    axes.tick_params(axis="both", length=0, labelcolor=INK)
    axes.grid(visible=False)
    axes.set_xlabel(across.key.removesuffix(".name"), color=QUIET)
    for spine in axes.spines.values():
        spine.set_visible(False)
    alt = f"Map of the {column.title} over {across.key} and {len(across.rows)} other choices; the highest is {high:.3g}."
    told = f"{column.title}{', %' if scale > 1 else ''}: mean ± s.d. over seeds, darker is higher, the highest framed."
    return Picture(f"heat-{column.probe}", alt, f"{told}{_beside(found, across, column)}", figure)


def _beside(found: Standings, across: Crossed, column: Column) -> str:
    """The cells that are not on the map, in words, few as they are."""
    inside = {cell.name for cell in across.cells.values()}
    said = []
    for cell in found.cells:
        value = spread(held(cell.results, column, "trained").values())
        if cell.name not in inside and value is not None:
            said.append(f"{cell.name} {column.text(value)}")
    return f" Beside the map: {'; '.join(said)}." if 0 < len(said) <= 8 else ""


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
