"""The report of runs: one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mixtrast import atomic
from mixtrast.records import GOOD_VERDICTS, read_run
from mixtrast.report.data_section import class_counts, data_pairs
from mixtrast.report.groups import group
from mixtrast.report.settings import settings_of, versions_of
from mixtrast.report.training_section import costs, diagnosis, learning

if TYPE_CHECKING:
    import jinja2


def write(folders: Sequence[Path], out: Path, *, png: bool = False) -> Path:
    """Write the report of these run folders, atomically; runs that differ only in the seed are one recipe.

    `png` also saves the pictures as PNG files, in figures/ of the first run of each recipe.

    Raises: ValueError where a folder is not a run.
    """
    if not folders:
        raise ValueError("a report needs at least one run folder, got none.")
    text, out = render(folders, png=png), Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(out, text.encode())
    return out


def render(folders: Sequence[Path], *, png: bool = False) -> str:
    """The page as text."""
    from mixtrast.report.pictures import COLOURS
    from mixtrast.report.sections import Section
    from mixtrast.report.side_by_side import best_recipe, side_by_side

    groups = group(read_run(Path(folder)) for folder in folders)
    sections = [Section(each, f"recipe-{at}", png) for at, each in enumerate(groups, 1)]
    names = list(dict.fromkeys(each.data.name for each in sections))
    title = f"{sections[0].name} on {names[0]}" if len(sections) == 1 else f"{len(sections)} recipes on {', '.join(names)}"
    best = best_recipe(groups) if len(sections) > 1 else ""
    compared = side_by_side(groups, [each.key for each in sections]) if len(sections) > 1 else None
    page = templates().get_template("page.html")
    return page.render(title=title, sections=sections, best=best, compared=compared, good=GOOD_VERDICTS, colours=COLOURS)


def templates() -> jinja2.Environment:
    """The templates of this folder."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    strict = jinja2.StrictUndefined
    made = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=strict)
    made.filters["unbroken"] = _unbroken
    for function in (diagnosis, learning, costs, data_pairs, class_counts, settings_of, versions_of):
        made.globals[function.__name__] = function
    return made


def _unbroken(text: str) -> str:
    """Keep a number on one line with its deviation and its unit."""
    return text.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")
