"""Features of more data: as the encoder computes them, and as a file."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from mixtrast import inference
from mixtrast.inference import features_file
from support.runs import COLUMNS, blobs, content, csv, frame, prepared, small

pytestmark = pytest.mark.usefixtures("light")


def test_new_data_are_embedded_as_the_encoder_does(tmp_path):
    done = small(csv(tmp_path), tmp_path / "run", label="kind")
    more = frame(rows=17, seed=3)
    shuffled = more[["kind", "c", "a", "d", "b"]].assign(other=1.0)
    encoder = done.encoder()
    expected = encoder(torch.tensor(more[COLUMNS].to_numpy(np.float32)))
    z, dataset = done.embed(shuffled)
    assert torch.equal(z, expected)
    assert [done.results.data.classes[number] for number in dataset.label] == more["kind"].tolist()
    z, dataset = done.embed(more[COLUMNS[::-1]])
    assert torch.equal(z, expected)
    assert dataset.label is None
    path = tmp_path / "more.csv"
    shuffled.to_csv(path, index=False)
    torch.testing.assert_close(done.embed(path)[0], expected)
    assert torch.equal(done.embed(more[COLUMNS].to_numpy())[0], expected)
    with pytest.raises(ValueError, match="lacks b"):
        done.embed(more[["a", "c", "d"]])


def test_a_file_of_features_is_complete_or_not_there(tmp_path):
    done = small(csv(tmp_path), tmp_path / "run", label="kind")
    data = frame(rows=12, seed=5)
    z, dataset = done.embed(data)
    assert done.write_features(data, tmp_path / "z.npz") == (12, 16)
    with np.load(tmp_path / "z.npz") as stored:
        assert np.array_equal(stored["z"], z)
        assert np.array_equal(stored["y"], dataset.label)
    done.write_features(data, tmp_path / "z.csv")
    stored = pd.read_csv(tmp_path / "z.csv")
    assert list(stored) == [*(f"z{k}" for k in range(16)), "label"]
    assert stored["label"].tolist() == data["kind"].tolist()
    np.testing.assert_allclose(stored.iloc[:, :16], z, rtol=1e-5)
    done.write_features(data[COLUMNS], tmp_path / "plain.npz")
    with np.load(tmp_path / "plain.npz") as stored:
        assert list(stored) == ["z"]
    before = content(tmp_path)
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        done.write_features(data, tmp_path / "z.npz")
    with pytest.raises(ValueError, match=r"written as \.npz, \.csv, \.parquet"):
        done.write_features(data, tmp_path / "z.txt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        done.write_features(data, tmp_path / "none" / "z.npz")
    with pytest.raises(ValueError, match="lacks"):
        done.write_features(data[["a"]], tmp_path / "new.npz")
    assert content(tmp_path) == before


def test_inputs_are_scaled_by_training_rows_alone(tmp_path):
    x, y = blobs()
    done = small((x, y), tmp_path / "run")
    rows = prepared(done, (x, y)).split.train
    how = json.loads((done.folder / "encoder.json").read_text())
    np.testing.assert_allclose(how["mean"], x[rows].mean(0), rtol=1e-5)
    np.testing.assert_allclose(how["std"], x[rows].std(0), rtol=1e-5)
    encoder = done.encoder()
    examples = torch.from_numpy(x)
    assert torch.equal(encoder(examples), inference.embed(encoder.encoder, encoder.scale(examples)))
    with pytest.raises(ValueError, match=r"takes examples of shape \(4,\), got \(3,\)"):
        encoder(examples[:, :3])


def test_a_file_that_fails_half_way_is_not_left(tmp_path, monkeypatch):
    done = small(csv(tmp_path), tmp_path / "run", label="kind")
    z, dataset = done.embed(frame(rows=12, seed=5))
    before = content(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match="No space left"):
        features_file.write(tmp_path / "z.csv", z, dataset)
    assert content(tmp_path) == before


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_the_size_of_a_batch_changes_no_feature(batch, tmp_path):
    encoder = small(blobs(), tmp_path / "run").encoder()
    x = torch.from_numpy(blobs()[0])
    torch.testing.assert_close(encoder(x, batch=batch), encoder(x))
    rows = torch.tensor([5, 3, 70])
    assert torch.equal(inference.embed(encoder.encoder, x, encoder.scale, rows=rows), encoder(x)[rows])
    assert inference.embed(encoder.encoder, x[:0]).shape == (0, 16)


def test_the_mode_of_an_encoder_is_left_as_it_was(tmp_path):
    encoder = small(blobs(), tmp_path / "run").encoder().encoder
    encoder.train()
    encoder.stages[0].eval()
    inference.embed(encoder, torch.from_numpy(blobs()[0]))
    assert encoder.training
    assert not encoder.stages[0].training
