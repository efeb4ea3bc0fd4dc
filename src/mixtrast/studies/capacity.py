"""How many runs at a time: from cores, memory and GPUs, with the reason."""

import os
from dataclasses import dataclass

from mixtrast.records.comparison import CapacityRecord
from mixtrast.resources import cores, free_memory
from mixtrast.text import count, size_of

COPIES = 4  # of the data that a run may hold at once: as read, scaled, on the device, and features of it
EACH = 10**9  # bytes of a run besides: torch and its libraries, weights, activations


@dataclass(frozen=True)
class Machine:
    """Cores, bytes of free memory (None where unknown), and CUDA devices."""

    cores: int
    memory: int | None
    devices: tuple[str, ...] = ()


def choose(requested: int | None, waiting: int, data_bytes: int, machine: Machine) -> CapacityRecord:
    """The number of workers, and the threads of each.

    Args:
        requested: by the user, or None.
        waiting: runs that are not finished.
        data_bytes: of the examples in memory.

    One thread a run, and as many runs as cores: small steps leave a second thread waiting at the end of every operation, while
    runs do not wait for each other. Each is counted with 4 times the data and 1 GB.
    """
    each = COPIES * data_bytes + EACH
    if machine.devices:
        most, reason = len(machine.devices), f"one for each of {count(len(machine.devices), 'GPU')}"
    else:
        most, reason = machine.cores, f"one for each of {count(machine.cores, 'core')}"
        fits = most if machine.memory is None else max(1, machine.memory // each)
        if machine.memory is not None and fits < most:
            most, free = fits, size_of(machine.memory)
            reason = f"memory has room for {fits}, with {size_of(each)} each (4 x the data + 1 GB) and {free} free"
    if waiting < most:
        most, reason = max(1, waiting), f"{count(waiting, 'run')} left"
    if requested is not None:
        most, reason = requested, "as requested"
    return CapacityRecord(most, max(1, machine.cores // most), machine.cores, reason, machine.devices)


def this_machine(gpu: bool) -> Machine:
    """This machine. `gpu`: whether the runs use CUDA."""
    return Machine(cores(), free_memory(), _devices() if gpu else ())


def environment(capacity: CapacityRecord, place: int) -> dict[str, str]:
    """Variables of the libraries of the run at that place (0 to workers - 1): its threads, and its GPU."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables = {name: str(capacity.threads) for name in names}
    variables["OMP_WAIT_POLICY"] = "passive"  # a thread that waits leaves its core to the other runs
    if capacity.devices:
        variables["CUDA_VISIBLE_DEVICES"] = capacity.devices[place % len(capacity.devices)]
    return variables


def _devices() -> tuple[str, ...]:
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [name.strip() for name in named.split(",")] if named else [str(at) for at in range(torch.cuda.device_count())]
    return tuple(found[: torch.cuda.device_count()])
