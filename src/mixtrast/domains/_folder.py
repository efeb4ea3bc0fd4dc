"""A folder of images as it lies on disk: which files, of which class, and what else is there."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mixtrast.domains._pixels import ENDINGS
from mixtrast.domains._words import count, listed

# As data sets are usually laid out; a folder is one of them in any capitals.
PARTS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test",
}  # fmt: skip
NEVER = ("__macosx", "thumbs.db", "desktop.ini")  # left by file managers, as are names that begin with a dot


@dataclass(eq=False)
class Listing:
    """The images below a folder."""

    root: Path
    classes: dict[str, list[str]] = field(default_factory=dict)  # name -> files, both sorted
    loose: list[str] = field(default_factory=list)  # files beside the class folders, or all where there are none
    others: Counter[str] = field(default_factory=Counter)  # endings of files that are no images
    deeper: int = 0  # images below a class folder's own folders
    empty: list[str] = field(default_factory=list)  # class folders without an image

    def __len__(self) -> int:
        return len(self.loose) + sum(map(len, self.classes.values()))

    def notes(self) -> list[str]:
        """What was found beside the images of the classes."""
        found = []
        if self.deeper:
            found.append(f"{count(self.deeper, 'image')} in deeper folders: they belong to the class folder above.")
        if self.loose and self.classes:
            lie = "lies" if len(self.loose) == 1 else "lie"
            has = "has" if len(self.loose) == 1 else "have"
            found.append(f"{count(len(self.loose), 'image')} {lie} beside the class folders and {has} no label.")
        if self.empty:
            found.append(f"no image in: {listed(self.empty)}.")
        if self.others:
            endings = listed([f"{many:,} {ending}" for ending, many in self.others.most_common()])
            found.append(f"not read, as they are no images: {endings}.")
        return found


def scan(root: Path) -> Listing:
    """Each folder in `root` is a class, with all that lies below it."""
    listing = Listing(root)
    folders, listing.loose = _entries(root, listing.others)
    for folder in folders:
        images = _below(folder, listing, {os.path.realpath(root)})
        if images:
            listing.classes[os.path.basename(folder)] = images
        else:
            listing.empty.append(os.path.basename(folder))
    return listing


def sets(root: Path, test: object = None) -> tuple[dict[str, Path], list[str]]:
    """{"train": folder, "val": ..., "test": ...} where the folders in `root` are those, else {"train": root}; and what to say
    of folders beside them.

    `train` beside another of them, or alone: a class may be called train, but not beside a class called test.

    Args:
        test: another test set, where one was given.

    Raises: ValueError where there are two for one part.
    """
    folders, images = _entries(root, Counter())
    found: dict[str, list[Path]] = {}
    left = []
    for path in map(Path, folders):
        part = PARTS.get(path.name.lower())
        if part is None:
            left.append(path.name)
        else:
            found.setdefault(part, []).append(path)
    if images or "train" not in found or (len(found) == 1 and len(folders) > 1):
        return {"train": root}, []
    for part, paths in found.items():
        if len(paths) > 1:
            raise ValueError(f"{root} has two folders to {part}, {paths[0].name} and {paths[1].name}. Leave one out.")
    if test is not None and "test" in found:
        raise ValueError(f"{root} has a test set in it, {found['test'][0]}, and another was given. Leave `test` out.")
    notes = [f"not read, as it is neither to train nor to test: {listed(left)}."] if left else []
    return {part: found[part][0] for part in ("train", "val", "test") if part in found}, notes


def unwrapped(root: Path, known: tuple[str, ...] = ()) -> Path:
    """The folder that has something in it: an archive often unpacks to one folder in another.

    Args:
        known: classes; a folder called so is a class, even alone.
    """
    while True:
        folders, images = _entries(root, Counter())
        name = os.path.basename(folders[0]) if len(folders) == 1 else ""
        if images or not name or name in known or name.lower() in PARTS or os.path.islink(folders[0]):
            return root
        root = Path(folders[0])


def name_part(path: Path, asked: str, option: str) -> str:
    """A part of a file's name, between _ and -: "first", "last", or its number, 1 and up. Raises: ValueError."""
    words = [word for word in re.split(r"[_-]+", path.stem) if word]
    at = {"first": 0, "last": len(words) - 1}.get(asked, int(asked) - 1 if asked.isdigit() else -1)
    if not 0 <= at < len(words):
        raise ValueError(
            f"{path.name} has no part {asked!r} for `{option}`: its name has {count(len(words), 'part')} between _ and -. Use "
            "`first`, `last` or a number, or put each class into a folder of its own."
        )
    return words[at]


def _below(folder: str, listing: Listing, seen: set[str], depth: int = 0) -> list[str]:
    """Images in a class folder and its own folders; a link back to where one came from is not followed again."""
    real = os.path.realpath(folder)
    if real in seen:
        return []
    seen.add(real)
    folders, images = _entries(Path(folder), listing.others)
    listing.deeper += len(images) if depth else 0
    for each in folders:
        images += _below(each, listing, seen, depth + 1)
    return images


def _entries(folder: Path, others: Counter[str]) -> tuple[list[str], list[str]]:
    """Folders and images in a folder, sorted by name; other files are counted by their ending."""
    folders, images = [], []
    with os.scandir(folder) as entries:
        for entry in entries:  # tells folders from files without a look at each
            if entry.name.startswith(".") or entry.name.lower() in NEVER:
                continue
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.name.lower().endswith(ENDINGS):
                images.append(entry.path)
            else:
                others[os.path.splitext(entry.name)[1].lower() or "without an ending"] += 1
    return sorted(folders), sorted(images)
