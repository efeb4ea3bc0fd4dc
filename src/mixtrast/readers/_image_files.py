"""Files of image folders as rows: their classes, their part of the split, and the dataset they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mixtrast.data import Dataset, Files, Schema
from mixtrast.data.cells import natural_order
from mixtrast.data.pixels import ENDINGS
from mixtrast.readers._folder import Listing, find_parts, scan, unwrapped
from mixtrast.readers._reader import Reader
from mixtrast.readers._source import is_path
from mixtrast.registry import Options
from mixtrast.spec import Image
from mixtrast.text import count, listed, nearest


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Files in the order of rows: training, then validation, then test.

    Args:
        label: (N,) int64, -1 where a file is in no class; None where there are no classes.
        part: of each file: "train", "val" or "test".
        groups: names of what stays together; None: all files are independent.
    """

    paths: list[str]
    label: Tensor | None
    part: list[str]
    classes: tuple[str, ...] = ()
    groups: list[str] | None = None

    def rows_of(self, part: str) -> Tensor | None:
        """Return (N,) bool, the rows of a part, or None where it is empty."""
        return torch.tensor([one == part for one in self.part]) if part in self.part else None

    def only(self, rows: Sequence[int]) -> ImageFiles:
        """Return the files of these rows."""
        return replace(
            self,
            paths=[self.paths[row] for row in rows],
            label=None if self.label is None else self.label[list(rows)],
            part=[self.part[row] for row in rows],
            groups=None if self.groups is None else [self.groups[row] for row in rows],
        )

    def dataset(
        self,
        reader: Reader,
        name: str,
        x: Tensor | Files,
        *,
        views: Mapping[str, Options],
        schema: Schema | None,
        intensities: bool = False,
        notes: Sequence[str],
    ) -> Dataset:
        """Return the dataset of these files, whose pixels are x. Raises: ValueError where it does not fit the schema."""
        spec = Image(*x.shape[1:])
        if schema is not None:
            schema.check(spec)
        own = replace(reader.schema_of(spec), intensities=intensities)
        if self.label is not None:
            own = replace(own, task="classes", classes=self.classes)
        elif schema is not None:  # the next folder may have classes again
            own = replace(own, task=schema.task, classes=schema.classes)
        groups = None
        if self.groups is not None:
            number = {group: at for at, group in enumerate(sorted(set(self.groups)))}
            groups = torch.tensor([number[group] for group in self.groups])
        return Dataset(
            name=name,
            reader=reader.name,
            spec=spec,
            x=x,
            label=self.label,
            task="none" if self.label is None else "classes",
            classes=() if self.label is None else self.classes,
            groups=groups,
            test_rows=self.rows_of("test"),
            validation_rows=self.rows_of("val"),
            scaling="channel",
            views=views,
            schema=own,
            notes=tuple(notes),
        )

    def notes(self, root: object, shape: str) -> list[str]:
        """Return "pets: 7,390 images, colour, 64 × 64." and "37 classes of 184 to 200 images, by subfolder: ..."."""
        sets = Counter(self.part)
        named = {"train": "to train", "val": "to validate", "test": "to test"}
        parts = f" ({', '.join(f'{many:,} {named[name]}' for name, many in sets.items())})" if len(sets) > 1 else ""
        notes = [f"{root}: {count(len(self.paths), 'image')}{parts}, {shape}."]
        if self.label is not None:
            training = self.label[torch.tensor([one == "train" for one in self.part])]
            sizes = torch.bincount(training[training >= 0], minlength=len(self.classes))
            low, high = int(sizes.min()), int(sizes.max())
            each = f"{count(low, 'image')} each" if low == high else f"{low:,} to {high:,} images"
            notes.append(f"{count(len(self.classes), 'class')} of {each}, by subfolder: {listed(self.classes)}.")
        return notes


def folder_files(source: Any, test: Any, schema: Schema | None) -> tuple[Path, ImageFiles, list[str]]:
    """Return the root of a folder of images, its files and those of a test folder, and notes.

    Raises: ValueError or FileNotFoundError where there are no images, or where classes do not fit.
    """
    root = unwrapped(_folder(source), () if schema is None else schema.classes)
    folders, found = find_parts(root, test)
    listings = {name: scan(folder) for name, folder in folders.items()}
    if test is not None:
        listings["test"] = scan(unwrapped(_folder(test), tuple(listings["train"].classes)))
    for listing in listings.values():
        if not len(listing):
            raise ValueError(_without_images(listing))
    files, notes = _files_of(listings, schema)
    return root, files, [*found, *notes]


