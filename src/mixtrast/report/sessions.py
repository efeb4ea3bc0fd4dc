"""How the runs of a comparison shared the machine."""

from collections.abc import Iterable, Sequence

from mixtrast.records import SessionRecord
from mixtrast.text import count, duration


def machine_use(sessions: Sequence[SessionRecord]) -> list[tuple[str, str]]:
    """Wall time, runs at a time, cores, and how busy they were; empty where no session is recorded."""
    known = [each for each in sessions if each.seconds is not None]
    if not known:
        return []
    seconds = sum(each.seconds or 0.0 for each in known)
    found = [
        ("wall time", duration(seconds) + (f", in {len(known)} sessions" if len(known) > 1 else "")),
        ("runs at a time", _each(f"{each.workers}, with {count(each.threads or 1, 'thread')} each" for each in known)),
        ("cores", _each(str(each.cores) for each in known)),
    ]
    if all(each.cpu_seconds is not None for each in known):
        there = sum((each.seconds or 0.0) * (each.cores or 1) for each in known)
        share = sum(each.cpu_seconds or 0.0 for each in known) / max(1e-9, there)
        found.append(("cores busy with runs", f"{100 * share:.0f} % of the time"))
    return found


def _each(words: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(words))
