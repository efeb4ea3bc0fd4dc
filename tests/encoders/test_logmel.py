"""The log-mel spectrogram is that of torch."""

from __future__ import annotations

import math

import torch

from mixtrast.encoders.logmel import Spectrogram, mel_bank
from support.sequences import tone


def test_the_spectrogram_is_that_of_torch():
    x = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    front = Spectrogram(8000, 512, 128, 32)
    power = torch.stft(x[:, 0], 512, 128, window=torch.hann_window(512), center=False, return_complex=True).abs().square()
    wanted = (power.transpose(1, 2) @ mel_bank(8000, 512, 32) + 1e-6).log().transpose(1, 2)
    torch.testing.assert_close(front(x)[:, 0], wanted, rtol=1e-4, atol=1e-4)
    bank = mel_bank(16_000, 256, 64)
    assert torch.allclose(bank.sum(0), torch.ones(64))
    loudest = front(torch.from_numpy(tone(1000, 0.5)).float()[None, None]).mean(3)[0, 0].argmax()
    centre = 700 * (10 ** (2595 * math.log10(1 + 4000 / 700) * (int(loudest) + 1) / 33 / 2595) - 1)
    assert abs(centre - 1000) < 80
