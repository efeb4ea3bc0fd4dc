"""The pictures of a report: figures without a window or global state, as inline SVG for a page or PNG for a file.

A function that has nothing to draw returns the sentence that stands in the picture's place.
"""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from mixtrast.report.records import Data, Metrics, Results
from mixtrast.report.tables import Pairs, Place, points

P = ParamSpec("P")
Drawn = TypeVar("Drawn")

# One colour and one dash for a row, everywhere; readable without telling red from green, and in grey by the dashes.
COLOURS = {"trained": "#0b5cad", "untrained": "#7f9bbd", "raw": "#8a8a8a", "supervised": "#d9730d", "majority": "#c8c8c8"}
_DASHES: dict[str, tuple[str, str]] = {
    "trained": ("-", "o"),
    "untrained": ("--", "s"),
    "raw": (":", "^"),
    "supervised": ("-.", "D"),
}
_SHORT = {"trained": "these features", "untrained": "untrained", "raw": "raw input", "supervised": "plain labels"}
# Twelve classes that are told apart with any colour vision as far as twelve can be (Okabe and Ito's, then darker and lighter).
CLASSES = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"),
    *("#b8a800", "#332288", "#882255", "#44aa99", "#999999", "#5b3a1e"),
)
INK, QUIET, FAINT = "#1f2428", "#5f6a72", "#d5dade"
STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e7eaec",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "svg.fonttype": "none",  # text stays text: small, and in the font of the page
    "lines.solid_capstyle": "round",
}
_WIDTH = 5.4  # inches: at the width of a phone the text is still read
_MOST = 240  # points of a curve


@dataclass(frozen=True)
class Picture:
    """A figure, what it shows in words, and the name of its file."""

    name: str
    alt: str
    caption: str
    figure: Figure

    def svg(self) -> str:
        """An inline element: no header, no ids but those it refers to, nothing that names another place."""
        with matplotlib.rc_context(STYLE | {"svg.hashsalt": self.name}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # the reader's font may have it
            buffer = io.StringIO()
            self.figure.savefig(buffer, format="svg", dpi=170, transparent=True, metadata={"Date": None})
        text = buffer.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|\s*<title>.*?</title>", "", text, flags=re.DOTALL)
        used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text))
        names = {name for pair in used for name in pair}
        text = re.sub(r' id="([^"]*)"', lambda at: at[0] if at[1] in names else "", text)
        text = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit-font", text).replace("inherit-font", "system-ui, sans-serif")
        box = re.search(r'viewBox="([^"]*)"', text)
        opening = f'<svg viewBox="{box[1] if box else ""}" role="img" aria-label="{escape(self.alt)}">'
        text = re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1)
        return re.sub(r"\n\s*", "\n", text).strip()

    def png(self) -> bytes:
        """For a file: on white, at twice the size of the page."""
        with matplotlib.rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            buffer = io.BytesIO()
            self.figure.savefig(buffer, format="png", dpi=180, facecolor="white")
        return buffer.getvalue()


