from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image as Picture

from mixtrast.domains._assemble import check_like, facts_of, finite, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._folder import name_part, scan, sets, unwrapped
from mixtrast.domains._pixels import ENDINGS as IMAGES
from mixtrast.domains._words import count
from mixtrast.domains.images import Rows, rows_of
from mixtrast.spec import Image

ENDINGS = (".tif", ".tiff")
RGB, CMYK, YCBCR, TOGETHER = 2, 5, 6, 1  # of TIFF's tags 262 and 284


class Tiles(Domain):
    """Folders of tiles with any number of bands (TIFF, GeoTIFF), all of one size. Each subfolder is a class, as for images.

    Numbers are kept as they are, float32; each band is scaled by its own mean and spread in training. A folder with `train`,
    and `test` or `val` in it has these sets given. Where a tile lies on the map is not looked at: give `groups` by their
    names where neighbours must stay together.

    Args:
        groups: part of a tile's name, between _ and -, that says which stay in one split: "first", "last", or its number.
    """

    first: ClassVar[bool] = True

    def __init__(self, *, groups: str | None = None) -> None:
        self.groups = groups

    @staticmethod
    def takes(source: object) -> bool:
        path = Path(str(source)).expanduser() if is_path(source) else None
        first = None if path is None or not path.is_dir() else _first(path)
        return first is not None and not _is_picture(first)

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (N,C,H,W) float32, C bands."""
        root = unwrapped(Path(str(source)).expanduser(), () if like is None else tuple(like.get("classes", ())))
        folders, said = sets(root, test)
        found = {name: scan(folder) for name, folder in folders.items()}
        if test is not None:
            found["test"] = scan(unwrapped(Path(str(test)).expanduser(), tuple(found["train"].classes)))
        rows, classes, notes = rows_of(found, like)
        if self.groups is not None:
            groups = [name_part(Path(path), self.groups, "groups") for path in rows.paths]
            rows = Rows(rows.paths, rows.label, rows.part, groups)
        x = read(rows.paths)
        spec = Image(*x.shape[1:])
        check_like(spec, like)
        task: Literal["classes", "none"] = "none" if rows.label is None else "classes"
        known = {} if like is None or classes else {key: like[key] for key in ("task", "classes")}
        shape = f"{count(spec.channels, 'band')} of {spec.height} × {spec.width}"
        return Data(
            name=root.name,
            domain=self.called,
            spec=spec,
            x=torch.from_numpy(x),
            label=rows.label,
            task=task,
            classes=tuple(classes),
            groups=rows.numbered,
            given_test=rows.at("test"),
            given_val=rows.at("val"),
            scaling="channel",
            views={"crop": {"scale": (0.5, 1.0)}, "flip": {}, "noise": {"scale": 0.05}},
            facts=facts_of(self, spec, task, classes) | known,
            notes=(f"{root}: {count(len(x), 'tile')} of {shape}.", *said, *notes),
        )


def read(paths: Sequence[str]) -> np.ndarray:
    """(N,C,H,W) float32. Raises: ValueError where a file is damaged or another shape than the first."""
    shape = _tile(paths[0]).shape
    x = np.empty((len(paths), *shape), dtype=np.float32)

    def fill(at: int) -> None:
        tile = _tile(paths[at])
        if tile.shape != shape:
            raise ValueError(f"{paths[at]} must be as the first tile, {shape} (bands, height, width), got {tile.shape}.")
        x[at] = tile

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(fill, range(len(paths))))
    return finite(x, owner="tiles", where=lambda row: paths[row], rows="tile")


def _tile(path: str) -> np.ndarray:
    """(C,H,W), by what the file says of its axes: Y and X, and one more of bands."""
    tifffile = _tifffile()
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            tile, axes = np.asarray(series.asarray()), str(series.axes)
    except Exception as error:  # whatever a decoder makes of bytes that are no image, it is about the file
        raise ValueError(f"{path} could not be read as a tile: {error}. Leave it out, or save it again.") from error
    if "Y" not in axes or "X" not in axes or tile.ndim not in (2, 3):
        raise ValueError(f"{path} must have the axes of an image and one of bands at most, got {axes} of shape {tile.shape}.")
    order = [at for at, axis in enumerate(axes) if axis not in "YX"] + [axes.index("Y"), axes.index("X")]
    return tile[None] if tile.ndim == 2 else tile.transpose(order)


def _first(root: Path) -> str | None:
    """The first image below a folder, where that is a .tif."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        images = sorted(name for name in names if name.lower().endswith(IMAGES) and not name.startswith("."))
        if images:
            return os.path.join(folder, images[0]) if images[0].lower().endswith(ENDINGS) else None
    return None


def _is_picture(path: str) -> bool:
    """Whether it is of one page, grey or in colours that `images` reads without loss; else tifffile is asked for."""
    try:
        tifffile = _tifffile()
    except ImportError:
        try:
            with Picture.open(path) as image:
                tags = getattr(image, "tag_v2", None)
                if tags is None:  # another kind of image, called .tif
                    return True
                bits = {8: "uint8", 16: "uint16"}.get(max(tags.get(258, (1,))), image.mode)
                form = (tags.get(277, 1), tags.get(262, 1), tags.get(284, 1), tuple(tags.get(338, ())))
                return getattr(image, "n_frames", 1) == 1 and image.mode not in ("F", "I") and _is_seen(bits, *form)
        except OSError:  # Pillow knows no more than four bands
            return False
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            form = (page.samplesperpixel, page.photometric, page.planarconfig, tuple(page.extrasamples))
            return len(file.pages) == 1 and _is_seen(str(page.dtype), *form)
    except Exception:  # no TIFF, or half of one (struct.error, among others): `images` says so
        return True


def _is_seen(dtype: str, samples: int, photometric: int, planar: int, extra: tuple[int, ...]) -> bool:
    """Whether bands are what an eye sees: one of up to 16 bits, or colours of bytes, beside which 1 and 2 are transparency."""
    if samples == 1:
        return dtype in ("uint8", "uint16", "bool", "1")
    colours = photometric in (RGB, CMYK, YCBCR) and planar == TOGETHER and dtype == "uint8"
    return colours and (samples == 3 or (samples == 4 and (photometric == CMYK or extra[:1] in ((1,), (2,)))))


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise ImportError("tiles are read with tifffile, which is not there: pip install 'mixtrast[tiles]'.") from error
    return tifffile
