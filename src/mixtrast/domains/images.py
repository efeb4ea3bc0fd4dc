from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from mixtrast import spec as specs
from mixtrast.checks import check_choice
from mixtrast.domains._assemble import check_like, facts_of, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._files import Files, available, headers, read
from mixtrast.domains._folder import Listing, scan, sets, unwrapped
from mixtrast.domains._labels import by_name
from mixtrast.domains._pixels import ENDINGS, Form, Header, Seen
from mixtrast.domains._words import count, listed, nearest, size_of
from mixtrast.spec import Image

Memory = Literal["auto", "yes", "no"]
SAMPLE = 64  # headers looked at before anything else, evenly apart: what is wrong with many is said at once
NOTED = {
    "alpha": "{many} transparency: it was laid on white.",
    "palette": "{many} a palette: read as colour.",
    "CMYK": "{many} printing colours (CMYK): converted to RGB without their colour profile.",
    "turned": "{many} to be turned or mirrored by what the camera noted (EXIF): done.",
}


@dataclass(frozen=True)
class Rows:
    """Which file is which row: training, then validation, then test.

    Args:
        groups: names of those that stay together; None: all are independent.
    """

    paths: list[str]
    label: Tensor | None
    part: list[str]
    groups: list[str] | None = None

    def at(self, part: str) -> Tensor | None:
        """(N,) bool, the rows of a part, or None where there is none."""
        return torch.tensor([one == part for one in self.part]) if part in self.part else None

    def only(self, keep: list[int]) -> Rows:
        """Those of these places."""
        groups = None if self.groups is None else [self.groups[at] for at in keep]
        label = None if self.label is None else self.label[keep]
        return Rows([self.paths[at] for at in keep], label, [self.part[at] for at in keep], groups)

    @property
    def numbered(self) -> Tensor | None:
        """(N,) int64, the groups."""
        if self.groups is None:
            return None
        number = {name: at for at, name in enumerate(sorted(set(self.groups)))}
        return torch.tensor([number[name] for name in self.groups])