def styled(height: float) -> tuple[Figure, Axes]:
    """A figure of one pair of axes; whoever calls it is decorated by `in_style`."""
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def in_style(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Matplotlib's settings of the page while a figure is made, and as they were afterwards."""

    @functools.wraps(draw)
    def styled_draw(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled_draw


# --- curves over training ------------------------------------------------------------------------------------------------


@in_style
def loss(runs: Mapping[str, Metrics]) -> Picture | str:
    """The loss against what chance and perfection would give, over steps; one thin line a seed, thick the mean.

    Args:
        runs: seed in words -> its metrics.
    """
    seen = {seed: metrics for seed, metrics in runs.items() if np.isfinite(metrics.loss).any()}
    if not seen:
        return "No value of the loss is recorded, so there is no curve."
    figure, axes = styled(3.5)
    mean = _over_steps(axes, [(each.step, each.loss) for each in seen.values()])
    _line(axes, *mean, COLOURS["trained"], "loss", below=True)
    said = []
    for name, words, dash in (("chance", "chance level", (4, 2)), ("floor", "lowest attainable", (1, 2))):
        curves = [_thinned(each.step, getattr(each, name)) for each in seen.values() if np.isfinite(getattr(each, name)).any()]
        if curves:
            x, y = _average(curves)
            axes.plot(x, y, color=QUIET, linewidth=1.4, dashes=dash)
            _line_label(axes, x, y, words, QUIET, below=name == "floor")
            said.append(f"{words} {y[-1]:.3g}")
    axes.set(xlabel="training step", ylabel="loss (nats)")
    _room(axes)
    longest = max(len(each.step) for each in seen.values())
    caption = "Training loss" + (f": {len(seen)} seeds thin, their mean thick." if len(seen) > 1 else " of one seed.")
    if longest > _MOST:
        caption += f" Each point is the mean of about {longest / _MOST:.0f} logged steps."
    lost = sum(int((~np.isfinite(each.loss)).sum()) for each in seen.values() if not each.looks)
    if lost:
        caption += f" At {lost:,} logged {'step' if lost == 1 else 'steps'} there was no finite loss."
    if not any("chance" in text for text in said):
        caption += " The chance level is not recorded."
    alt = f"Line chart of the training loss over steps, from {mean[1][0]:.3g} to {mean[1][-1]:.3g}" + "".join(
        f"; {text}" for text in said
    )
    return Picture("loss", alt + ".", caption, figure)


LOOKS = {
    "knn": ("knn", "kNN accuracy while training", "Online kNN: seen while training, on data that was not trained on."),
    "rank": ("rank", "effective rank", "Effective rank of the features: how many directions they use."),
}


@in_style
def look(runs: Mapping[str, Metrics], key: str) -> Picture | None:
    """One number that was looked at while training, over steps."""
    curves = []
    for metrics in runs.values():
        seen = [(step, values[key]) for step, values in metrics.looks if key in values]
        if len(seen) > 1:
            curves.append((np.array([step for step, _ in seen]), np.array([value for _, value in seen])))
    if not curves:
        return None
    name, words, caption = LOOKS[key]
    figure, axes = styled(2.6)
    x, y = _over_steps(axes, curves)
    axes.plot(x, y, color=COLOURS["trained"], linewidth=2.4, marker="o" if len(x) <= 30 else "", markersize=4)
    axes.set(xlabel="training step", ylabel=words)
    if key == "knn" and float(np.nanmax(y)) <= 1:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.margins(x=0.02, y=0.12)
    shown = f"{100 * y[0]:.1f} to {100 * y[-1]:.1f} %" if key == "knn" else f"{y[0]:.3g} to {y[-1]:.3g}"
    return Picture(name, f"Line chart of the {words} over training steps, from {shown}.", caption, figure)


def _over_steps(axes: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Draws each curve thin and gives their mean."""
    thin = [_thinned(x, y) for x, y in curves]
    if len(thin) > 1:
        for x, y in thin:
            axes.plot(x, y, color=COLOURS["trained"], linewidth=0.8, alpha=0.45)
    return _average(thin)


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most _MOST points of the finite ones, each the mean of its neighbours."""
    keep = np.isfinite(y)
    x, y = x[keep], y[keep]
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, min(_MOST, len(order)))
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def _average(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean of curves where all of them are: beyond the end of the shortest there is none."""
    start, end = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    grid = np.unique(np.concatenate([x for x, _ in curves]))
    grid = grid[(grid >= start) & (grid <= end)]
    if not len(grid):
        return curves[0]
    return grid, np.mean([np.interp(grid, x, y) for x, y in curves], axis=0)


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, words: str, below: bool) -> None:
    axes.plot(x, y, color=colour, linewidth=2.4, marker="o" if len(x) == 1 else "")
    _line_label(axes, x, y, words, colour, below, weight="bold")


def _line_label(axes: Axes, x: np.ndarray, y: np.ndarray, words: str, colour: str, below: bool, weight: str = "normal") -> None:
    """Says on the line, at its right end, what it is."""
    axes.annotate(
        words,
        (x[-1], y[-1]),
        xytext=(0, -5 if below else 4),
        textcoords="offset points",
        ha="right",
        va="top" if below else "bottom",
        color=colour,
        weight=weight,
        parse_math=False,
    )


def _room(axes: Axes) -> None:
    """Space for the words above the highest and below the lowest line."""
    low, high = axes.get_ylim()
    span = high - low
    axes.set_ylim(low - 0.08 * span, high + 0.08 * span)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


# --- scores over labels --------------------------------------------------------------------------------------------------


@in_style
def few_labels(results: Sequence[Results]) -> Picture | str:
    """Scores over the number of labels: mean, and a band of one s.d. over draws and seeds."""
    curve = points(results)
    data = results[0].data if results else Data()
    per_class = all(place[0] is not None for place in curve)
    curves = {}
    for row in _DASHES:
        at = [
            (next(n for n in place if n is not None), list(scores[row].values()))
            for place, scores in curve.items()
            if scores.get(row)
        ]
        if at:
            curves[row] = at
    if not curves:
        return "No scores with few labels are recorded."
    figure, axes = styled(3.5)
    share = data.task == "classes"
    ends, said = {}, []
    for row, at in curves.items():
        x = np.array([labels for labels, _ in at])
        mean = np.array([np.mean(values) for _, values in at])
        sd = np.array([np.std(values, ddof=1) if len(values) > 1 else 0.0 for _, values in at])
        style, marker = _DASHES[row]
        axes.fill_between(x, mean - sd, mean + sd, color=COLOURS[row], alpha=0.16, linewidth=0)
        width = 2.4 if row == "trained" else 1.6
        axes.plot(x, mean, color=COLOURS[row], linestyle=style, marker=marker, markersize=4.5, linewidth=width)
        ends[row] = (x[-1], mean[-1])
        said.append(
            f"{_SHORT[row]} {100 * mean[0]:.1f} to {100 * mean[-1]:.1f} %"
            if share
            else f"{_SHORT[row]} {mean[0]:.3f} to {mean[-1]:.3f}"
        )
    _labels_axis(axes, sorted({labels for at in curves.values() for labels, _ in at}), per_class, share)
    _direct(axes, ends)
    over = _over(results, curve)
    caption = f"Linear probe with few labels: mean, and a band of one s.d. over {over}. The axis of labels is logarithmic."
    alt = f"Line chart of the score over labels{' per class' if per_class else ''}: {'; '.join(said)}."
    return Picture("labels", alt, caption, figure)


def _over(results: Sequence[Results], curve: Mapping[Place, Mapping[str, Pairs]]) -> str:
    values = max(len(held) for scores in curve.values() for held in scores.values())
    seeds = len([result for result in results if result.points])
    draws = f"{max(1, round(values / max(seeds, 1)))} draws of labels"
    return f"{draws} × {seeds} seeds" if seeds > 1 else f"{draws} (one seed: no spread over seeds)"


def _labels_axis(axes: Axes, ticks: list[float], per_class: bool, share: bool) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)
    axes.set_xlabel("labels per class (log scale)" if per_class else "labels (log scale)")
    axes.set_ylabel("test accuracy" if share else "R² on the test set")
    if share:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def _direct(axes: Axes, ends: Mapping[str, tuple[float, float]]) -> None:
    """Names beside the ends of the lines, moved apart until none covers another."""
    low, high = axes.get_ylim()
    gap = 0.075 * (high - low)
    order = sorted(ends, key=lambda row: ends[row][1])
    heights = _apart([ends[row][1] for row in order], gap)
    for row, height in zip(order, heights, strict=True):
        axes.annotate(
            _SHORT[row],
            (ends[row][0], height),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=_darker(COLOURS[row]),
            weight="bold" if row == "trained" else "normal",
            annotation_clip=False,
        )


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Ascending heights, at least `gap` apart, moved as little as needed from their common middle.

    >>> _apart([1.0, 1.0], 0.5), _apart([0.0, 1.0], 0.5)
    ([0.75, 1.25], [0.0, 1.0])
    """
    blocks: list[list[float]] = []
    for height in heights:
        blocks.append([height])
        while len(blocks) > 1 and _first(blocks[-1], gap) - _last(blocks[-2], gap) < gap - 1e-12:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return [_first(block, gap) + gap * at for block in blocks for at in range(len(block))]


def _first(block: Sequence[float], gap: float) -> float:
    return sum(block) / len(block) - gap * (len(block) - 1) / 2


def _last(block: Sequence[float], gap: float) -> float:
    return sum(block) / len(block) + gap * (len(block) - 1) / 2


def _darker(colour: str) -> str:
    """The same hue, dark enough to be read as text on white."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"#{int(red * 0.72):02x}{int(green * 0.72):02x}{int(blue * 0.72):02x}"
