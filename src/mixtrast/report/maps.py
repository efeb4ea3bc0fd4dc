"""Maps (t-SNE) of the test examples, from the trained encoder and from the raw input."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from mixtrast.records import DataRecord, Map
from mixtrast.report.pictures import CLASSES, FAINT, INK, QUIET, Picture, in_style, shortened, styled

_NAMED = 12  # of more classes than this the names are left out


@in_style
def maps(found: Map, data: DataRecord) -> list[Picture]:
    """The features of the encoder, and the raw input if its map is there."""
    made = [_one(found.trained, found.label, data, "map-trained", "features of the trained encoder")]
    if found.raw is not None:
        made.append(_one(found.raw, found.label, data, "map-raw", "raw input"))
    return made


def caption(found: Map, data: DataRecord, seed: str) -> str:
    """How to read the maps."""
    text = f"t-SNE of {len(found.trained):,} test examples{seed}. "
    text += "Neighbours are similar; sizes of clusters and distances between them mean nothing."
    if found.raw is None:
        text += " There is no map of the raw input."
    if found.label is None or data.task not in ("classes", "number"):
        text += " Without labels the examples have no colours."
    elif data.task == "classes" and _classes(found.label, data) > _NAMED:
        text += f" {_classes(found.label, data)} classes are too many to name; the colour is the index of the class."
    return text


def _classes(label: np.ndarray, data: DataRecord) -> int:
    known = label[np.isfinite(label) & (label >= 0)]
    return max(len(data.classes), int(known.max()) + 1 if len(known) else 0)


def _one(places: np.ndarray, label: np.ndarray | None, data: DataRecord, name: str, title: str) -> Picture:
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
    what = {"classes": ", coloured by class", "number": ", coloured by the label"}.get(data.task, "")
    return Picture(name, f"Map (t-SNE) of {len(places):,} test examples, {title}{what if known.any() else ''}.", "", figure)


def _dots(axes: Axes, places: np.ndarray, colour: object, size: float) -> None:
    if len(places):  # as pixels: thousands of circles would be a page of their own
        axes.scatter(places[:, 0], places[:, 1], s=size, c=colour, linewidths=0, alpha=0.8, rasterized=True)  # type: ignore[arg-type]


def _numbers(axes: Axes, places: np.ndarray, label: np.ndarray, size: float) -> None:
    low, high = np.percentile(label, [2, 98])
    x, y = places.T
    dots = axes.scatter(x, y, size, label, cmap="viridis", vmin=low, vmax=high, linewidths=0, alpha=0.85, rasterized=True)
    bar = axes.get_figure(root=True).colorbar(dots, ax=axes, shrink=0.8, aspect=30, pad=0.02)  # type: ignore[union-attr]
    bar.outline.set_visible(False)
    bar.set_label("label")


def _by_class(axes: Axes, places: np.ndarray, label: np.ndarray, data: DataRecord, size: float) -> None:
    classes = _classes(label.astype(float), data)
    if classes > _NAMED:
        return _dots(axes, places, matplotlib.colormaps["viridis"](label / max(classes - 1, 1)), size)
    _dots(axes, places, [CLASSES[number] for number in label], size)
    for number in np.unique(label):
        name = shortened(data.classes[number] if number < len(data.classes) else str(number), 16)
        x, y = np.median(places[label == number], axis=0)
        text = axes.text(x, y, name, ha="center", va="center", fontsize=10.5)
        text.set(weight="bold", color=INK, parse_math=False)
        box = {"boxstyle": "round,pad=0.18", "facecolor": "white", "edgecolor": CLASSES[number], "linewidth": 1.2}
        text.set_bbox({**box, "alpha": 0.88})
