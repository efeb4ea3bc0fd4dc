"""The tables of the README, from the rooms themselves: python docs/tables.py writes them between their marks.

With --check nothing is written, and the exit code says whether the README is as the rooms are.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixtrast import encoders, evaluate, methods, mixers, registry, spec, views

SUITED = {"boosting": ", of tables", "convolutions": ", of series"}
README = Path(__file__).parents[1] / "README.md"


def tables() -> dict[str, str]:
    """Mark -> the lines that belong between <!-- mark --> and <!-- end -->."""
    found = {}
    lines = ["| method | what it does | labels | mixes |", "|---|---|---|---|"]
    for name in methods.names():
        kind = registry.find(methods, name)
        labels = "needed" if kind.labelled_only else "used, may be missing in part" if kind.uses_labels else "not looked at"
        mixing = (kind.mixing or {"name": "if asked"})["name"] if "mixer" in inspect.signature(kind).parameters else "no"
        lines.append(f"| `{name}` | {registry.summary(kind)} | {labels} | {mixing} |")
    found["methods"] = "\n".join(lines)
    for mark, room in (("mixers", mixers), ("views", views), ("encoders", encoders)):
        lines = [f"| {mark.rstrip('s')} | what it does |", "|---|---|"]
        lines += [f"| `{name}` | {registry.summary(registry.find(room, name))} |" for name in room.names()]
        lines += [
            f"| `{size}` | `{file}` with {_options(preset)} |" for size, (file, preset) in sorted(registry.sizes(room).items())
        ]
        found[mark] = "\n".join(lines)
    lines = ["| evaluation | what it does | asked of |", "|---|---|---|"]
    for name in evaluate.names():
        kind = registry.find(evaluate, name)
        rows = " and ".join(getattr(kind, "rows", ())) or "every row"
        suited = "" if getattr(kind, "suits", lambda _: True)(spec.Image(1, 8, 8)) else SUITED.get(name, ", where named")
        lines.append(f"| `{name}` | {registry.summary(kind)} | {rows}{suited} |")
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
