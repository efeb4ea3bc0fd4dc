"""Sounds in folders."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from mixtrast import datasets, spec
from support.messages import refused, said
from support.sequences import tone


def sound(path: Path, samples: np.ndarray, rate: int = 8000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.repeat(samples, channels) * 32767).astype("<i2").tobytes())


def test_sounds_of_a_folder(tmp_path):
    pytest.importorskip("soundfile", reason="soundfile, an extra, is not installed")
    for at in range(4):
        sound(tmp_path / "s" / f"{at % 2}_ann_{at}.wav", tone(440, 0.2))
    sound(tmp_path / "s" / "1_bob_9.wav", tone(440, 0.1, 16_000), 16_000, channels=2)
    data = datasets.open(tmp_path / "s", label="first", groups="2")
    assert data.spec == spec.Series(1, 1600)
    assert data.classes == ("0", "1")
    assert len(data.groups.unique()) == 2
    assert data.encoder == ("logmel", {"rate": 8000})
    assert "converted to 8,000 Hz: 1 of 16,000 Hz" in said(data)
    assert data.x[4, 0, 800:].eq(0).all(), "silence after a shorter one"
    wanted = torch.from_numpy(tone(440, 0.1)).float()
    assert (data.x[4, 0, 100:700] - wanted[100:700]).abs().max() < 0.01, "another rate, the same tone"
    assert (data.x[0, 0, :1600] - torch.from_numpy(tone(440, 0.2)).float()).abs().max() < 1e-4
    folders = tmp_path / "f"
    sound(folders / "yes" / "a.wav", tone(200, 0.1))
    sound(folders / "no" / "b.wav", tone(300, 0.3))
    data = datasets.open(folders, seconds=0.15)
    assert (data.classes, data.spec.length) == (("no", "yes"), 1200)
    assert "1 sound longer than that" in said(data)
    more = datasets.open(tmp_path / "s", schema=data.schema)
    assert more.x.shape == (5, 1, 1200)


def test_sounds_to_train_and_to_test(tmp_path):
    pytest.importorskip("soundfile", reason="soundfile, an extra, is not installed")
    for part, many in (("train", 3), ("test", 2), ("val", 1), ("noise", 1)):
        for kind in ("yes", "no"):
            for at in range(many):
                sound(tmp_path / "s" / part / kind / f"{at}.wav", tone(440, 0.1))
    data = datasets.open(tmp_path / "s")
    assert (data.name, data.classes, len(data.x)) == ("s", ("no", "yes"), 10)
    assert int(data.test_rows.sum()) == 4
    assert "not read, as they are neither training nor test set: noise" in said(data)
    assert "not read: val; validation examples are split off the training set" in said(data)
    with refused("has its own test set"):
        datasets.open(tmp_path / "s", test=tmp_path / "s/noise")


def test_sounds_that_are_refused(tmp_path):
    pytest.importorskip("soundfile", reason="soundfile, an extra, is not installed")
    sound(tmp_path / "a_b.wav", tone(440, 0.1))
    with refused(r"a_b\.wav has no part '3' for `label`: its name has 2 parts"):
        datasets.open(tmp_path, label="3")
    (tmp_path / "bad.wav").write_bytes(b"RIFF" + struct.pack("<I", 4) + b"WAVE")
    with refused(r"bad\.wav could not be read as a sound"):
        datasets.open(tmp_path)
    (tmp_path / "bad.wav").unlink()
    sound(tmp_path / "c_d.wav", np.zeros(0))
    with refused(r"c_d\.wav has no samples"):
        datasets.open(tmp_path)


def test_a_folder_of_both_is_one_of_images(tmp_path):
    sound(tmp_path / "a" / "x.wav", tone(440, 0.1))
    for at in range(3):
        Image.new("RGB", (8, 8), (at, 0, 0)).save(tmp_path / "a" / f"{at}.png")
    assert datasets.open(tmp_path).reader == "images"


def test_labels_that_are_none_and_sounds_that_are_cut(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 2)), columns=["a", "b"])
    with pytest.raises(
        ValueError, match=r"'who' has 40 different values in 40 rows, most of them once: it looks like an identif"
    ):
        datasets.open(table.assign(who=[f"u{n}" for n in range(40)]), label="who")
    counted = datasets.open(table.assign(who=range(100, 140)), label="who")
    assert any("counts the rows one by one: it looks like a row number" in note for note in counted.notes)
    grouped = datasets.open(table.assign(y=np.arange(40) // 10 % 2, who=np.arange(40) // 10), label="y", groups="who")
    assert any("throughout each group: scores are only as certain as those of 4 examples" in note for note in grouped.notes)
    varied = datasets.open(table.assign(y=np.arange(40) % 2, who=np.arange(40) // 10), label="y", groups="who")
    assert not any("throughout" in note for note in varied.notes)
    for number in range(4):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        with wave.open(str(tmp_path / "ab"[number % 2] / f"{number}.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\1\2" * 800)
    assert len(datasets.open(str(tmp_path)).x) == 4
    path = tmp_path / "a/2.wav"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"2\.wav is cut off: 500 bytes are missing"):
        datasets.open(str(tmp_path))
    content = bytearray(path.read_bytes())
    for unknown in (0x80000000, 0x7FFFF000, 0xFFFFFFFF):  # of programs that wrote before they knew
        content[40:44] = unknown.to_bytes(4, "little")
        path.write_bytes(content)
        assert len(datasets.open(str(tmp_path)).x) == 4
