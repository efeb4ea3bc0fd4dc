"""Run folders become one page: a single file that opens anywhere and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mixtrast import whole
from mixtrast.report.groups import group
from mixtrast.report.records import read

if TYPE_CHECKING:
    import jinja2

# Verdicts that ask for nothing; the others are set off by their colour.
GOOD = ("learning", "worth it", "worth it with few labels")


def write(folders: Sequence[Path], out: Path, *, png: bool = False) -> Path:
    """Writes the report of these runs; runs that differ in nothing but the seed become one recipe.

    Args:
        folders: run folders.
        out: the page; it is there whole or not at all.
        png: also saves the pictures as PNG files, into figures/ of the first run of each recipe.

    Raises: ValueError with a sentence if a folder is not a run.
    """
    if not folders:
        raise ValueError("a report needs at least one run folder, got none.")
    text = render(folders, png=png)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    whole.write(out, text.encode())
    return out


def render(folders: Sequence[Path], *, png: bool = False) -> str:
    """The page as text."""
    from mixtrast.report.comparison import comparison, ranking
    from mixtrast.report.pictures import COLOURS
    from mixtrast.report.sections import section, subtitle

    groups = group(read(Path(folder)) for folder in folders)
    sections = [section(each, f"recipe-{at}", png) for at, each in enumerate(groups, 1)]
    names = list(dict.fromkeys(each.data.name for each in sections))
    title = f"{sections[0].name} on {names[0]}" if len(sections) == 1 else f"{len(sections)} recipes on {', '.join(names)}"
    several = len(sections) > 1
    return (
        house()
        .get_template("page.html")
        .render(
            title=title,
            sections=sections,
            ranking=ranking(groups) if several else "",
            compared=comparison(groups, [each.key for each in sections]) if several else None,
            subtitle=subtitle,
            good=GOOD,
            colours=COLOURS,
        )
    )


def house() -> jinja2.Environment:
    """Where the templates live, and how they are filled."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["glued"] = _glued
    return made


def _glued(text: str) -> str:
    """A number stays on one line with its spread and its unit."""
    return text.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")
