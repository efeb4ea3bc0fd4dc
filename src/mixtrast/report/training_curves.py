"""Curves over training: the loss with its chance level, and what was measured on validation examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from mixtrast.records import EvaluationRecord, MetricsLine
from mixtrast.report.pictures import COLOURS, QUIET, Picture, in_style, styled
from mixtrast.text import count

Array = NDArray[np.float64]
Line = tuple[Array, Array]  # x and y
MOST = 320  # points of a curve
LEVELS = {"chance": "chance level", "floor": "lowest possible loss"}
DASHES = {"chance": (4, 2), "floor": (1, 2)}
RANK = ("effective rank", "Effective rank of the features of validation examples: the number of directions that they use.")
NOT_DRAWN = ("alignment", "uniformity")  # they stand in the table of the geometry


@dataclass(frozen=True, eq=False)
class Curves:
    """The columns of metrics.jsonl, one number a line; NaN where a line has no number."""

    step: Array
    loss: Array
    chance: Array
    floor: Array
    monitor: tuple[tuple[float, dict[str, float]], ...]  # step, and what was measured on validation examples then
    lost: int  # lines whose loss is not finite

    @classmethod
    def of(cls, lines: Sequence[MetricsLine]) -> Curves:
        """From the lines of a run."""
        keys = ("step", "loss", "chance", "floor")
        step, loss, chance, floor = (np.array([getattr(line, key) for line in lines], float) for key in keys)  # None is NaN
        monitor = tuple((float(line.step), line.monitor) for line in lines if line.monitor)
        lost = sum(line.loss is not None and not np.isfinite(line.loss) for line in lines)
        return cls(step, loss, chance, floor, monitor, lost)


@in_style
def loss(runs: Mapping[str, Curves]) -> Picture | str:
    """The loss with its chance level and its minimum, over steps; one thin line for each seed, a thick one for their mean."""
    finite = {seed: curves for seed, curves in runs.items() if np.isfinite(curves.loss).any()}
    if not finite:
        return "No value of the loss is recorded, so there is no curve."
    figure, axes = styled(3.5)
    x, y = _over_steps(axes, [(each.step, each.loss) for each in finite.values()])
    axes.plot(x, y, color=COLOURS["trained"], linewidth=2.4, marker="o" if len(x) == 1 else "")
    levels = {}
    for name, dash in DASHES.items():
        lines = [(each.step, getattr(each, name)) for each in finite.values()]
        lines = [_thinned(*line) for line in lines if np.isfinite(line[1]).any()]
        if lines:
            level = _average(lines)
            axes.plot(*level, color=QUIET, linewidth=1.4, dashes=dash)
            levels[name] = level[0][-1], level[1][-1]
    _name_levels(axes, (x[-1], y[-1]), levels)
    axes.set(xlabel="training step", ylabel="training loss")
    alt = f"Line chart of the training loss over steps, from {y[0]:.3g} to {y[-1]:.3g}"
    alt += "".join(f"; {LEVELS[name]} {height:.3g}" for name, (_, height) in levels.items())
    return Picture("loss", f"{alt}.", _loss_caption(finite, "chance" in levels), figure)


@in_style
def monitored(runs: Mapping[str, Curves], key: str, evaluations: Mapping[str, EvaluationRecord], share: bool) -> Picture | None:
    """The number `key` of the monitor over steps, in percent if `share`; None where it was measured at fewer than two."""
    lines = []
    for curves in runs.values():
        measured = [(step, values[key]) for step, values in curves.monitor if key in values]
        if len(measured) > 1:
            lines.append((np.array([step for step, _ in measured]), np.array([value for _, value in measured])))
    if not lines:
        return None
    name = evaluations[key].title if key in evaluations else "online probe" if key == "online" else key
    words, caption = RANK if key == "rank" else (f"{name} score", f"{name}, on validation examples, during training.")
    figure, axes = styled(2.6)
    x, y = _over_steps(axes, lines)
    axes.plot(x, y, color=COLOURS["trained"], linewidth=2.4, marker="o" if len(x) <= 30 else "", markersize=4)
    axes.set(xlabel="training step", ylabel=words)
    as_share = key != "rank" and share
    if as_share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %"))
    axes.margins(x=0.02, y=0.12)
    reach = f"{100 * y[0]:.1f} to {100 * y[-1]:.1f} %" if as_share else f"{y[0]:.3g} to {y[-1]:.3g}"
    return Picture(key, f"Line chart of the {words} over training steps, from {reach}.", caption, figure)


def monitored_keys(runs: Mapping[str, Curves]) -> list[str]:
    """What can be drawn with `monitored`: scores first, the rank last."""
    keys = dict.fromkeys(key for curves in runs.values() for _, values in curves.monitor for key in values)
    return sorted((key for key in keys if key not in NOT_DRAWN), key=lambda key: key == "rank")


def _name_levels(axes: Axes, end: tuple[float, float], levels: Mapping[str, tuple[float, float]]) -> None:
    """Name each line at its right end: chance above, the minimum below, the loss where there is more space."""
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    chance, floor = levels.get("chance", end)[1], levels.get("floor", (0.0, low))[1]
    below = abs(chance - end[1]) < abs(end[1] - floor) if "chance" in levels else False
    _line_label(axes, end, "loss", COLOURS["trained"], below, weight="bold")
    for name, place in levels.items():
        _line_label(axes, place, LEVELS[name], QUIET, below=name == "floor")


def _loss_caption(runs: Mapping[str, Curves], chance: bool) -> str:
    caption = "Training loss" + (f": {len(runs)} seeds thin, their mean thick." if len(runs) > 1 else " of one run.")
    longest = max(len(each.step) for each in runs.values())
    if longest >= 1.5 * MOST:
        caption += f" Each point is the mean of about {longest / MOST:.0f} logged steps."
    if lost := sum(each.lost for each in runs.values()):
        caption += f" At {count(lost, 'logged step')} the loss was not finite."
    return caption if chance else f"{caption} The chance level is not recorded."


def _over_steps(axes: Axes, lines: Sequence[Line]) -> Line:
    """Draw each line thin, and return their mean."""
    thin = [_thinned(x, y) for x, y in lines]
    if len(thin) > 1:
        for x, y in thin:
            axes.plot(x, y, color=COLOURS["trained"], linewidth=0.8, alpha=0.45)
    return _average(thin)


def _thinned(x: Array, y: Array) -> Line:
    """At most MOST points of the finite ones, each the mean of its neighbours."""
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, min(MOST, len(order)))
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def _average(lines: Sequence[Line]) -> Line:
    """Mean of lines where all of them are: beyond the end of the shortest there is none."""
    start, end = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
    grid = np.unique(np.concatenate([x for x, _ in lines]))
    grid = grid[(grid >= start) & (grid <= end)]
    return (grid, np.mean([np.interp(grid, x, y) for x, y in lines], axis=0)) if len(grid) else lines[0]


def _line_label(axes: Axes, at: tuple[float, float], words: str, colour: str, below: bool, weight: str = "normal") -> None:
    up, va = (-6, "top") if below else (5, "bottom")
    axes.annotate(words, at, xytext=(0, up), textcoords="offset points", ha="right", va=va, color=colour, weight=weight)
