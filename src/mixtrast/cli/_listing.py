"""What `list` prints: names from the registries, a line for each with its summary, or one with its options."""

import inspect
from typing import Any

from rich.console import Console
from rich.table import Table

from mixtrast import datasets, encoders, evaluation, methods, mixers, readers, registry, views
from mixtrast.cli._tables import options_text, table_of
from mixtrast.recipe import Options, Training, named
from mixtrast.text import size_of

PACKAGES = {
    "methods": methods, "mixers": mixers, "views": views, "encoders": encoders, "readers": readers, "evaluations": evaluation
}  # fmt: skip
_FLAGS = {"methods": "method", "mixers": "mixer", "encoders": "encoder", "readers": "data", "datasets": "data"}


def print_list(what: str | None, name: str | None) -> None:
    """Print all names; those of one kind with a line for each; or one of them with its options."""
    console = Console(highlight=False)
    if what is None:
        _print_names(console)
    elif what == "training":
        _print_options(console, "training", Training, {})
    elif what == "recipes":
        _print_recipes(console, name)
    elif name is not None:
        kind, preset = _resolve(what, name)
        if preset:
            console.print(f"[bold]{name}[/bold] is {kind.__name__} with {options_text(preset)}")
        section = {"views": f"views.{name}", "evaluations": f"evaluation.{name}"}.get(what) or _FLAGS[what]
        _print_options(console, section, kind, preset)
    elif what == "datasets":
        _print_datasets(console)
    else:
        _print_package(console, what)


def names(what: str) -> list[str]:
    """The names of one kind, named sizes last."""
    if what == "datasets":
        return [name for name in datasets.names() if name not in registry.names(readers)]
    return [*registry.names(PACKAGES[what]), *registry.sizes(PACKAGES[what])]


def _resolve(what: str, name: str) -> tuple[type[Any], Options]:
    return (datasets.find(name), {}) if what == "datasets" else registry.resolve(PACKAGES[what], name)


def _print_names(console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for what in (*PACKAGES, "datasets"):
        table.add_row(what, ", ".join(names(what)))
    table.add_row("recipes", ", ".join(named.names()))
    table.add_row("training", "options of the training, as in --training.steps 500")
    console.print(table)
    console.print("\nA line for each: mixtrast list methods")


def _print_package(console: Console, what: str) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    sizes = registry.sizes(PACKAGES[what])
    for name in names(what):
        size = sizes.get(name)
        text = f"{size[0]} with {options_text(size[1])}" if size else registry.summary(registry.find(PACKAGES[what], name))
        table.add_row(name, text)
    console.print(table)
    console.print(f"\nOne of them with its options: mixtrast list {what} {names(what)[0]}")


def _print_datasets(console: Console) -> None:
    """Which are installed, which are downloaded when they are named, which have to be put there, and how large they are."""
    table = table_of(("name", "where", "size", "what"), right=("size",), narrow=("name",))
    for name in names("datasets"):
        kind = datasets.find(name)
        info = getattr(kind, "info", None)
        where, size = ("installed", "") if info is None else ("not here", size_of(info.size) if info.size else "?")
        if info is not None and (path := info.locate()):
            where = str(path.parent)
        elif info is not None and info.downloads:
            where = "downloaded on demand"
        table.add_row(name, where, size, registry.summary(kind))
    console.print(table)
    folders = " and ".join(map(str, datasets.data_folders(None)))
    console.print(f"\nFolders: {folders}; MIXTRAST_DATA names another.", soft_wrap=True)
    text = "Files, addresses and licence of one: mixtrast train NAME. Its options: mixtrast list datasets NAME"
    console.print(text, soft_wrap=True)


def _print_recipes(console: Console, name: str | None) -> None:
    """All with their first line, or one as it stands in its file."""
    if name is not None:
        console.print(named.find(name).read_text(encoding="utf-8"), markup=False, soft_wrap=True)
        console.print(f"Use it: mixtrast train --recipe {name} DATA", markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in named.names():
        table.add_row(each, named.header(each)[0])
    console.print(table)
    console.print(f"\nOne of them in full: mixtrast list recipes {named.names()[0]}")


def _print_options(console: Console, section: str, kind: type[Any], preset: Options) -> None:
    console.print(inspect.cleandoc(kind.__doc__ or ""), markup=False, soft_wrap=True)
    for option, parameter in registry.options(kind).items():
        default = preset.get(option, parameter.default)
        text = f"  --{section}.{option}  {registry.type_text(kind, option)}  (default {default!r})"
        console.print(text, markup=False, soft_wrap=True)
