"""Pictures of a report, without a window or global state: inline SVG for a page, PNG for a file.

A function that has nothing to draw returns the sentence that replaces the picture.
"""

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

# One colour and one dash for each row on all pictures; also readable in grey, and without telling red from green.
COLOURS = {"trained": "#0b5cad", "untrained": "#7f9bbd", "raw": "#8a8a8a", "supervised": "#d9730d", "majority": "#c8c8c8"}
# Twelve classes, as distinct as possible for any colour vision (Okabe and Ito's colours, then darker and lighter ones).
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
        """An inline element without a header, and without ids but those it refers to, which are unique to `key` and name."""
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


def shortened(name: str, most: int) -> str:
    """A name that fits beside an axis."""
    return name if len(name) <= most else name[: most - 1] + "…"


def darker(colour: str) -> str:
    """The same hue, dark enough to be read as text on white."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"#{int(red * 0.72):02x}{int(green * 0.72):02x}{int(blue * 0.72):02x}"


def styled(height: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes; the function that calls this is decorated by `in_style`."""
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def in_style(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Use the page's settings of Matplotlib while a figure is made; afterwards they are as before."""

    @functools.wraps(draw)
    def styled_draw(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled_draw
