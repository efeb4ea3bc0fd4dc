import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from torch import Tensor

from mixtrast.data import Dataset, Files, Schema
from mixtrast.data.files import headers, read
from mixtrast.data.pixels import ENDINGS, Finding, Form, Header
from mixtrast.readers._image_files import ImageFiles, folder_files, photo_views
from mixtrast.readers._reader import Reader
from mixtrast.readers._source import is_path
from mixtrast.resources import free_memory
from mixtrast.spec import Image
from mixtrast.text import count, listed, size_of
from mixtrast.validation import check_choice

Memory = Literal["auto", "yes", "no"]
SAMPLE = 64  # headers read before anything else, evenly apart: what is wrong with many files shows at once
NOTES = {
    "alpha": "{many} transparency: it was laid on white.",
    "palette": "{many} a palette: read as colour.",
    "CMYK": "{many} printing colours (CMYK): converted to RGB without their colour profile.",
    "turned": "{many} an orientation that the camera noted (EXIF): turned by it.",
}


class Images(Reader):
    """Folders of images. Each subfolder is a class, with all images below it; without subfolders there is no label, and images
    next to subfolders have none.

    PNG, JPEG, WebP, TIFF, BMP, GIF, PPM and PGM, grey or in colour; grey ones among others become RGB. Pixels are bytes, or
    float32 in [0, 1] where images have 16 bits. Transparency is laid on white. A folder with `train`, and `test` or `val`
    (`valid`, `validation`) in it has its own split; else one is split off.

    Args:
        size: side of the square that each image becomes: its shorter side is scaled to it, and the middle is cut out. None: as
            they are, when all are of one size.
        memory: whether all pixels are loaded into memory, "yes" or "no"; "auto": when they take at most half of what is free.
            Else each batch is read from disk, with the same bytes.
        skip_bad: whether images that cannot be read are left out and named, instead of refused. Every image is then decoded
            once to find them.
    """

    sources = "folders of images"

    def __init__(self, *, size: int | None = None, memory: Memory = "auto", skip_bad: bool = False) -> None:
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 4096):
            raise ValueError(f"`size` must be a number of pixels from 1 to 4,096, got {size!r}.")
        check_choice("memory", memory, get_args(Memory))
        self.size, self.memory, self.skip_bad = size, memory, skip_bad

    @classmethod
    def takes(cls, source: object) -> bool:
        return is_path(source) and (str(source).lower().endswith(ENDINGS) or Path(str(source)).expanduser().is_dir())

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """List the folder, then decode every image once, on all cores; see `Reader.load`."""
        root, files, notes = folder_files(source, test, schema)
        name = root.parent.name if root.name.lower() in ("train", "training") and root.parent.name else root.name
        return self.load_files(name, files, root, schema, notes)

    def load_files(self, name: str, files: ImageFiles, root: Path, schema: Schema | None, notes: Sequence[str] = ()) -> Dataset:
        """Return the dataset of files that are listed already, below `root`."""
        x, found, more = self._read(files.paths, root, schema)
        usable = [row for row, one in enumerate(found) if not isinstance(one, str)]
        if len(usable) < len(found):
            x = Files([files.paths[row] for row in usable], x.form) if isinstance(x, Files) else x[usable]
            files = files.only(usable)
        image = Image(*x.shape[1:])
        shape = f"{'colour' if image.channels == 3 else 'grey'}, {image.width:,} × {image.height:,}"
        all_notes = [*files.notes(root, shape), *notes, *more]
        views = photo_views(image.channels)
        return files.dataset(self, name, x, views=views, schema=schema, intensities=True, notes=all_notes)

    def form_of(self, images: Sequence[Header], schema: Schema | None) -> Form:
        """Return what images with these headers become. Raises: ValueError for different sizes."""
        wanted = None if schema is None else schema.spec
        colour = any(one.mode == "RGB" for one in images) or (isinstance(wanted, Image) and wanted.channels == 3)
        deep = any(one.mode == "I;16" for one in images)
        if self.size is not None:
            return Form(3 if colour else 1, self.size, self.size, deep, resize=True)
        sizes = Counter((one.width, one.height) for one in images)
        if len(sizes) > 1:
            most = [f"{width:,} × {height:,} ({many:,})" for (width, height), many in sizes.most_common()]
            side = sorted(min(size) for size in sizes.elements())[len(images) // 2]
            way = next((s for s in (256, 224, 128, 96, 64, 48, 32) if s <= side), side)
            raise ValueError(
                f"images must be of one size, got {len(sizes):,} among {len(images):,} that were looked at, width × height: "
                f"{listed(most, 5)}. `--size {way}` scales the shorter side of each to {way} and cuts out the middle."
            )
        ((width, height),) = sizes
        return Form(3 if colour else 1, height, width, deep)

    def _read(self, paths: list[str], root: Path, schema: Schema | None) -> tuple[Tensor | Files, list[Finding], list[str]]:
        """Return pixels, what each file is, and notes.

        Size and colours of a few are assumed for all, so that no file is opened twice. Where that was wrong, all are read
        again.
        """
        sample = _usable(headers(paths[:: -(-len(paths) // SAMPLE)]))
        files = Files(paths, self.form_of(sample, schema) if sample else Form(1, 1, 1))
        while True:
            x: Tensor | None = None
            in_memory, why = self._fits(files)
            if in_memory:
                x, found = read(paths, files.form)
            else:
                found = files.inspect() if self.skip_bad else headers(paths)
            self._check_usable(paths, found, root)
            form = self.form_of(_usable(found), schema)
            if form == files.form:
                break
            del x  # before there is another
            files = Files(paths, form)
        notes = [why, *_notes(_usable(found), form)]
        if len(_usable(found)) < len(paths):
            notes.append(f"left out, as they cannot be used: {_bad(paths, found, root)}.")
        return files if x is None else x, found, notes

    def _fits(self, files: Files) -> tuple[bool, str]:
        """Return whether all pixels are loaded into memory, and why."""
        size, free = files.nbytes, free_memory()
        shape = " × ".join(f"{side:,}" for side in files.shape)
        kind = "numbers of 32 bits" if files.form.deep else "bytes"
        chosen = "" if self.memory == "auto" else ", as chosen"
        if size <= free / 2 if self.memory == "auto" else self.memory == "yes":
            return True, f"{shape} {kind} are {size_of(size)} and loaded into memory{chosen}: {size_of(free)} are free."
        would = f"{shape} {kind} would be {size_of(size)}, {size_of(free)} are free"
        return False, f"{would}: batches are read from disk{chosen}."

    def _check_usable(self, paths: Sequence[str], found: Sequence[Finding], root: Path) -> None:
        """Raise ValueError where images cannot be used, unless some are left and bad ones are skipped."""
        bad = len(found) - len(_usable(found))
        if bad and not (self.skip_bad and bad < len(found)):
            raise ValueError(
                f"{bad:,} of {count(len(paths), 'image')} in {root} cannot be used: {_bad(paths, found, root)}. Replace them, "
                "save frames and pages as images of their own, or leave them out: `--skip-bad`."
            )


def _usable(found: Sequence[Finding]) -> list[Header]:
    """Return the headers of files that can be used."""
    return [one for one in found if not isinstance(one, str)]


def _notes(images: Sequence[Header], form: Form) -> list[str]:
    """Return notes on images that were converted."""
    many = Counter(one.noted for one in images)
    has = {noted: "has" if times == 1 else "have" for noted, times in many.items()}
    notes = [NOTES[n].format(many=f"{count(times, 'image')} {has[n]}") for n, times in sorted(many.items()) if n]
    grey = sum(one.mode != "RGB" for one in images)
    if form.channels == 3 and grey:
        notes.append(f"{count(grey, 'image')} of {len(images):,} {'is' if grey == 1 else 'are'} grey: read as RGB.")
    if form.deep:
        deep = sum(one.mode == "I;16" for one in images)
        notes.append(f"{count(deep, 'image')} of {len(images):,} of 16 bits: all are read as numbers from 0 to 1.")
    if form.resize:
        small = sum(min(one.width, one.height) < form.width for one in images)
        sizes = len({(one.width, one.height) for one in images})
        more = f"; {small:,} were smaller and are enlarged" if small else ""
        notes.append(f"{count(sizes, 'size')} made {form.width} × {form.height}: shorter side scaled, middle cut out{more}.")
    return notes


def _bad(paths: Sequence[str], found: Sequence[Finding], root: Path, most: int = 3) -> str:
    """Return "cats/1.jpg (it is cut off or damaged), ... (12 in all)"."""
    bad = [f"{os.path.relpath(path, root)} ({one})" for path, one in zip(paths, found, strict=True) if isinstance(one, str)]
    return ", ".join(bad[:most]) + (f", ... ({len(bad):,} in all)" if len(bad) > most else "")
