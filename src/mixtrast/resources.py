"""Resources of this machine, or of the container where that has less: cores and free memory."""

import os
from pathlib import Path

UNKNOWN = 1 << 32  # bytes assumed free where the system does not say
# Limit, use and statistics of a control group, in version 2 and in version 1.
GROUPS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory(root: Path = Path("/")) -> int:
    """Return how many bytes can be allocated now. Files in the page cache do not count as used: the system drops them.

    Args:
        root: where `proc` and `sys` are.
    """
    free = [1024 * value for value in (_entry(_lines(root / "proc/meminfo"), "MemAvailable:"),) if value is not None]
    if not free and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        free.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)  # what others use is not known
    for files in GROUPS:
        limit, used, statistics = (_lines(root / "sys/fs/cgroup" / name) for name in files)
        if limit and used and limit[0].isdigit():
            free.append(max(0, int(limit[0]) - int(used[0]) + (_entry(statistics, "inactive_file") or 0)))
    return min(free, default=UNKNOWN)


def _entry(lines: list[str], key: str) -> int | None:
    """Return the number after a key at the beginning of a line."""
    return next((int(words[1]) for line in lines if len(words := line.split()) > 1 and words[0] == key), None)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, none where it cannot be read."""
    try:
        return path.read_text(encoding="ascii").split("\n")
    except OSError:
        return []
