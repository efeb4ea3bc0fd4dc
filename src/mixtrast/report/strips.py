"""Strips of examples: originals above their two views, and pairs of examples above their mixtures."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from mixtrast.records import Strip
from mixtrast.report.pictures import COLOURS, FAINT, INK, QUIET, Picture, in_style, styled

_TILES = {4: 6, 3: 4, 2: 4}  # tiles in a row, by the dimensions of a batch: more would be too small on a phone
_PIXELS = 64  # of a tile's longer side
_COLUMNS = 40  # of a table
_LABEL = 0.127  # width of the names of the rows, in rows of tiles


@in_style
def views(strip: Strip) -> Picture | str:
    """Originals and the two views of each."""
    rows = [("original", strip.x), ("view 1", strip.view1), ("view 2", strip.view2)]
    there = [(name, array) for name, array in rows if array is not None and len(array)]
    if not there:
        return "No views are recorded."
    figure, number = _grid(there, [])
    alt = f"{number} examples and the two views of each that training compares."
    return Picture("views", alt, _caption("Examples and their views", there), figure)


@in_style
def mixtures(strip: Strip, mixer: str) -> Picture | str:
    """Pairs of examples and their mixtures, with the weight of the first."""
    rows = [("first", strip.first), ("second", strip.second), ("mixed", strip.mixed)]
    there = [(name, array) for name, array in rows if array is not None and len(array)]
    if strip.mixed is None or not len(strip.mixed):
        return "No mixtures are recorded." if mixer else "This method does not mix examples, so there are no mixtures."
    shares = [f"λ = {weight:.2f}" for weight in strip.weight] if strip.weight is not None else []
    figure, number = _grid(there, shares)
    by = f" by {mixer}" if mixer else ""
    alt = f"{number} pairs of examples and their mixtures{by}" + (f", {', '.join(shares[:number])}" if shares else "")
    caption = _caption(f"Mixtures{by}; λ is the weight of the first example", there)
    return Picture("mixtures", alt + ".", caption, figure)


def _caption(text: str, rows: Sequence[tuple[str, np.ndarray]]) -> str:
    array = rows[0][1]
    if array.ndim == 2:
        more = f", the first {_COLUMNS} of {array.shape[1]}" if array.shape[1] > _COLUMNS else ""
        return f"{text}. Each bar is a column{more}, standardised: up is above its mean, down below."
    if array.ndim == 3:
        more = f"; {array.shape[1]} channels" if array.shape[1] > 1 else ""
        return f"{text}. Each line is a series, as scaled for the encoder{more}."
    return f"{text}. Values as scaled for the encoder, stretched to the range of grey or colour."


def _grid(rows: Sequence[tuple[str, np.ndarray]], below: Sequence[str]) -> tuple[Figure, int]:
    """Tiles of one unit on one pair of axes, with the names of the rows at the left."""
    room = _TILES[rows[0][1].ndim]
    number, margin = min(room, *(len(array) for _, array in rows)), _LABEL * room
    shape = rows[0][1].shape
    ratio = 0.94 * float(np.clip(shape[2] / shape[3], 0.3, 2.5)) if len(shape) == 4 else 0.6  # height of a tile one wide
    pitch = ratio + 0.08
    height = len(rows) * pitch + (0.05 * room if below else 0.0)
    figure, axes = styled(5.4 * height / (room + margin))
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.set(xlim=(-margin, room), ylim=(-height, 0))
    axes.set_axis_off()
    low, high = _value_range([array[:number] for _, array in rows])
    for down, (words, array) in enumerate(rows):
        top = -down * pitch
        axes.text(-margin, top - ratio / 2, words, va="center", fontsize=10, color=QUIET)
        for across in range(number):
            _tile(axes, array[across], (across + 0.03, across + 0.97, top - ratio, top), low, high)
    for across, words in enumerate(below[:number]):
        axes.text(across + 0.5, -len(rows) * pitch - 0.02, words, ha="center", va="top", fontsize=10, color=INK)
    return figure, number


def _value_range(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """The range of values that fills a tile, without the most extreme 1 %."""
    values = np.concatenate([array.ravel() for array in arrays])
    low, high = (float(edge) for edge in np.percentile(values, [0.5, 99.5]))
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _tile(axes: Axes, example: np.ndarray, box: tuple[float, float, float, float], low: float, high: float) -> None:
    left, right, bottom, top = box
    if example.ndim == 3:
        axes.imshow(_pixels(example, low, high), extent=box, interpolation="none", aspect="auto", zorder=2)
        return
    axes.fill([left, right, right, left], [bottom, bottom, top, top], facecolor="#f6f8f9", edgecolor=FAINT, linewidth=0.6)
    if example.ndim == 2:
        for channel, series in enumerate(example[:3]):
            series = series[:: -(-len(series) // 160)]  # at most so many points, evenly spaced
            x = np.linspace(left + 0.03, right - 0.03, len(series))
            y = bottom + (top - bottom) * (0.06 + 0.88 * np.clip((series - low) / (high - low), 0, 1))
            axes.plot(x, y, color=(COLOURS["trained"], COLOURS["supervised"], COLOURS["raw"])[channel], linewidth=0.9)
        return
    _bars(axes, example[:_COLUMNS], box, max(abs(low), abs(high)))


def _bars(axes: Axes, values: np.ndarray, box: tuple[float, float, float, float], most: float) -> None:
    left, right, bottom, top = box
    width, middle = (right - left - 0.06) / len(values), (bottom + top) / 2
    share = np.clip(values / most, -1, 1)
    x = left + 0.03 + width * (np.arange(len(values)) + 0.1)
    y = middle + share * (top - bottom) * 0.46
    level = np.full_like(x, middle)
    corners = np.stack([x, level, x + 0.8 * width, level, x + 0.8 * width, y, x, y], 1).reshape(-1, 4, 2)
    bars = PolyCollection(list(corners), facecolors=colormaps["RdBu_r"](0.5 + 0.42 * share), linewidths=0, zorder=3)
    axes.add_collection(bars, autolim=False)
    axes.plot([left, right], [middle, middle], color=FAINT, linewidth=0.6, zorder=2)


def _pixels(example: np.ndarray, low: float, high: float) -> np.ndarray:
    """(C,H,W) -> (H,W,3) bytes, small."""
    for axis in (1, 2):
        step = -(-example.shape[axis] // _PIXELS)
        if step > 1:
            starts = np.arange(0, example.shape[axis], step)
            sizes = np.diff(np.append(starts, example.shape[axis])).reshape([-1 if each == axis else 1 for each in range(3)])
            example = np.add.reduceat(example, starts, axis) / sizes
    channels = example.shape[0]
    colours = np.repeat(example[:1], 3, 0) if channels == 1 else example[:3]
    if channels == 2:
        colours = np.concatenate([colours, np.full_like(colours[:1], low)])
    return np.rint(255 * np.clip((colours - low) / (high - low), 0, 1)).astype(np.uint8).transpose(1, 2, 0)
