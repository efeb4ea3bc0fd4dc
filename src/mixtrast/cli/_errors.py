"""What is printed when a command ends early, and its exit code."""

import errno
import shlex
import sys
from pathlib import Path

INPUT = (ValueError, TypeError, LookupError, OSError, ImportError)
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)  # no wrong input


def wrong(error: BaseException) -> int:
    """Print a mistake in usage or input."""
    text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    print(f"mixtrast: error: {text}", file=sys.stderr)
    return 2


def failed(error: BaseException) -> int:
    """Print the failure of a run that had begun."""
    what = repr(error) if isinstance(error, KeyError) else str(error)
    print(f"mixtrast: failed: {what or type(error).__name__}", file=sys.stderr)
    return 1


def print_resume(words: list[str], folder: Path) -> None:
    """Print the command that continues what was stopped."""
    named = any(word == "--out" or word.startswith("--out=") for word in words)
    again = [*words, *([] if named else ["--out", str(folder)]), *([] if "--resume" in words else ["--resume"])]
    print(f"Continue with: mixtrast {shlex.join(again)}", file=sys.stderr)