class Images(Domain):
    """Folders of images. Each subfolder is a class, called by its name, with all images below it; without subfolders there is
    no label, and images beside subfolders have none.

    PNG, JPEG, WebP, TIFF, BMP, GIF, PPM and PGM, grey or in colour; grey ones among others become RGB. Pixels are bytes, or
    float32 in [0, 1] where images have 16 bits. Transparency is laid on white. A folder with `train`, and `test` or `val`
    (`valid`, `validation`) in it has these sets given; else they are split off.

    Args:
        size: side of the square that each image becomes: its shorter side is scaled to it, and the middle is taken. None: as
            they are, when all are of one size.
        memory: whether all pixels are kept in memory, "yes" or "no"; "auto": when they take at most half of what is free.
            Else each batch is read from the disk, and gives the same bytes.
        skip_bad: whether images that cannot be read are left out and named, instead of refused. Finding those that are
            damaged takes a look at every pixel, once.
    """

    def __init__(self, *, size: int | None = None, memory: Memory = "auto", skip_bad: bool = False) -> None:
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 4096):
            raise ValueError(f"`size` of Images must be a number of pixels from 1 to 4,096, got {size!r}.")
        check_choice("memory", memory, get_args(Memory))
        self.size, self.memory, self.skip_bad = size, memory, skip_bad

    @staticmethod
    def takes(source: object) -> bool:
        return is_path(source) and (str(source).lower().endswith(ENDINGS) or Path(str(source)).expanduser().is_dir())

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """Lists the folder, then decodes every image once, on all cores; see `Domain.load`."""
        root = unwrapped(_folder(source), () if like is None else tuple(like.get("classes", ())))
        folders, said = sets(root, test)
        found = {name: scan(folder) for name, folder in folders.items()}
        if test is not None:
            found["test"] = scan(unwrapped(_folder(test), tuple(found["train"].classes)))
        for listing in found.values():
            if not len(listing):
                raise ValueError(_without_images(listing))
        rows, classes, notes = rows_of(found, like)
        name = root.parent.name if root.name.lower() in ("train", "training") and root.parent.name else root.name
        return self.made(name, rows, classes, root, like, [*said, *notes])

    def made(
        self, name: str, rows: Rows, classes: list[str], root: Path, like: dict[str, Any] | None, notes: list[str]
    ) -> Data:
        """Of listed files, below `root`."""
        x, seen, more = self._read(rows.paths, root, like)
        keep = [at for at, one in enumerate(seen) if not isinstance(one, str)]
        if len(keep) < len(seen):
            x = Files([rows.paths[at] for at in keep], x.form) if isinstance(x, Files) else x[keep]
            rows = rows.only(keep)
        task: Literal["classes", "none"] = "none" if rows.label is None else "classes"
        image = Image(*x.shape[1:])
        check_like(image, like)
        known = {} if like is None or classes else {key: like[key] for key in ("task", "classes")}
        return Data(
            name=name,
            domain=self.called,
            spec=image,
            x=x,
            label=rows.label,
            task=task,
            classes=tuple(classes),
            groups=rows.numbered,
            given_test=rows.at("test"),
            given_val=rows.at("val"),
            scaling="channel",
            views=default_views(image.channels),
            facts=facts_of(self, image, task, classes) | {"intensities": True} | known,
            notes=(*_found(rows, classes, image, root), *notes, *more),
        )

    def _read(self, paths: list[str], root: Path, like: dict[str, Any] | None) -> tuple[Tensor | Files, list[Seen], list[str]]:
        """Pixels, what each file is, and what to say of it. Sizes and colours of a few are taken for those of all, so that no
        file is opened twice; where that was wrong all are read again."""
        looked = headers(paths[:: -(-len(paths) // SAMPLE)])
        form = self._form(_usable(looked), like) if _usable(looked) else Form(1, 1, 1)
        files = Files(paths, form)
        keep, why = self._fits(files)
        while True:
            x, seen = read(paths, files.form) if keep else (None, files.look() if self.skip_bad else headers(paths))
            self._check_usable(paths, seen, root)
            form = self._form(_usable(seen), like)
            if form == files.form:
                break
            del x  # before there is another
            files = Files(paths, form)
            keep, why = self._fits(files)
        bad = [path for path, one in zip(paths, seen, strict=True) if isinstance(one, str)]
        notes = [why, *_notes(seen, form)]
        if bad:
            notes.append(f"left out, as they cannot be used: {_named(paths, seen, root)}.")
        return files if x is None else x, seen, notes

    def _form(self, seen: Sequence[Header], like: dict[str, Any] | None) -> Form:
        """What images with these headers become."""
        wanted = None if like is None else specs.from_dict(like["spec"])
        colour = any(one.mode == "RGB" for one in seen) or (isinstance(wanted, Image) and wanted.channels == 3)
        deep = any(one.mode == "I;16" for one in seen)
        if self.size is not None:
            return Form(3 if colour else 1, self.size, self.size, deep, resize=True)
        sizes = Counter((one.width, one.height) for one in seen)
        if len(sizes) > 1:
            most = [f"{width:,} × {height:,} ({many:,})" for (width, height), many in sizes.most_common()]
            side = sorted(min(size) for size in sizes.elements())[len(seen) // 2]
            way = next((s for s in (256, 224, 128, 96, 64, 48, 32) if s <= side), side)
            raise ValueError(
                f"images must be of one size, got {len(sizes):,} among {len(seen):,} that were looked at, width × height: "
                f"{listed(most, 5)}. `--size {way}` makes them so: the shorter side scaled to {way}, and the middle taken."
            )
        ((width, height),) = sizes
        return Form(3 if colour else 1, height, width, deep)

    def _fits(self, files: Files) -> tuple[bool, str]:
        """Whether all of it is kept in memory, and why."""
        size, free = files.nbytes, available()
        shape = " × ".join(f"{side:,}" for side in files.shape)
        kind = "numbers of 32 bits" if files.form.deep else "bytes"
        keep = size <= free / 2 if self.memory == "auto" else self.memory == "yes"
        asked = ", as asked" if self.memory != "auto" else ""
        if keep:
            return True, f"{shape} {kind} are {size_of(size)} and kept in memory{asked}: {size_of(free)} are free."
        return (
            False,
            f"{shape} {kind} would be {size_of(size)}, {size_of(free)} are free: batches are read from the disk{asked}.",
        )

    def _check_usable(self, paths: list[str], seen: list[Seen], root: Path) -> None:
        bad = sum(isinstance(one, str) for one in seen)
        if bad and not (self.skip_bad and bad < len(seen)):
            raise ValueError(
                f"{bad:,} of {count(len(paths), 'image')} in {root} cannot be used: {_named(paths, seen, root)}. Replace them, "
                "save frames and pages as images of their own, or leave them out: `--skip-bad`."
            )


def default_views(channels: int) -> dict[str, dict[str, Any]]:
    """Those of SimCLR for small photographs, as i-Mix and SupContrast have them: no blur; and without colours where there are
    none."""
    views: dict[str, dict[str, Any]] = {"crop": {"scale": (0.2, 1.0)}, "flip": {}}
    return views | ({"color": {}, "gray": {}} if channels == 3 else {})


def _folder(source: Any) -> Path:
    path = Path(str(source)).expanduser()
    if not is_path(source):
        raise ValueError(f"a folder of images must be given by its path, got {type(source).__name__}.")
    if path.is_dir():
        return path.resolve() if path.name in ("", "..") else path
    if path.exists():
        raise ValueError(f"{path} is one file. Give the folder that it is in, {path.parent}, to read all images there.")
    others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    raise FileNotFoundError(f"there is no folder or file {path}.{nearest(path.name, others)}")


def _without_images(listing: Listing) -> str:
    there = [f"{many:,} {ending}" for ending, many in listing.others.most_common()]
    holds = f"it holds {listed(there)}" if there else "there is no file in it"
    return (
        f"{listing.root} is a folder without images: {holds}. Images end in {', '.join(ENDINGS)}; a table or an .npz is given "
        "as a file."
    )


def rows_of(found: dict[str, Listing], like: dict[str, Any] | None) -> tuple[Rows, list[str], list[str]]:
    """All files in a row with their labels, the classes, and notes. The classes are those of training, or those of `like`."""
    known = like is not None and like["task"] == "classes"
    classes = list(like["classes"]) if like is not None and known else sorted(found["train"].classes, key=by_name)
    here = {name: set(listing.classes) for name, listing in found.items()}
    notes: list[str] = []
    if known and not set(classes) & set().union(*here.values()):
        if any(here.values()):
            notes.append(f"no subfolder is called like a class, {listed(classes)}: read without labels.")
        classes = []
    if classes or not known:
        _check_classes(found, classes, "the earlier data" if known else f"{found['train'].root}")
    number = {name: code for code, name in enumerate(classes)}
    paths: list[str] = []
    label: list[int] = []
    part: list[str] = []
    for name, listing in found.items():
        for kind in sorted(listing.classes, key=by_name):
            paths += listing.classes[kind]
            label += [number.get(kind, -1)] * len(listing.classes[kind])
        paths += listing.loose
        label += [-1] * len(listing.loose)
        part += [name] * len(listing)
        prefix = f"{listing.root.name}: " if len(found) > 1 else ""
        notes += [prefix + note for note in listing.notes()]
    absent = {name: [kind for kind in classes if kind not in here[name]] for name in found if name != "train" and classes}
    notes += [f"{found[name].root.name} has no example of: {listed(gone)}." for name, gone in absent.items() if gone]
    return Rows(paths, torch.tensor(label) if classes else None, part), classes, notes


def _check_classes(found: dict[str, Listing], classes: list[str], owner: str) -> None:
    for listing in found.values():
        strange = sorted(set(listing.classes) - set(classes), key=by_name)
        if strange:
            raise ValueError(
                f"{listing.root} has {listed([repr(kind) for kind in strange])}, which {owner} has not."
                f"{nearest(strange[0], classes)} The classes are: {listed(classes) or 'none'}. Rename or move those folders."
            )
        if not listing.classes and classes and listing is not found.get("train"):
            raise ValueError(
                f"{listing.root} has no class folders, {found['train'].root} has. Sort its images into such folders, or give "
                f"{found['train'].root} alone."
            )


def _found(rows: Rows, classes: list[str], image: Image, root: Path) -> list[str]:
    """ "pets: 7,390 images, colour, 64 × 64." and "37 classes of 184 to 200 images, by subfolder: ..."."""
    sets = Counter(rows.part)
    named = {"train": "to train", "val": "to validate", "test": "to test"}
    split = f" ({', '.join(f'{many:,} {named[name]}' for name, many in sets.items())})" if len(sets) > 1 else ""
    kind = "colour" if image.channels == 3 else "grey"
    notes = [f"{root}: {count(len(rows.paths), 'image')}{split}, {kind}, {image.width:,} × {image.height:,}."]
    if rows.label is not None:
        training = rows.label[torch.tensor([one == "train" for one in rows.part])]
        sizes = torch.bincount(training[training >= 0], minlength=len(classes))
        low, high = int(sizes.min()), int(sizes.max())
        each = f"{count(low, 'image')} each" if low == high else f"{low:,} to {high:,} images"
        notes.append(f"{count(len(classes), 'class')} of {each}, by subfolder: {listed(classes)}.")
    return notes


def _usable(seen: Sequence[Seen]) -> list[Header]:
    return [one for one in seen if not isinstance(one, str)]


def _notes(seen: Sequence[Seen], form: Form) -> list[str]:
    """What was done to images that are not as the others."""
    usable = _usable(seen)
    many = Counter(one.noted for one in usable)
    has = {noted: "has" if times == 1 else "have" for noted, times in many.items()}
    notes = [NOTED[n].format(many=f"{count(times, 'image')} {has[n]}") for n, times in sorted(many.items()) if n]
    grey = sum(one.mode != "RGB" for one in usable)
    if form.channels == 3 and grey:
        notes.append(f"{count(grey, 'image')} of {len(usable):,} {'is' if grey == 1 else 'are'} grey: read as RGB.")
    if form.deep:
        deep = sum(one.mode == "I;16" for one in usable)
        notes.append(f"{count(deep, 'image')} of {len(usable):,} of 16 bits: all are read as numbers from 0 to 1.")
    if form.resize:
        small = sum(min(one.width, one.height) < form.width for one in usable)
        sizes = len({(one.width, one.height) for one in usable})
        more = f"; {small:,} were smaller and are enlarged" if small else ""
        notes.append(f"{count(sizes, 'size')} made {form.width} × {form.height}: shorter side scaled, middle taken{more}.")
    return notes


def _named(paths: list[str], seen: list[Seen], root: Path, most: int = 3) -> str:
    """ "cats/1.jpg (it is cut off or damaged), ... (12 in all)"."""
    bad = [f"{os.path.relpath(path, root)} ({one})" for path, one in zip(paths, seen, strict=True) if isinstance(one, str)]
    return ", ".join(bad[:most]) + (f", ... ({len(bad):,} in all)" if len(bad) > most else "")
