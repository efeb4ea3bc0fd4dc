import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Picture

from mixtrast.data import Dataset, Schema
from mixtrast.data.pixels import ENDINGS as IMAGES
from mixtrast.readers._folder import name_part
from mixtrast.readers._image_files import folder_files
from mixtrast.readers._optional import optional
from mixtrast.readers._reader import Reader
from mixtrast.readers._source import finite, is_path
from mixtrast.resources import cores
from mixtrast.text import count

ENDINGS = (".tif", ".tiff")
RGB, CMYK, YCBCR, TOGETHER = 2, 5, 6, 1  # of the TIFF tags 262 and 284


class Tiles(Reader):
    """Folders of tiles with any number of bands (TIFF, GeoTIFF), all of one size. Each subfolder is a class, as for images.

    Numbers become float32; each band is scaled by its own mean and deviation in training. A folder with `train`, and `test` or
    `val` in it has its own split. Positions on the map are not read: use `groups` where neighbours must stay together.

    Args:
        groups: part of the name of a tile, between _ and -, that says which stay in one part of a split: "first", "last", or
            its number.
    """

    sources = "folders of tiles"
    first = True

    def __init__(self, *, groups: str | None = None) -> None:
        self.groups = groups

    @classmethod
    def takes(cls, source: object) -> bool:
        path = Path(str(source)).expanduser() if is_path(source) else None
        first = None if path is None or not path.is_dir() else _first(path)
        return first is not None and not _is_picture(first)

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x (N,C,H,W) float32, C bands."""
        root, files, notes = folder_files(source, test, schema)
        if self.groups is not None:
            files = replace(files, groups=[name_part(Path(path), self.groups, "groups") for path in files.paths])
        x = read(files.paths)
        shape = f"{count(x.shape[1], 'band')} of {x.shape[2]} × {x.shape[3]}"
        return files.dataset(
            self,
            root.name,
            torch.from_numpy(x),
            views={"crop": {"scale": (0.5, 1.0)}, "flip": {}, "noise": {"scale": 0.05}},
            schema=schema,
            notes=(f"{root}: {count(len(x), 'tile')} of {shape}.", *notes),
        )


def read(paths: Sequence[str]) -> np.ndarray:
    """Return tiles (N,C,H,W) float32. Raises: ValueError where a file is damaged, or differs in shape from the first."""
    shape = _tile(paths[0]).shape
    x = np.empty((len(paths), *shape), dtype=np.float32)

    def fill(at: int) -> None:
        tile = _tile(paths[at])
        if tile.shape != shape:
            raise ValueError(
                f"{paths[at]} must have the shape of the first tile, {shape} (bands, height, width), got {tile.shape}."
            )
        x[at] = tile

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(fill, range(len(paths))))
    return finite(x, owner="tiles", where=lambda row: paths[row], rows="tile")


def _tile(path: str) -> np.ndarray:
    """Return a tile (C,H,W), by the axes that the file names: Y and X, and one more of bands."""
    tifffile = optional("tifffile", "tiles")
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            tile, axes = np.asarray(series.asarray()), str(series.axes)
    except Exception as error:  # a decoder may raise anything for a broken file
        raise ValueError(f"{path} could not be read as a tile: {error}. Leave it out, or save it again.") from error
    if "Y" not in axes or "X" not in axes or tile.ndim not in (2, 3):
        raise ValueError(f"{path} must have the axes of an image, and at most one of bands, got {axes} of shape {tile.shape}.")
    order = [at for at, axis in enumerate(axes) if axis not in "YX"] + [axes.index("Y"), axes.index("X")]
    return tile[None] if tile.ndim == 2 else tile.transpose(order)


def _first(root: Path) -> str | None:
    """Return the first image below a folder, where that is a .tif."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        images = sorted(name for name in names if name.lower().endswith(IMAGES) and not name.startswith("."))
        if images:
            return os.path.join(folder, images[0]) if images[0].lower().endswith(ENDINGS) else None
    return None


def _is_picture(path: str) -> bool:
    """Return whether a .tif is one page, grey or in colours that `images` reads without loss."""
    try:
        tifffile = optional("tifffile", "tiles")
    except ImportError:
        try:
            with Picture.open(path) as image:
                tags = getattr(image, "tag_v2", None)
                if tags is None:  # another kind of image with the ending .tif
                    return True
                bits = {8: "uint8", 16: "uint16"}.get(max(tags.get(258, (1,))), image.mode)
                form = (tags.get(277, 1), tags.get(262, 1), tags.get(284, 1), tuple(tags.get(338, ())))
                return getattr(image, "n_frames", 1) == 1 and image.mode not in ("F", "I") and _is_visible(bits, *form)
        except OSError:  # Pillow knows at most four bands
            return False
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            form = (page.samplesperpixel, page.photometric, page.planarconfig, tuple(page.extrasamples))
            return len(file.pages) == 1 and _is_visible(str(page.dtype), *form)
    except Exception:  # not a TIFF, or half of one (struct.error, among others): `images` says so
        return True


def _is_visible(dtype: str, samples: int, photometric: int, planar: int, extra: tuple[int, ...]) -> bool:
    """Return whether bands are a picture: one band of up to 16 bits, or colours in bytes, with transparency (1, 2) or not."""
    if samples == 1:
        return dtype in ("uint8", "uint16", "bool", "1")
    colours = photometric in (RGB, CMYK, YCBCR) and planar == TOGETHER and dtype == "uint8"
    return colours and (samples == 3 or (samples == 4 and (photometric == CMYK or extra[:1] in ((1,), (2,)))))
