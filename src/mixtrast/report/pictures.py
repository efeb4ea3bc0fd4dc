"""The pictures of a report: figures without a window or global state, as inline SVG for a page or PNG for a file.

A function that has nothing to draw returns the sentence that stands in the picture's place.
"""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

P = ParamSpec("P")
Drawn = TypeVar("Drawn")

# One colour and one dash for a row, everywhere; readable without telling red from green, and in grey by the dashes.
COLOURS = {"trained": "#0b5cad", "untrained": "#7f9bbd", "raw": "#8a8a8a", "supervised": "#d9730d", "majority": "#c8c8c8"}
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


def _element(tag: str, names: set[str]) -> str:
    """A tag with the fonts of the page, and its id only if something refers to it."""
    tag = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", tag)
    return re.sub(r' id="([^"]*)"', lambda at: at[0] if at[1] in names else "", tag)


@dataclass(frozen=True)
class Picture:
    """A figure, what it shows in words, and the name of its file."""

    name: str
    alt: str
    caption: str
    figure: Figure

    def svg(self, key: str = "") -> str:
        """An inline element: no header, no ids but those it refers to, nothing that names another place.

        Args:
            key: of the place on the page; ids of one key and name are theirs alone.
        """
        with matplotlib.rc_context(STYLE | {"svg.hashsalt": key + self.name}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # the reader's font may have it
            buffer = io.StringIO()
            self.figure.savefig(buffer, format="svg", dpi=170, transparent=True, metadata={"Date": None})
        text = buffer.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
        names = {name for pair in re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text) for name in pair}
        text = re.sub(r"<[^>]*>", lambda at: _element(at[0], names), text)
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
