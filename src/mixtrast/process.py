"""Processes that share a disk: one at a time in a folder, signals that ask to stop, names that are free."""

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

try:
    import fcntl
except ImportError:  # Windows has none: no folder is locked there
    fcntl = None  # type: ignore[assignment]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock the folder for this process; the lock ends with the process, however it ends.

    Raises: BlockingIOError where another process holds it.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(f"another process is at work on {folder}. Wait for it, or stop it first.") from error
        yield
    finally:
        os.close(descriptor)


@contextmanager
def stop_signals(*, second_interrupts: bool) -> Iterator[list[int]]:
    """The numbers of the SIGINT and SIGTERM that have come, in a list that grows; the handlers of before come back at the end.

    Args:
        second_interrupts: a second signal raises KeyboardInterrupt. Otherwise it is added like the first.

    In a thread other than the main one, where no handler may be set, the list stays empty.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def handle(number: int, _: FrameType | None) -> None:
        if received and second_interrupts:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_name(name: str, is_taken: Callable[[str], bool], pattern: str = "{}-{}") -> str:
    """The name, or the name with the lowest number from 2 on, that is not taken.

    >>> free_name("a", {"a", "a-2"}.__contains__)
    'a-3'
    """
    if not is_taken(name):
        return name
    numbered = (pattern.format(name, number) for number in itertools.count(2))
    return next(each for each in numbered if not is_taken(each))


def free_folder(name: str, root: Path = Path("runs")) -> Path:
    """A folder that does not exist yet: runs/NAME, or runs/NAME-2 and so on."""
    stem = name.replace("/", "-").replace(" ", "-")
    return root / free_name(stem, lambda each: (root / each).exists())
