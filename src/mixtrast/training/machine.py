"""Where and in which precision to run: chosen once, with the reason, and kept in the recipe."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

import torch

from mixtrast.encoders import Encoder
from mixtrast.recipe import Training


@dataclass(frozen=True)
class Machine:
    """A device and how to compute on it."""

    device: str
    precision: str
    channels_last: bool
    why: dict[str, str]


def choose(training: Training, encoder: Encoder) -> Machine:
    """What `auto` means here. Raises ValueError where a device was asked for that is not there."""
    why = {}
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    device: str = training.device
    if device == "auto":
        device = "cuda" if available["cuda"] else "cpu"
        why["device"] = "a CUDA GPU is here" if device == "cuda" else "no CUDA GPU is here"
    if not available[device]:
        here = ", ".join(name for name, there in available.items() if there)
        raise ValueError(f"`device` {device} is not available here; there is {here}. Leave it at auto.")
    convolutional = any(isinstance(module, torch.nn.Conv2d) for module in encoder.modules())
    precision: str = training.precision
    if precision == "auto":
        precision, why["precision"] = _precision(device, encoder, convolutional)
    channels_last = training.channels_last
    if channels_last is None:
        channels_last = convolutional and (device == "cuda" or precision == "bf16-mixed")
        because = "faster for convolutions in bf16 and on GPUs" if channels_last else "no gain without convolutions in bf16"
        why["channels_last"] = because
    return Machine(device, precision, channels_last, why)


def _precision(device: str, encoder: Encoder, convolutional: bool) -> tuple[str, str]:
    if device == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16-mixed", "this GPU multiplies in bfloat16"
        return "32-true", "this GPU has no bfloat16"
    if device == "cpu" and convolutional and _cpu_bf16():
        widest = max(module.out_channels for module in encoder.modules() if isinstance(module, torch.nn.Conv2d))
        if widest >= 128:
            return "bf16-mixed", "this CPU multiplies in bfloat16, and the convolutions are wide enough to gain"
        return "32-true", "the convolutions are too small to gain from bfloat16"
    return "32-true", "plain float32 is the safe choice on this device"


def _cpu_bf16() -> bool:
    return torch.cpu.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def environment(machine: Machine) -> dict[str, Any]:
    """What a bit-for-bit repetition depends on besides the recipe."""
    return {
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "device": machine.device if machine.device != "cuda" else torch.cuda.get_device_name(),
        "cpu": platform.processor() or platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
