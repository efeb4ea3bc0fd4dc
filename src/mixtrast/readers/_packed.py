"""Text files, packed or not."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TextIO, cast

PACKED = (".gz", ".bz2", ".xz", ".zip")


def stem_and_ending(path: Path) -> tuple[str, str]:
    """Return the name without endings, and the ending without that of a packer: "a.CSV.gz" -> ("a", ".csv")."""
    if path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path.stem, path.suffix.lower()


def has_ending(source: object, endings: tuple[str, ...]) -> bool:
    """Return whether a source is the path of a file with one of these endings, packed or not."""
    return isinstance(source, (str, Path)) and stem_and_ending(Path(source))[1] in endings


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open the text of a file, unpacked, with line ends as they are. Errors while it is read become a ValueError."""
    try:
        with ExitStack() as stack:
            text = io.TextIOWrapper(_unpacked(path, stack), encoding="utf-8-sig", newline="")
            yield stack.enter_context(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got something else ({error}). Save it as UTF-8.") from error
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} could not be unpacked: {error}. Is it complete, and packed as its ending says?") from error
    except OSError as error:
        if error.errno is not None or path.suffix.lower() != ".bz2":
            raise
        raise ValueError(f"{path} could not be unpacked: {error}. Is it complete, and packed as its ending says?") from error


def _unpacked(path: Path, stack: ExitStack) -> IO[bytes]:
    """Return the unpacked bytes of a file; the stack closes it."""
    match path.suffix.lower():
        case ".gz":
            return cast(IO[bytes], stack.enter_context(gzip.open(path)))
        case ".bz2":
            return cast(IO[bytes], stack.enter_context(bz2.open(path)))
        case ".xz":
            return cast(IO[bytes], stack.enter_context(lzma.open(path)))
        case ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = [member for member in archive.namelist() if not member.endswith("/")]
            if len(members) != 1:
                raise ValueError(f"{path} must hold one file, got {len(members)}. Unpack it, and give the file you mean.")
            return stack.enter_context(archive.open(members[0]))
    return stack.enter_context(path.open("rb"))
