"""One image file: its header and its pixels."""

import io
import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

ENDINGS = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".pbm",
)  # fmt: skip
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
# Pillow's mode -> the mode it becomes, and what a note says
MODES = {
    "1": ("L", ""), "L": ("L", ""), "LA": ("L", "alpha"), "La": ("L", "alpha"), "P": ("RGB", "palette"), "PA": ("RGB", "alpha"),
    "RGB": ("RGB", ""), "RGBX": ("RGB", ""), "RGBA": ("RGB", "alpha"), "RGBa": ("RGB", "alpha"), "YCbCr": ("RGB", ""),
    "HSV": ("RGB", ""), "CMYK": ("RGB", "CMYK"), **dict.fromkeys(DEEP, ("I;16", "")),
}  # fmt: skip
SMALL = 4096  # pixels up to which all channels are copied at once
CUT = "it is cut off or damaged"


class UnusableError(Exception):
    """An image cannot be used; the message says why, to stand after its name."""


class Header(NamedTuple):
    """What an image is, by its header."""

    mode: str  # "L", "RGB" or "I;16": what it becomes
    width: int
    height: int
    noted: str = ""  # "alpha", "palette", "CMYK", "turned"


Finding = Header | str  # of a file: its header, or why it cannot be used


@dataclass(frozen=True)
class Form:
    """What every image of a folder becomes: bytes, or float32 in [0, 1] where some have 16 bits.

    Args:
        channels: 1 or 3.
        deep: whether some images have 16 bits.
        resize: whether images of other sizes are made height × width: the largest centred part of that shape, scaled.
    """

    channels: int
    height: int
    width: int
    deep: bool = False
    resize: bool = False

    @property
    def dtype(self) -> type[np.generic]:
        return np.float32 if self.deep else np.uint8

    def takes(self, header: Header) -> bool:
        """Return whether an image with this header fits."""
        same = self.resize or (header.width, header.height) == (self.width, self.height)
        return same and (self.channels == 3 or header.mode != "RGB") and (self.deep or header.mode != "I;16")


