"""Files that are written completely or not at all."""

import os
from pathlib import Path


def write(path: Path, content: bytes | memoryview, *, sync: bool = False) -> None:
    """Write a file next to `path` and move it into place; after an error (a full disk) `path` is unchanged.

    Args:
        sync: also wait until it is on the disk, so that a power cut leaves the old file or the new one.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
