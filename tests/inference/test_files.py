"""The files of an encoder: both are needed, both are checked, and what they say is what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import mixtrast as mt
from mixtrast import inference
from mixtrast.inference import EncoderRecord
from mixtrast.records.folder import ENCODER, ENCODER_OPTIONS
from support.runs import blobs, small

pytestmark = pytest.mark.usefixtures("light")


@pytest.fixture
def run(tmp_path) -> mt.Run:
    return small(blobs(), tmp_path / "run")


def change(path: Path, **values: object) -> None:
    written = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in {**written, **values}.items() if value != "gone"}))


def test_an_encoder_comes_back_as_it_was_saved(run, tmp_path):
    trained, record = run.encoder(), EncoderRecord.read(run.folder / ENCODER_OPTIONS)
    (tmp_path / "copy").mkdir()
    inference.save(tmp_path / "copy", trained.encoder, record)
    again = inference.load(tmp_path / "copy")
    x = torch.from_numpy(blobs()[0])
    assert torch.equal(again(x), trained(x))
    assert (again.spec, again.classes) == (trained.spec, trained.classes)
    for name in (ENCODER, ENCODER_OPTIONS):
        assert (tmp_path / "copy" / name).read_bytes() == (run.folder / name).read_bytes()
    assert not again.encoder.training


@pytest.mark.parametrize("name", [ENCODER, ENCODER_OPTIONS])
def test_both_files_are_needed(name, run):
    (run.folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no finished encoder: .* Train first, or --resume"):
        run.encoder()


@pytest.mark.parametrize("key", ["encoder", "spec", "mean", "std", "classes"])
def test_a_record_without_a_key_is_damaged(key, run):
    change(run.folder / ENCODER_OPTIONS, **{key: "gone"})
    with pytest.raises(ValueError, match=rf"encoder\.json is damaged: .*{key}"):
        run.encoder()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"encoder": "mlp"}'])
def test_a_record_that_is_no_record_is_damaged(text, run):
    (run.folder / ENCODER_OPTIONS).write_text(text)
    with pytest.raises(ValueError, match=r"encoder\.json is damaged"):
        run.encoder()


@pytest.mark.parametrize("content", [b"", b"noise", b"\x08\0\0\0\0\0\0\0{}      "])
def test_damaged_weights_are_said(content, run):
    (run.folder / ENCODER).write_bytes(content)
    with pytest.raises(ValueError, match=r"encoder\.safetensors is damaged or of another encoder"):
        run.encoder()


def test_weights_of_another_encoder_are_said(run):
    written = json.loads((run.folder / ENCODER_OPTIONS).read_text())
    change(run.folder / ENCODER_OPTIONS, encoder={**written["encoder"], "widths": [9]})
    with pytest.raises(ValueError, match="is damaged or of another encoder"):
        run.encoder()