def header(path: str) -> Header:
    """Return the header of a file; only its beginning is read. Raises: UnusableError."""
    try:
        with Image.open(path) as image:
            return header_of(image)
    except (UnusableError, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything for a broken file
        raise UnusableError(getattr(error, "strerror", None) or CUT) from error  # or what the system says: no permission


def decode(path: str, form: Form) -> tuple[Header, np.ndarray | None]:
    """Return header and pixels (C,H,W) of a file; pixels are None where it does not fit the form. Raises: UnusableError."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read()
        found = None if form.resize else _plain_jpeg(content)
        if found is not None:
            if not form.takes(found):
                return found, None
            # the decoder by its name gives the same bytes as Image.open
            image = Image.frombytes(found.mode, (found.width, found.height), content, "jpeg", found.mode, "")
            return found, _array(image, found, form)
        with Image.open(io.BytesIO(content)) as image:
            found = header_of(image)
            return found, pixels_of(image, found, form) if form.takes(found) else None
    except (UnusableError, MemoryError):
        raise
    except Exception as error:  # as above
        raise UnusableError(getattr(error, "strerror", None) or CUT) from error


def pixels_of(image: Image.Image, found: Header, form: Form) -> np.ndarray:
    """Return pixels (C,H,W) in the form, of an open image with this header."""
    return _array(_upright(image, form), found, form)


def decode_into(pixels: np.ndarray, paths: Sequence[str], form: Form) -> list[Finding]:
    """Decode each file into its row of pixels (N,C,H,W), where it fits the form, and return what each file is."""
    findings: list[Finding] = []
    for row, path in zip(pixels, paths, strict=True):
        try:
            found, image = decode(path, form)
            if image is not None:
                row[:] = image
            findings.append(found)
        except UnusableError as reason:
            findings.append(str(reason))
    return findings


def serve(source: BinaryIO, sink: BinaryIO, block: int = 256) -> None:
    """Run a worker: read {"form", "paths"} as JSON; for each `block` of files write a line of what they are, and the pixels."""
    job = json.load(source)
    form, paths = Form(*job["form"]), job["paths"]
    warnings.simplefilter("ignore")  # Pillow's, on odd metadata
    for begin in range(0, len(paths), block):
        some = paths[begin : begin + block]
        pixels = np.zeros((len(some), form.channels, form.height, form.width), form.dtype)
        findings = decode_into(pixels, some, form)
        sink.write(json.dumps(findings).encode() + b"\n")
        sink.write(pixels.data)
    sink.flush()


def _plain_jpeg(content: bytes) -> Header | None:
    """Return the header of an ordinary JPEG; None for anything else, which Pillow opens.

    Most of the time that Pillow spends on a small JPEG is opening it in Python, where threads wait for each other.
    """
    if content[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 10 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], content[at + 2] << 8 | content[at + 3]
        if 0xC0 <= marker <= 0xC2:  # baseline, extended, progressive
            bits, height, width = (
                content[at + 4],
                content[at + 5] << 8 | content[at + 6],
                content[at + 7] << 8 | content[at + 8],
            )
            mode = {1: "L", 3: "RGB"}.get(content[at + 9])
            return Header(mode, width, height) if mode and bits == 8 and height and width else None
        turned = marker == 0xE1 and content[at + 4 : at + 10] == b"Exif\0\0"  # may say how to turn it
        if turned or not (0xDB <= marker <= 0xEF or marker in (0xC4, 0xFE)):
            return None
        at += 2 + length
    return None


def header_of(image: Image.Image) -> Header:
    """Return the header of an open image. Raises: UnusableError."""
    frames = 1 if image.format in ("MPO", "JPEG") else getattr(image, "n_frames", 1)  # the MPO of a phone holds previews too
    if frames > 1:
        raise UnusableError(f"it has {frames:,} frames or pages")
    if image.mode not in MODES:
        raise UnusableError(f"its pixels are of Pillow's mode {image.mode!r}, not of 8 or 16 bits")
    mode, noted = MODES[image.mode]
    if "transparency" in image.info:
        noted = "alpha"
    width, height = image.size
    turn = _orientation(image)
    if turn != 1:
        noted = noted or "turned"
    return Header(mode, *((height, width) if turn >= 5 else (width, height)), noted)


def _orientation(image: Image.Image) -> int:
    """Return the orientation of EXIF, 1 to 8; 5 to 8 swap width and height."""
    if "exif" not in image.info:
        return 1
    turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _upright(image: Image.Image, form: Form) -> Image.Image:
    """Return the image turned as a viewer shows it, read at about the size that is needed where the format can."""
    if form.resize:
        image.draft(None, (2 * form.width, 2 * form.height))  # a JPEG at 1/2, 1/4, 1/8; twice the size keeps it sharp
    if _orientation(image) != 1:
        image = ImageOps.exif_transpose(image)
    return image


def _array(image: Image.Image, found: Header, form: Form) -> np.ndarray:
    """Return pixels (C,H,W) in the form."""
    mode = "RGB" if form.channels == 3 else "L"
    if found.mode == "I;16":
        deep = np.asarray(image).astype(np.float32) / 65535
        pixels = np.asarray(_sized(Image.fromarray(deep), form))
        return np.broadcast_to(pixels, (form.channels, *pixels.shape))
    if found.noted == "alpha":
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    if image.mode != found.mode:  # grey stays grey while it is scaled
        image = image.convert(found.mode)
    image = _sized(image, form)
    if image.mode != mode:
        image = image.convert(mode)
    # Channel by channel is three times as fast at 400 x 300: Pillow stores four bytes a pixel, and drops the fourth one by one.
    bands = image.split() if form.channels > 1 and form.height * form.width > SMALL else (image,)
    planes = [np.frombuffer(band.tobytes(), np.uint8).reshape(form.height, form.width, -1) for band in bands]
    pixels = np.concatenate([plane.transpose(2, 0, 1) for plane in planes])
    return pixels / np.float32(255) if form.deep else pixels


def _sized(image: Image.Image, form: Form) -> Image.Image:
    """Return the largest centred part of the shape of the form, scaled to it with anti-aliasing."""
    width, height = image.size
    if (width, height) == (form.width, form.height):
        return image
    scale = min(width / form.width, height / form.height)
    left, top = (width - scale * form.width) / 2, (height - scale * form.height) / 2
    box = (left, top, width - left, height - top)
    return image.resize((form.width, form.height), Image.Resampling.BILINEAR, box=box)


if __name__ == "__main__":  # a worker, see `serve`
    serve(sys.stdin.buffer, sys.stdout.buffer)
