"""Names and sizes of the source: standard words, short functions, typed records. Nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import mixtrast

PACKAGE = Path(mixtrast.__file__).parent
NOT_NAMES = {
    "material", "beside", "granted", "given", "watched", "standings", "races", "kept", "whole", "shown", "told", "facts",
    "like", "usual", "looker", "doing", "going",
}  # fmt: skip
GIVEN = ("algebra", "mixers")  # a draw may be given to a mixer instead of drawn
LONGEST_FUNCTION, LONG_FUNCTIONS = 40, 8  # lines without the docstring, and how many may be longer
LONGEST_FILE = 400
OPEN = re.compile(r"\b(?:dict|Mapping|MutableMapping)\[str, (?:Any|object)\]")
OPEN_DICTIONARIES = 80

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> Iterator[tuple[Path, str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(PACKAGE), text, ast.parse(text)


def names_in(path: Path, tree: ast.Module) -> Iterator[str]:
    """The module and its folder, and every class, function and argument."""
    yield path.stem
    yield from path.parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        if isinstance(node, Function | ast.Lambda):
            every = node.args
            arguments = [*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg]
            yield from (argument.arg for argument in arguments if argument is not None)


def length(function: Function) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = first.end_lineno - first.lineno + 1 if is_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_names_are_standard_words():
    wrong = []
    for path, _, tree in sources():
        for name in names_in(path, tree):
            word = name.strip("_").lower()
            if word in NOT_NAMES and not (word == "given" and path.parts[0] in GIVEN):
                wrong.append(f"{path}: {name}")
    assert wrong == []


def test_functions_and_files_are_short():
    functions = [
        f"{path}: {node.name} has {length(node)} lines"
        for path, _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, Function) and length(node) > LONGEST_FUNCTION
    ]
    assert len(functions) <= LONG_FUNCTIONS, functions
    lines = {str(path): text.count("\n") for path, text, _ in sources()}
    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_records_are_typed():
    found = [f"{path}: {match}" for path, text, _ in sources() for match in OPEN.findall(text)]
    assert len(found) < OPEN_DICTIONARIES, found


def test_packages_only_re_export():
    """An `__init__.py` holds imports, and at most assignments of what it exports."""
    allowed = ast.Import | ast.ImportFrom | ast.Assign | ast.Expr | ast.If
    wrong = [
        f"{path}: {type(node).__name__}"
        for path, _, tree in sources()
        if path.name == "__init__.py" and len(path.parts) > 1
        for node in tree.body
        if not isinstance(node, allowed)
    ]
    assert wrong == []
