"""Curves: the loss and what was looked at over training, scores over the number of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from mixtrast.report.pictures import COLOURS, QUIET, Picture, in_style, styled
from mixtrast.report.records import Metrics
from mixtrast.report.results import Data, Results
from mixtrast.report.tables import Pairs, Place, points

_MOST = 320  # points of a curve
_DASHES: dict[str, tuple[str, str]] = {
    "trained": ("-", "o"),
    "untrained": ("--", "s"),
    "raw": (":", "^"),
    "supervised": ("-.", "D"),
}
_SHORT = {"trained": "these features", "untrained": "untrained", "raw": "raw input", "supervised": "plain labels"}


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
    x, y = _over_steps(axes, [(each.step, each.loss) for each in seen.values()])
    axes.plot(x, y, color=COLOURS["trained"], linewidth=2.4, marker="o" if len(x) == 1 else "")
    levels = {}
    for name, dash in (("chance", (4, 2)), ("floor", (1, 2))):
        curves = [_thinned(each.step, getattr(each, name)) for each in seen.values() if np.isfinite(getattr(each, name)).any()]
        if curves:
            level = _average(curves)
            axes.plot(*level, color=QUIET, linewidth=1.4, dashes=dash)
            levels[name] = level[0][-1], level[1][-1]
    _name_levels(axes, (x[-1], y[-1]), levels)
    axes.set(xlabel="training step", ylabel="training loss")
    alt = f"Line chart of the training loss over steps, from {y[0]:.3g} to {y[-1]:.3g}"
    alt += "".join(f"; {LEVELS[name]} {height:.3g}" for name, (_, height) in levels.items())
    return Picture("loss", f"{alt}.", _loss_caption(seen, "chance" in levels), figure)


LEVELS = {"chance": "chance level", "floor": "lowest attainable"}


def _name_levels(axes: Axes, end: tuple[float, float], levels: Mapping[str, tuple[float, float]]) -> None:
    """Says on each line, at its right end, what it is: chance above, the floor below, the loss where there is more room."""
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    chance, floor = levels.get("chance", end)[1], levels.get("floor", (0.0, low))[1]
    below = abs(chance - end[1]) < abs(end[1] - floor) if "chance" in levels else False
    _line_label(axes, end, "loss", COLOURS["trained"], below, weight="bold")
    for name, place in levels.items():
        _line_label(axes, place, LEVELS[name], QUIET, below=name == "floor")


def _loss_caption(seen: Mapping[str, Metrics], chance: bool) -> str:
    caption = "Training loss" + (f": {len(seen)} seeds thin, their mean thick." if len(seen) > 1 else " of one seed.")
    longest = max(len(each.step) for each in seen.values())
    if longest >= 1.5 * _MOST:
        caption += f" Each point is the mean of about {longest / _MOST:.0f} logged steps."
    lost = sum(each.lost for each in seen.values())
    if lost:
        caption += f" At {lost:,} logged {'step' if lost == 1 else 'steps'} there was no finite loss."
    return caption if chance else f"{caption} The chance level is not recorded."


LOOKS = {
    "knn": ("knn", "kNN score while training", "kNN on validation examples, looked at while training."),
    "online": ("online", "online probe", "A linear layer that learns along, on validation examples."),
    "rank": ("rank", "effective rank", "Effective rank of the features of validation examples: how many directions they use."),
}


@in_style
def look(runs: Mapping[str, Metrics], key: str, share: bool) -> Picture | None:
    """One number that was looked at while training, over steps.

    Args:
        runs: seed in words -> its metrics.
        key: of LOOKS.
        share: whether scores are shares of right answers, in percent.
    """
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
    as_share = key in ("knn", "online") and share
    if as_share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %"))
    axes.margins(x=0.02, y=0.12)
    shown = f"{100 * y[0]:.1f} to {100 * y[-1]:.1f} %" if as_share else f"{y[0]:.3g} to {y[-1]:.3g}"
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


def _line_label(axes: Axes, at: tuple[float, float], words: str, colour: str, below: bool, weight: str = "normal") -> None:
    axes.annotate(
        words,
        at,
        xytext=(0, -6 if below else 5),
        textcoords="offset points",
        ha="right",
        va="top" if below else "bottom",
        color=colour,
        weight=weight,
    )


# --- scores over labels --------------------------------------------------------------------------------------------------


@in_style
def few_labels(results: Sequence[Results]) -> Picture | str:
    """Scores over the number of labels: mean, and a band of one s.d. over draws and seeds."""
    curve = points(results)
    data = results[0].data if results else Data()
    per_class = all(place[0] is not None for place in curve)
    at = {
        row: [(_labels(place), list(scores[row].values())) for place, scores in curve.items() if row in scores]
        for row in _DASHES
    }
    at = {row: scores for row, scores in at.items() if scores}
    if not at:
        return "No scores with few labels are recorded."
    figure, axes = styled(3.5)
    share = data.task == "classes"
    ends, said = {}, []
    for row, scores in at.items():
        x, mean = _row(axes, row, scores)
        ends[row] = (x[-1], mean[-1])
        span = f"{100 * mean[0]:.1f} to {100 * mean[-1]:.1f} %" if share else f"{mean[0]:.3f} to {mean[-1]:.3f}"
        said.append(f"{_SHORT[row]} {span}")
    _labels_axis(axes, sorted({_labels(place) for place in curve}), per_class, share)
    _direct(axes, ends)
    over = _over(results, curve)
    caption = f"Linear probe with few labels: mean, and a band of one s.d. over {over}. The axis of labels is logarithmic."
    alt = f"Line chart of the score over labels{' per class' if per_class else ''}: {'; '.join(said)}."
    return Picture("labels", alt, caption, figure)


def _labels(place: Place) -> float:
    return next(number for number in place if number is not None)


def _row(axes: Axes, row: str, scores: Sequence[tuple[float, Sequence[float]]]) -> tuple[np.ndarray, np.ndarray]:
    """Draws one row, and gives its means."""
    x = np.array([labels for labels, _ in scores])
    mean = np.array([np.mean(values) for _, values in scores])
    sd = np.array([np.std(values, ddof=1) if len(values) > 1 else 0.0 for _, values in scores])
    style, marker = _DASHES[row]
    axes.fill_between(x, mean - sd, mean + sd, color=COLOURS[row], alpha=0.16, linewidth=0)
    width = 2.4 if row == "trained" else 1.6
    axes.plot(x, mean, color=COLOURS[row], linestyle=style, marker=marker, markersize=4.5, linewidth=width)
    return x, mean


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
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %"))


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
