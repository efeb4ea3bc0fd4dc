"""Files that are there whole or not at all, whatever happens while they are written."""

import os
from pathlib import Path


def write(path: Path, content: bytes | memoryview, *, sync: bool = False) -> None:
    """Writes beside and moves into place; on an error (a full disk) what was there before is left as it was.

    Args:
        sync: also wait until it is on the disk, so that a power cut leaves the old or the new.
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
