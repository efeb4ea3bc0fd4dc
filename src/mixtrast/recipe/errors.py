"""Errors of a recipe: every mistake is named, not only the first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class RecipeError(ValueError):
    """Everything that is wrong with a recipe, one problem a line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        count = "" if len(self.problems) == 1 else f"{len(self.problems)} problems:\n"
        super().__init__(count + "\n".join(f"- {p}" if count else p for p in self.problems))


def collected(checks: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return what every check returns, by its name. Raises: RecipeError with the problems of all checks that fail."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for name, check in checks.items():
        try:
            found[name] = check()
        except RecipeError as error:
            problems += error.problems
        except (ValueError, TypeError) as error:
            problems.append(str(error))
    if problems:
        raise RecipeError(problems)
    return found
