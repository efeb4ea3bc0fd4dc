"""Folders of images: which files of which class, and what else is there."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mixtrast.data.pixels import ENDINGS
from mixtrast.text import count, listed

# Names of folders that hold a part of the split, in any capitals.
PARTS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test",
}  # fmt: skip
IGNORED = ("__macosx", "thumbs.db", "desktop.ini")  # files of file managers; names that begin with a dot are ignored too


@dataclass(eq=False)
class Listing:
    """The images below a folder.

    Args:
        classes: files by class; names and files are sorted.
        loose: files next to the class folders, or all files where there are no class folders.
        others: endings of files that are not images, with their numbers.
        deeper: how many images are in folders of a class folder.
        empty: class folders without an image.
    """

    root: Path
    classes: dict[str, list[str]] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    deeper: int = 0
    empty: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.loose) + sum(map(len, self.classes.values()))

    def notes(self) -> list[str]:
        """Return notes on everything but the images of the classes."""
        found = []
        if self.deeper:
            found.append(f"{count(self.deeper, 'image')} in deeper folders: they belong to the class folder above.")
        if self.loose and self.classes:
            lie, has = ("lies", "has") if len(self.loose) == 1 else ("lie", "have")
            found.append(f"{count(len(self.loose), 'image')} {lie} next to the class folders and {has} no label.")
        if self.empty:
            found.append(f"no image in: {listed(self.empty)}.")
        if self.others:
            endings = listed([f"{many:,} {ending}" for ending, many in self.others.most_common()])
            found.append(f"not read, as they are not images: {endings}.")
        return found


class _Entries(NamedTuple):
    """What is in a folder: folders and images, sorted by name, and the endings of other files."""

    folders: list[str]
    images: list[str]
    others: Counter[str]


def scan(root: Path) -> Listing:
    """Return the images below a folder: each folder in it is a class, with all images below that."""
    top = _entries(root)
    listing = Listing(root, loose=top.images, others=top.others)
    for folder in top.folders:
        name, images, deeper = os.path.basename(folder), list[str](), 0
        for depth, found in _below(folder, root):
            images += found.images
            deeper += len(found.images) if depth else 0
            listing.others.update(found.others)
        if images:
            listing.classes[name] = images
        else:
            listing.empty.append(name)
        listing.deeper += deeper
    return listing


def find_parts(root: Path, test: object = None) -> tuple[dict[str, Path], list[str]]:
    """Return the folders of "train", "val" and "test" in `root`, else {"train": root}, with notes on other folders.

    They are parts where there is `train` and another of them, or `train` alone: a class may be called train, but not next to a
    class called test.

    Args:
        test: a test set elsewhere, if there is one.

    Raises: ValueError where there are two folders for one part.
    """
    folders, images, _ = _entries(root)
    found: dict[str, list[Path]] = {}
    others = []
    for path in map(Path, folders):
        part = PARTS.get(path.name.lower())
        if part is None:
            others.append(path.name)
        else:
            found.setdefault(part, []).append(path)
    if images or "train" not in found or (len(found) == 1 and len(folders) > 1):
        return {"train": root}, []
    for part, paths in found.items():
        if len(paths) > 1:
            raise ValueError(f"{root} has two folders for {part}, {paths[0].name} and {paths[1].name}. Leave one out.")
    if test is not None and "test" in found:
        raise ValueError(f"{root} has its own test set, {found['test'][0]}. Leave `test` out.")
    notes = [f"not read, as they are neither training nor test set: {listed(others)}."] if others else []
    return {part: found[part][0] for part in ("train", "val", "test") if part in found}, notes


def unwrapped(root: Path, known: tuple[str, ...] = ()) -> Path:
    """Return the folder in `root` that has content: an archive often unpacks to one folder in another.

    Args:
        known: classes; a folder with such a name is a class, even alone.
    """
    while True:
        folders, images, _ = _entries(root)
        name = os.path.basename(folders[0]) if len(folders) == 1 else ""
        if images or not name or name in known or name.lower() in PARTS or os.path.islink(folders[0]):
            return root
        root = Path(folders[0])


def name_part(path: Path, position: str, option: str) -> str:
    """Return a part of the name of a file, between _ and -.

    Args:
        position: "first", "last", or the number of the part, 1 and up.

    Raises: ValueError where there is no such part.
    """
    words = [word for word in re.split(r"[_-]+", path.stem) if word]
    at = {"first": 0, "last": len(words) - 1}.get(position, int(position) - 1 if position.isdigit() else -1)
    if not 0 <= at < len(words):
        raise ValueError(
            f"{path.name} has no part {position!r} for `{option}`: its name has {count(len(words), 'part')} between _ and -. "
            "Use `first`, `last` or a number, or put each class into a folder of its own."
        )
    return words[at]


def _below(folder: str, root: Path) -> Iterator[tuple[int, _Entries]]:
    """Yield depth and content of a folder and of all folders below it. No folder is visited twice by links."""
    visited, stack = {os.path.realpath(root)}, [(0, folder)]
    while stack:
        depth, path = stack.pop()
        real = os.path.realpath(path)
        if real not in visited:
            visited.add(real)
            found = _entries(Path(path))
            yield depth, found
            stack += [(depth + 1, each) for each in reversed(found.folders)]


def _entries(folder: Path) -> _Entries:
    """Return what is in a folder."""
    found = _Entries([], [], Counter())
    with os.scandir(folder) as entries:
        for entry in entries:  # knows folders from files without a call for each
            if entry.name.startswith(".") or entry.name.lower() in IGNORED:
                continue
            if entry.is_dir():
                found.folders.append(entry.path)
            elif entry.name.lower().endswith(ENDINGS):
                found.images.append(entry.path)
            else:
                found.others[os.path.splitext(entry.name)[1].lower() or "without an ending"] += 1
    return _Entries(sorted(found.folders), sorted(found.images), found.others)
