"""Maps of the test features: t-SNE, trained beside raw."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from mixtrast.report.pictures import CLASSES, FAINT, INK, QUIET, Picture, in_style, styled
from mixtrast.report.records import Map
from mixtrast.report.results import Data

_NAMED = 12  # more classes than this are coloured, not named


@in_style
def maps(held: Map, data: Data) -> list[Picture]:
    """The encoder's features, and the raw input if its map is there."""
    made = [_one(held.trained, held.label, data, "map-trained", "encoder features, before the projector")]
    if held.raw is not None:
        made.append(_one(held.raw, held.label, data, "map-raw", "raw input"))
    return made


def caption(held: Map, data: Data, seed: str) -> str:
    """How to read the maps."""
    text = f"t-SNE of {len(held.trained):,} test examples{seed}. "
    text += "Neighbours mean something; sizes of and distances between clusters do not."
    if held.raw is None:
        text += " There is no map of the raw input beside it."
    if held.label is None or data.task not in ("classes", "number"):
        text += " Without labels there is nothing to colour by."
    elif data.task == "classes" and _classes(held.label, data) > _NAMED:
        text += f" {_classes(held.label, data)} classes are too many to name: the colour is the number of the class."
    return text


def _classes(label: np.ndarray, data: Data) -> int:
    known = label[np.isfinite(label) & (label >= 0)]
    return max(len(data.classes), int(known.max()) + 1 if len(known) else 0)


def _one(places: np.ndarray, label: np.ndarray | None, data: Data, name: str, title: str) -> Picture:
    figure, axes = styled(4.6)
    size = float(np.clip(4200 / max(len(places), 1), 3, 26))
    known = np.zeros(len(places), bool)
    if label is not None and data.task in ("classes", "number"):
        known = np.isfinite(label) & (label >= 0) if data.task == "classes" else np.isfinite(label)
    _dots(axes, places[~known], FAINT if known.any() else QUIET, size)
    if known.any() and label is not None:
        if data.task == "number":
            _numbers(axes, places[known], label[known], size)
        else:
            _by_class(axes, places[known], label[known].astype(int), data, size)
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", "datalim")
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    what = {"classes": ", coloured by class", "number": ", coloured by the number to predict"}.get(data.task, "")
    return Picture(name, f"Map (t-SNE) of {len(places):,} test examples, {title}{what if known.any() else ''}.", "", figure)


def _dots(axes: Axes, places: np.ndarray, colour: object, size: float) -> None:
    if len(places):  # as pixels: thousands of circles would be a page of their own
        axes.scatter(places[:, 0], places[:, 1], s=size, c=colour, linewidths=0, alpha=0.8, rasterized=True)  # type: ignore[arg-type]


def _numbers(axes: Axes, places: np.ndarray, label: np.ndarray, size: float) -> None:
    low, high = np.percentile(label, [2, 98])
    dots = axes.scatter(
        places[:, 0],
        places[:, 1],
        s=size,
        c=label,
        cmap="viridis",
        vmin=low,
        vmax=high,
        linewidths=0,
        alpha=0.85,
        rasterized=True,
    )
    bar = axes.get_figure(root=True).colorbar(dots, ax=axes, shrink=0.8, aspect=30, pad=0.02)  # type: ignore[union-attr]
    bar.outline.set_visible(False)
    bar.set_label("number to predict")


def _by_class(axes: Axes, places: np.ndarray, label: np.ndarray, data: Data, size: float) -> None:
    classes = _classes(label.astype(float), data)
    if classes > _NAMED:
        shades = matplotlib.colormaps["viridis"](label / max(classes - 1, 1))
        _dots(axes, places, shades, size)
        return
    _dots(axes, places, [CLASSES[number] for number in label], size)
    for number in np.unique(label):
        x, y = np.median(places[label == number], axis=0)
        axes.text(
            x,
            y,
            _short(data.classes[number] if number < len(data.classes) else str(number)),
            ha="center",
            va="center",
            fontsize=10.5,
            weight="bold",
            color=INK,
            parse_math=False,
            bbox={
                "boxstyle": "round,pad=0.18",
                "facecolor": "white",
                "edgecolor": CLASSES[number],
                "linewidth": 1.2,
                "alpha": 0.88,
            },
        )


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
