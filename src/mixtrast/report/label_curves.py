"""The label-efficiency curve: scores over the number of labels."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from mixtrast.records import DataRecord, Results
from mixtrast.report.label_points import LabelCount, label_points
from mixtrast.report.pictures import COLOURS, Picture, darker, in_style, styled
from mixtrast.significance import Sample
from mixtrast.text import count

DASHES = {"trained": ("-", "o"), "untrained": ("--", "s"), "raw": (":", "^"), "supervised": ("-.", "D")}
SHORT = {"trained": "trained", "untrained": "before training", "raw": "raw input", "supervised": "supervised"}


@in_style
def label_curve(results: Sequence[Results]) -> Picture | str:
    """Scores over the number of labels: mean, and a band of one standard deviation over draws and seeds."""
    points = label_points(results)
    data = results[0].data if results else DataRecord()
    lines = {row: [(labels.number, rows[row].finite) for labels, rows in points.items() if row in rows] for row in DASHES}
    lines = {row: scores for row, scores in lines.items() if scores}
    if not lines:
        return "No scores with few labels are recorded."
    figure, axes = styled(3.5)
    share = data.task == "classes"
    per_class = all(labels.per_class is not None for labels in points)
    ends, said = {}, []
    for row, scores in lines.items():
        x, mean = _line(axes, row, scores)
        ends[row] = (x[-1], mean[-1])
        reach = f"{100 * mean[0]:.1f} to {100 * mean[-1]:.1f} %" if share else f"{mean[0]:.3f} to {mean[-1]:.3f}"
        said.append(f"{SHORT[row]} {reach}")
    _labels_axis(axes, sorted({labels.number for labels in points}), per_class, share)
    _name_ends(axes, ends)
    caption = f"Scores with few labels: mean, and a band of one standard deviation over {_over(results, points)}."
    alt = f"Line chart of the score over labels{' per class' if per_class else ''}: {'; '.join(said)}."
    return Picture("labels", alt, f"{caption} The axis of labels is logarithmic.", figure)


def _line(axes: Axes, row: str, scores: Sequence[tuple[float, Sequence[float]]]) -> tuple[np.ndarray, np.ndarray]:
    """Draw one row, and return its labels and means."""
    x = np.array([labels for labels, _ in scores])
    mean = np.array([np.mean(values) for _, values in scores])
    sd = np.array([np.std(values, ddof=1) if len(values) > 1 else 0.0 for _, values in scores])
    style, marker = DASHES[row]
    axes.fill_between(x, mean - sd, mean + sd, color=COLOURS[row], alpha=0.16, linewidth=0)
    width = 2.4 if row == "trained" else 1.6
    axes.plot(x, mean, color=COLOURS[row], linestyle=style, marker=marker, markersize=4.5, linewidth=width)
    return x, mean


def _over(results: Sequence[Results], points: Mapping[LabelCount, Mapping[str, Sample]]) -> str:
    values = max(len(sample.finite) for rows in points.values() for sample in rows.values())
    seeds = len([result for result in results if result.labels.points])
    draws = f"{max(1, round(values / max(seeds, 1)))} draws of labels"
    return f"{draws} × {count(seeds, 'seed')}" if seeds > 1 else draws


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


def _name_ends(axes: Axes, ends: Mapping[str, tuple[float, float]]) -> None:
    """Names at the ends of the lines, moved apart until none covers another."""
    low, high = axes.get_ylim()
    order = sorted(ends, key=lambda row: ends[row][1])
    heights = _apart([ends[row][1] for row in order], 0.075 * (high - low))
    for row, height in zip(order, heights, strict=True):
        text = axes.annotate(SHORT[row], (ends[row][0], height), xytext=(9, 0), textcoords="offset points", va="center")
        text.set(color=darker(COLOURS[row]), weight="bold" if row == "trained" else "normal", annotation_clip=False)


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Ascending heights, at least `gap` apart, moved as little as needed from their common middle.

    >>> _apart([1.0, 1.0], 0.5), _apart([0.0, 1.0], 0.5)
    ([0.75, 1.25], [0.0, 1.0])
    """
    blocks: list[list[float]] = []
    for height in heights:
        blocks.append([height])
        while len(blocks) > 1 and _end(blocks[-1], -gap) - _end(blocks[-2], gap) < gap - 1e-12:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return [_end(block, -gap) + gap * at for block in blocks for at in range(len(block))]


def _end(block: Sequence[float], gap: float) -> float:
    """The last height of a block, or with -gap the first."""
    return sum(block) / len(block) + gap * (len(block) - 1) / 2
