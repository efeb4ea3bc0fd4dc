"""The tables of the README, from the rooms themselves: python docs/tables.py writes them between their marks.

With --check nothing is written, and the exit code says whether the README is as the rooms are.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixtrast import encoders, evaluation, methods, mixers, registry, spec, views

KINDS = {
    "tables": spec.Table(8),
    "series": spec.Series(1, 8),
    "images": spec.Image(1, 8, 8),
    "sequences": spec.Tokens(8, 8),
}
README = Path(__file__).parents[1] / "README.md"


def tables() -> dict[str, str]:
    """Mark -> the lines that belong between <!-- mark --> and <!-- end -->."""
    found = {}
    lines = ["| method | what it does | labels | mixes |", "|---|---|---|---|"]
    for name in methods.names():
        kind = registry.find(methods, name)
        labels = "needed" if kind.labelled_only else "used, may be missing in part" if kind.uses_labels else "not used"
        default = kind.default_mixer.name if kind.default_mixer else "if asked"
        mixing = default if "mixer" in inspect.signature(kind).parameters else "no"
        lines.append(f"| `{name}` | {registry.summary(kind)} | {labels} | {mixing} |")
    found["methods"] = "\n".join(lines)
    for mark, room in (("mixers", mixers), ("views", views), ("encoders", encoders)):
        lines = [f"| {mark.rstrip('s')} | what it does |", "|---|---|"]
        lines += [f"| `{name}` | {registry.summary(registry.find(room, name))} |" for name in room.names()]
        lines += [
            f"| `{size}` | `{file}` with {_options(preset)} |" for size, (file, preset) in sorted(registry.sizes(room).items())
        ]
        found[mark] = "\n".join(lines)
    lines = ["| evaluation | what it does | computed for |", "|---|---|---|"]
    for name in evaluation.names():
        kind = registry.find(evaluation, name)
        rows = ", ".join(kind.rows) or "every row"
        kinds = [kind_of for kind_of, example in KINDS.items() if kind.applies_to(example, "classes")]
        data = "" if len(kinds) == len(KINDS) else f", of {' and '.join(kinds)}" if kinds else ", where named"
        lines.append(f"| `{name}` | {registry.summary(kind)} | {rows}{data} |")
    found["evaluations"] = "\n".join(lines)
    return found


def _options(preset: Mapping[str, Any]) -> str:
    numbers = {key: ", ".join(map(str, value)) if isinstance(value, tuple) else value for key, value in preset.items()}
    return "; ".join(f"{key} {value}" for key, value in numbers.items())


def filled(text: str) -> str:
    """The text with its tables made anew."""
    for mark, table in tables().items():
        before, opening, rest = text.partition(f"<!-- {mark} -->\n")
        _, closing, after = rest.partition("<!-- end -->")
        text = "".join((before, opening, table, "\n", closing, after))
    return text


def main() -> int:
    text = README.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        return int(filled(text) != text)
    README.write_text(filled(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
