import math
from contextlib import nullcontext
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder, Sizes
from mixtrast.encoders.lenet import LeNet
from mixtrast.encoders.resnet import ResNet
from mixtrast.encoders.vgg import VGG, VGG11
from mixtrast.spec import Image, Series, Spec
from mixtrast.validation import check_choice, is_number

SIZES: Sizes = {"logmel18": {"blocks": (2, 2, 2, 2), "width": 64}}


class LogMel(Encoder):
    """A log-mel spectrogram of a sound, encoded by a network for images: `resnet`, `vgg` or `lenet`.

        S_mt = log( ε + Σ_f M_mf |Σ_n w_n x_n+th e^(-2πi fn/N)|² ),        a Hann window w of N samples every h

    Depths: 0 the waveform, where sounds add as they do in air, 1 the spectrogram, 1 + d depth d of the body.

    Args:
        rate: samples a second, for the mel scale.
        window: N in samples; None: the power of two next to 64 ms.
        hop: h in samples; None: such that there are about as many frames as mel bands.
        mels: bands.
        body: "resnet", "vgg11" or "lenet", the last two as mixup's table of spoken words has them.
        blocks, width: of the body `resnet`.
        block: likewise.

    Reference: Davis and Mermelstein, IEEE Trans. ASSP 28, 1980; 32 bands x 32 frames are those of Lee et al., i-Mix,
        arXiv:2010.08887, for Speech Commands (window 2,048, hop 512 at 16 kHz).
    Differs: i-Mix takes decibels below each sound's own maximum; here loudness is preserved, since a mixture needs it.
    """

    lr: ClassVar[float] = 0.003  # above 0.001 wherever both were run: docs/results/defaults.md

    def __init__(
        self,
        spec: Spec,
        *,
        rate: int = 16_000,
        window: int | None = None,
        hop: int | None = None,
        mels: int = 32,
        body: Literal["resnet", "vgg11", "lenet"] = "resnet",
        blocks: tuple[int, ...] = (1, 1, 1),
        width: int = 32,
        block: Literal["basic", "bottleneck"] = "basic",
    ) -> None:
        if not isinstance(spec, Series) or spec.gaps:
            what = f"{type(spec).__name__} {spec.shape}" if not isinstance(spec, Series) else "series with missing values"
            raise ValueError(
                f"LogMel takes sounds, series (C, L) without gaps, got {what}. Use the resnet1d, mlp or transformer encoder."
            )
        for name, value in {"rate": rate, "window": window, "hop": hop, "mels": mels}.items():
            if value is not None and (not is_number(value) or value != int(value) or value < 1):
                raise ValueError(f"`{name}` of LogMel must be a whole number above 0, got {value!r}.")
        check_choice("body", body, ("resnet", "vgg11", "lenet"))
        check_choice("block", block, ("basic", "bottleneck"))
        if body != "resnet" and (blocks, width, block) != ((1, 1, 1), 32, "basic"):
            what = "`blocks`, `width` and `block` of LogMel are of the body resnet"
            raise ValueError(f"{what}, got body {body!r}. Leave them out.")
        window = min(spec.length, 2 ** round(math.log2(0.064 * rate)) if window is None else window)
        hop = max(1, (spec.length - window) // max(1, mels - 1)) if hop is None else hop
        front = Spectrogram(rate, window, hop, mels)
        frames = 1 + (spec.length - window) // hop
        image = Image(spec.channels, mels, frames)
        if body == "resnet":
            network: Encoder = ResNet(image, blocks=blocks, width=width, block=block)
        else:
            network = LeNet(image) if body == "lenet" else VGG(image, blocks=VGG11, width=64)
        super().__init__([front, *network.stages], network.dim)
        self.spec = spec


class Spectrogram(nn.Module):
    """(B,C,L) -> (B,C,mels,frames): log-mel power. A product with cosines and sines, which can be exported."""

    basis: Tensor
    bank: Tensor

    def __init__(self, rate: int, window: int, hop: int, mels: int, floor: float = 1e-6) -> None:
        super().__init__()
        self.window, self.hop, self.floor = window, hop, floor
        bins = window // 2 + 1
        angle = 2 * math.pi / window * torch.arange(window)[:, None] * torch.arange(bins)
        hann = torch.hann_window(window)[:, None]
        self.register_buffer("basis", torch.cat([angle.cos() * hann, angle.sin() * hann], 1), persistent=False)
        self.register_buffer("bank", mel_bank(rate, window, mels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kind = x.device.type
        wide = torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
        with wide:  # a sum of squares of very different sizes
            parts = x.to(self.basis.dtype).unfold(2, self.window, self.hop) @ self.basis  # (B,C,T,2F)
            real, imaginary = parts.chunk(2, 3)
            mel: Tensor = (real.square() + imaginary.square()) @ self.bank
            return (mel + self.floor).log().transpose(2, 3)


def mel_bank(rate: int, window: int, mels: int) -> Tensor:
    """(bins, mels): triangles on the mel scale, 2595 log10(1 + f / 700), each of sum 1; a band below one bin takes the next.

    Reference: the scale of O'Shaughnessy, Speech communication, 1987.
    """
    bins = window // 2 + 1
    frequency = torch.linspace(0, rate / 2, bins, dtype=torch.float64)
    top = 2595 * math.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    up, down = (frequency[:, None] - low) / (middle - low), (high - frequency[:, None]) / (high - middle)
    bank = torch.minimum(up, down).clamp(min=0)
    one = torch.zeros_like(bank).scatter_(0, (frequency[:, None] - middle).abs().argmin(0)[None], 1.0)
    bank = torch.where(bank.sum(0) > 0, bank, one)
    found: Tensor = (bank / bank.sum(0)).float()
    return found
