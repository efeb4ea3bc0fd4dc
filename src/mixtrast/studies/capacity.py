"""How many runs go on at a time: from cores, memory and GPUs, with the reason."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

COPIES = 4  # of the data that a run may hold at once: as read, scaled, on the device, and features of it
EACH = 10**9  # bytes of a run besides: torch and its libraries, weights, activations


@dataclass(frozen=True)
class Capacity:
    """What the runs share.

    Args:
        jobs: runs at a time.
        threads: of each.
        cores: of the machine that this process may use.
        devices: CUDA devices in turn, as CUDA_VISIBLE_DEVICES names them; none on a CPU.
        why: the reason, for people.
    """

    jobs: int
    threads: int
    cores: int
    devices: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Machine:
    """What is there: cores, bytes of memory that are free (None where unknown), CUDA devices."""

    cores: int
    memory: int | None
    devices: tuple[str, ...] = ()


def choose(asked: int | None, waiting: int, data_bytes: int, machine: Machine) -> Capacity:
    """How many at a time.

    Args:
        asked: by the user, or None.
        waiting: runs that are left.
        data_bytes: of the examples in memory.

    One thread a run, and as many runs as cores: small steps leave a second thread waiting at the end of every operation, while
    runs do not wait for each other. Each is counted with 4 times the data and 1 GB.
    """
    each = COPIES * data_bytes + EACH
    if machine.devices:
        most, why = len(machine.devices), f"one for each of {_plural(len(machine.devices), 'GPU')}"
    else:
        most, why = machine.cores, f"as many as cores ({machine.cores}): separate runs do not wait for each other, threads do"
        fits = most if machine.memory is None else max(1, machine.memory // each)
        if machine.memory is not None and fits < most:
            most, why = fits, f"memory has room for {fits}: {_gb(each)} each (4 x the data + 1 GB), {_gb(machine.memory)} free"
    if waiting < most:
        most, why = max(1, waiting), "no more are left" if waiting else "nothing is left to run"
    if asked is not None:
        most, why = asked, "as asked"
    threads = max(1, machine.cores // most)
    return Capacity(most, threads, machine.cores, machine.devices, why)


def machine(gpu: bool) -> Machine:
    """This one. `gpu`: whether the runs go to CUDA."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return Machine(cores, _free_memory(), _devices() if gpu else ())


def environment(capacity: Capacity, place: int) -> dict[str, str]:
    """Variables of the run at that place (0 to jobs - 1): its threads, and its GPU."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables = {name: str(capacity.threads) for name in names}
    variables["OMP_WAIT_POLICY"] = "passive"  # a thread that waits leaves its core to the other runs
    if capacity.devices:
        variables["CUDA_VISIBLE_DEVICES"] = capacity.devices[place % len(capacity.devices)]
    return variables


def _devices() -> tuple[str, ...]:
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    here = [name.strip() for name in named.split(",")] if named else [str(at) for at in range(torch.cuda.device_count())]
    return tuple(here[: torch.cuda.device_count()])


def _free_memory() -> int | None:
    """Bytes that may be taken without swapping, in this container; None where the system does not say."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        group = Path("/sys/fs/cgroup")
        found.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # no such file, or "max": no limit
        pass
    return max(0, min(found)) if found else None


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _plural(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else one + 's'}"