def _files_of(listings: Mapping[str, Listing], schema: Schema | None) -> tuple[ImageFiles, list[str]]:
    """Return the files of all parts with their classes, and notes.

    The classes are those of the earlier data, else those of training.

    Raises: ValueError where parts have other classes.
    """
    known = schema is not None and schema.task == "classes"
    classes = tuple(sorted(listings["train"].classes, key=natural_order)) if schema is None or not known else schema.classes
    here = {name: set(listing.classes) for name, listing in listings.items()}
    notes: list[str] = []
    if known and not set(classes) & set().union(*here.values()):
        if any(here.values()):
            notes.append(f"no subfolder has the name of a class, {listed(classes)}: read without labels.")
        classes = ()
    if classes or not known:
        _check_classes(listings, classes, "the earlier data" if known else str(listings["train"].root))
    number = {name: code for code, name in enumerate(classes)}
    paths: list[str] = []
    label: list[int] = []
    part: list[str] = []
    for name, listing in listings.items():
        for kind in sorted(listing.classes, key=natural_order):
            paths += listing.classes[kind]
            label += [number.get(kind, -1)] * len(listing.classes[kind])
        paths += listing.loose
        label += [-1] * len(listing.loose)
        part += [name] * len(listing)
        prefix = f"{listing.root.name}: " if len(listings) > 1 else ""
        notes += [prefix + note for note in listing.notes()]
    absent = {name: [kind for kind in classes if kind not in here[name]] for name in listings if name != "train"}
    notes += [f"{listings[name].root.name} has no example of: {listed(kinds)}." for name, kinds in absent.items() if kinds]
    return ImageFiles(paths, torch.tensor(label) if classes else None, part, classes), notes


def _check_classes(listings: Mapping[str, Listing], classes: Sequence[str], owner: str) -> None:
    """Raise ValueError where a part has other classes, or none."""
    for listing in listings.values():
        unknown = sorted(set(listing.classes) - set(classes), key=natural_order)
        if unknown:
            raise ValueError(
                f"{listing.root} has the folders {listed([repr(kind) for kind in unknown])}, but the classes of {owner} are: "
                f"{listed(classes) or 'none'}.{nearest(unknown[0], classes)} Rename or move those folders."
            )
        train = listings["train"]
        if not listing.classes and classes and listing is not train:
            raise ValueError(
                f"{listing.root} has no class folders, {train.root} has. Sort its images into such folders, or give "
                f"{train.root} alone."
            )


def photo_views(channels: int) -> Mapping[str, Options]:
    """Return the views of SimCLR for small photographs, as in i-Mix and SupContrast: no blur, no colours for grey ones."""
    views: dict[str, Options] = {"crop": {"scale": (0.2, 1.0)}, "flip": {}}
    return views | ({"color": {}, "gray": {}} if channels == 3 else {})


def _folder(source: Any) -> Path:
    """Return the path of a folder. Raises: ValueError or FileNotFoundError where it is none."""
    path = Path(str(source)).expanduser()
    if not is_path(source):
        raise ValueError(f"a folder of images must be given by its path, got {type(source).__name__}.")
    if path.is_dir():
        return path.resolve() if path.name in ("", "..") else path
    if path.exists():
        raise ValueError(f"{path} is one file. Give its folder, {path.parent}, to read all images there.")
    others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    raise FileNotFoundError(f"there is no folder or file {path}.{nearest(path.name, others)}")


def _without_images(listing: Listing) -> str:
    """Return the message about a folder without images."""
    others = [f"{many:,} {ending}" for ending, many in listing.others.most_common()]
    holds = f"it holds {listed(others)}" if others else "there is no file in it"
    return (
        f"{listing.root} is a folder without images: {holds}. Images end in {', '.join(ENDINGS)}; give a table or an .npz as a "
        "file."
    )
