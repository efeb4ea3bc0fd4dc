"""Datasets known by name: each on a tiny copy in the files and folders of its owner."""

from __future__ import annotations

import json
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mixtrast as mt
from mixtrast import cli, datasets, registry, spec
from mixtrast.data import Schema
from support.named_sets import HERE, NAMED, RNG, photo, table


def write_abalone(root: Path) -> None:
    lines = table(60, 7, lambda row: row % 3 + 8).splitlines()
    (root / "abalone.data").write_text("".join(f"{'MFI'[row % 3]},{line}\n" for row, line in enumerate(lines)))


def write_arcene(root: Path) -> None:
    (root / "ARCENE").mkdir()
    for part, rows in (("train", 12), ("valid", 8)):
        values = RNG.integers(0, 999, (rows, 20))
        (root / f"ARCENE/arcene_{part}.data").write_text("".join(" ".join(map(str, row)) + " \n" for row in values))
        (root / f"ARCENE/arcene_{part}.labels").write_text("".join(f"{(-1) ** row}\n" for row in range(rows)))


def write_covtype(root: Path) -> None:
    import gzip

    (root / "covtype").mkdir()
    with gzip.open(root / "covtype/covtype.data.gz", "wt") as file:
        row = ",".join(["0"] * 53)
        file.writelines(f"{number % 97},{row},{number % 7 + 1}\n" for number in range(15_200))


def write_phishing(root: Path) -> None:
    head = "@relation phishing\n\n@attribute having_IP_Address  { -1,1 }\n@attribute URL_Length   { 1,0,-1 }\n"
    rows = "".join(f"{row % 2 * 2 - 1},{row % 3 - 1},{row % 2 * 2 - 1}\n" for row in range(40))
    (root / "Training Dataset.arff").write_text(f"{head}@attribute Result  {{ -1,1 }}\n\n\n@data\n{rows}")


def write_tiny_imagenet(root: Path) -> None:
    place = root / "tiny-imagenet-200"
    kinds = ("n01443537", "n01629819")
    for kind in kinds:
        for number in range(6):
            photo(place / "train" / kind / "images" / f"{kind}_{number}.JPEG", (64, 64))
    for number in range(2):
        photo(place / "val/images" / f"val_{number}.JPEG", (64, 64))
    photo(place / "test/images/test_0.JPEG", (64, 64))
    (place / "wnids.txt").write_text("\n".join(kinds) + "\n")
    (place / "val/val_annotations.txt").write_text("".join(f"val_{n}.JPEG\t{kinds[n]}\t0\t0\t32\t32\n" for n in range(2)))


def write_cub(root: Path) -> None:
    place = root / "cub/CUB_200_2011"
    names = ("001.Black_footed_Albatross", "002.Laysan_Albatross")
    images = [f"{names[n % 2]}/bird_{n}.jpg" for n in range(16)]
    for image in images:
        photo(place / "images" / image, (50, 70))
    (place / "classes.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(names, 1)))
    (place / "images.txt").write_text("".join(f"{n} {image}\n" for n, image in enumerate(images, 1)))
    (place / "image_class_labels.txt").write_text("".join(f"{n} {(n - 1) % 2 + 1}\n" for n in range(1, 17)))
    (place / "train_test_split.txt").write_text("".join(f"{n} {int(n <= 12)}\n" for n in range(1, 17)))


def write_dtd(root: Path) -> None:
    images = [f"{kind}/{kind}_{n:04}.jpg" for kind in ("banded", "dotted") for n in range(9)]
    for image in images:
        photo(root / "dtd/images" / image)
    (root / "dtd/labels").mkdir()
    for at, part in enumerate(("train1", "val1", "test1")):
        (root / f"dtd/labels/{part}.txt").write_text("".join(f"{image}\n" for image in images[at::3]))


def write_gtsrb(root: Path) -> None:
    place = root / "GTSRB"
    for kind in range(2):
        for track in range(3):
            for frame in range(2):
                photo(place / f"Final_Training/Images/{kind:05}/{track:05}_{frame:05}.ppm")
    for number in range(4):
        photo(place / f"Final_Test/Images/{number:05}.ppm")
    head = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"
    rows = "".join(f"{number:05}.ppm;53;54;6;5;48;49;{number % 2}\n" for number in range(4))
    (root / "GT-final_test.csv").write_text(head + rows)


def write_eurosat(root: Path) -> None:
    import tifffile

    for kind in ("AnnualCrop", "Forest"):
        (root / "EuroSAT_MS" / kind).mkdir(parents=True)
        for number in range(1, 9):
            tile = RNG.integers(0, 3000, (64, 64, 13)).astype(np.uint16)
            tifffile.imwrite(
                root / f"EuroSAT_MS/{kind}/{kind}_{number}.tif", tile, planarconfig="contig", photometric="minisblack"
            )


def write_pamap2(root: Path) -> None:
    place = root / "PAMAP2_Dataset/Protocol"
    place.mkdir(parents=True)
    for person in (101, 102, 103, 105, 106):
        rows = RNG.normal(size=(40, 54))
        rows[:, 0] = np.arange(40) / 100
        rows[:, 1] = np.repeat([0, 1, 0, 4], 10)  # 0 is between two activities
        rows[1::3, 2] = np.nan
        text = "\n".join(" ".join("NaN" if value != value else f"{value:g}" for value in row) for row in rows)
        (place / f"subject{person}.dat").write_text(text + "\n")


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def record(x: str, y: int) -> bytes:
    """A tf.Example in a TFRecord, whose checks are not looked at."""
    features = {
        "x": message(1, message(1, x.encode())),
        "y": message(3, message(1, varint(y))),
        "z": message(1, message(1, b"o")),
    }
    body = b"".join(message(1, message(1, key.encode()) + message(2, value)) for key, value in features.items())
    body = message(1, body)
    return struct.pack("<Q", len(body)) + b"\0" * 4 + body + b"\0" * 4


def write_genomics(root: Path) -> None:
    for folder, many in (("before_2011_in_tr", 12), ("between_2011-2016_in_val", 4), ("after_2016_in_test", 4)):
        (root / "genomics" / folder).mkdir(parents=True)
        for shard in range(2):
            content = b"".join(record(" ".join(map(str, RNG.integers(0, 4, 250))), 300 + row % 2) for row in range(many // 2))
            (root / "genomics" / folder / f"{folder}-0000{shard}-of-00002.tfrecord").write_bytes(content)
    (root / "genomics/label_dict.json").write_text(json.dumps({"Bacillus": 300, "Vibrio": 301}))


def write_scop(root: Path) -> None:
    (root / "remote_homology").mkdir()
    for part, many in (("train", 12), ("valid", 4), ("test_fold_holdout", 4)):
        rows = [{"primary": "MKVLAAGU" * (row + 3), "fold_label": row % 2 * 7, "id": str(row)} for row in range(many)]
        (root / f"remote_homology/remote_homology_{part}.json").write_text(json.dumps(rows))


def write_mnli(root: Path) -> None:
    (root / "multinli_1.0").mkdir()
    labels = ("entailment", "neutral", "contradiction")
    for part, many in (("train", 30), ("dev_matched", 10)):
        rows = [
            {"gold_label": "-" if row == 4 else labels[row % 3], "sentence1": f"A dog runs {row}.", "sentence2": "It moves."}
            for row in range(many)
        ]
        (root / f"multinli_1.0/multinli_1.0_{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_paws_x(root: Path) -> None:
    for language, first in (("en", "train"), ("ko", "translated_train")):
        (root / "x-final" / language).mkdir(parents=True)
        for part, many in ((first, 20), ("dev_2k", 6), ("test_2k", 6)):
            rows = "".join(f'{row}\tThe "old man {row} sat down .\tThe man sat .\t{row % 2}\n' for row in range(many))
            (root / f"x-final/{language}/{part}.tsv").write_text(f"id\tsentence1\tsentence2\tlabel\n{rows}99\t\tNS\t0\n")


def write_speech_commands(root: Path) -> None:
    place = root / "speech_commands_v0.02"
    for word in ("yes", "no", "cat", "_background_noise_"):
        (place / word).mkdir(parents=True)
        for number in range(6):
            with wave.open(str(place / word / f"{number:08x}_nohash_0.wav"), "wb") as sound:
                sound.setparams((1, 2, 16000, 0, "NONE", ""))
                sound.writeframes(RNG.integers(-99, 99, 16000, dtype=np.int16).tobytes())
    (place / "validation_list.txt").write_text("".join(f"{word}/00000002_nohash_0.wav\n" for word in ("yes", "no", "cat")))
    (place / "testing_list.txt").write_text("".join(f"{word}/00000003_nohash_0.wav\n" for word in ("yes", "no", "cat")))


WRITE: dict[str, Callable[[Path], object]] = {
    "abalone": write_abalone,
    "arcene": write_arcene,
    "arrhythmia": lambda root: (root / "arrhythmia.data").write_text(table(40, 12, lambda row: row % 3 + 1, gap="?")),
    "covtype": write_covtype,
    "cub": write_cub,
    "dtd": write_dtd,
    "eurosat": write_eurosat,
    "genomics": write_genomics,
    "gtsrb": write_gtsrb,
    "higgs": lambda root: (root / "HIGGS.csv").write_text(table(60, 28, lambda row: f"{row % 2:e}", first=True)),
    "htru2": lambda root: (root / "HTRU_2.csv").write_text(table(60, 8, lambda row: row % 2)),
    "iris": lambda root: (root / "iris.data").write_text(table(60, 4, lambda row: f"Iris-{'abc'[row % 3]}") + "\n"),
    "mnli": write_mnli,
    "pamap2": write_pamap2,
    "paws-x": write_paws_x,
    "phishing": write_phishing,
    "scop": write_scop,
    "speech-commands": write_speech_commands,
    "tiny-imagenet": write_tiny_imagenet,
}
OPTIONS: dict[str, dict[str, Any]] = {"pamap2": {"window": 5, "stride": 5}}
# spec, classes, and how many train, validate and test: as given, or as split off where 0 is given
SEEN = {
    "abalone": (spec.Table(8, (3, 0, 0, 0, 0, 0, 0, 0), True), 3, (60, 0, 0)),
    "arcene": (spec.Table(20), 2, (12, 0, 8)),
    "arrhythmia": (spec.Table(12, (), True), 3, (40, 0, 0)),
    "covtype": (spec.Table(54), 7, (11_340, 3_780, 80)),
    "cub": (spec.Image(3, 32, 32), 2, (12, 0, 4)),
    "dtd": (spec.Image(3, 32, 32), 2, (12, 0, 6)),
    "eurosat": (spec.Image(13, 64, 64), 2, (16, 0, 0)),
    "genomics": (spec.Tokens(250, 6, 0), 2, (12, 4, 4)),
    "gtsrb": (spec.Image(3, 32, 32), 2, (12, 0, 4)),
    "higgs": (spec.Table(28), 2, (60, 0, 0)),
    "htru2": (spec.Table(8), 2, (60, 0, 0)),
    "iris": (spec.Table(4), 3, (60, 0, 0)),
    "mnli": (None, 3, (29, 0, 9)),
    "pamap2": (spec.Series(52, 5), 2, (12, 4, 4)),
    "paws-x": (None, 2, (20, 6, 6)),
    "phishing": (spec.Table(2), 2, (40, 0, 0)),
    "scop": (spec.Tokens(128, 22, 0), 2, (12, 4, 4)),
    "speech-commands": (spec.Series(1, 16000), 3, (12, 3, 3)),
    "tiny-imagenet": (spec.Image(3, 64, 64), 2, (12, 0, 2)),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIXTRAST_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_set_is_written_here():
    assert set(WRITE) == set(SEEN) == set(NAMED)
    assert {file.replace("_", "-") for file in registry.names(datasets)} == {*NAMED, *HERE}


@pytest.mark.parametrize("name", NAMED)
def test_a_set_is_read_as_its_owner_gives_it_out(name, folder):
    WRITE[name](folder)
    options = OPTIONS.get(name, {})
    data = datasets.open(name, **options)
    seen, classes, (train, val, test) = SEEN[name]
    assert data.name == data.reader == name
    assert data.spec == seen or (seen is None and isinstance(data.spec, spec.Tokens))
    assert len(data.classes) == classes
    assert len(data.x) == train + val + test
    assert (data.test_rows is None) == (test == 0)
    assert (data.validation_rows is None) == (val == 0)
    if data.test_rows is not None:
        assert int(data.test_rows.sum()) == test
    if data.validation_rows is not None:
        assert int(data.validation_rows.sum()) == val
    info = datasets.find(name).info  # type: ignore[attr-defined]
    assert info.licence in " ".join(data.notes)
    assert info.locate() is not None
    assert Schema.from_dict(json.loads(json.dumps(data.schema.to_dict()))) == data.schema
    again = datasets.open(name, schema=data.schema, **options)  # the same, and with the same classes
    assert again.classes == data.classes
    assert torch.equal(torch.nan_to_num(again.x), torch.nan_to_num(data.x))
    assert torch.equal(again.label, data.label)
    parts = datasets.split(data, seed=0)
    assert len(parts.test)
    with pytest.raises(ValueError, match=r"has its own split and takes no `test`"):
        datasets.open(name, test=name, **options)


@pytest.mark.parametrize("name", NAMED)
def test_a_set_that_is_not_there_says_what_to_put_where(name, folder):
    info = datasets.find(name).info  # type: ignore[attr-defined]
    with pytest.raises(FileNotFoundError) as told:
        datasets.open(name)
    for words in (info.files[0].name, info.files[0].address, info.licence, str(folder), "MIXTRAST_DATA", "--data-dir"):
        assert words in str(told.value)
    assert info.locate() is None
    assert "GB" in str(told.value) or "MB" in str(told.value) or "kB" in str(told.value) or not info.size


@pytest.mark.parametrize("name", ["cub", "eurosat", "pamap2", "paws-x"])
def test_a_set_trains(name, folder):
    WRITE[name](folder)
    quick = ["--method", "npair", "--training.steps", "1", "--evaluation", "knn", "--no-maps", "--quiet"]
    options = [word for key, value in OPTIONS.get(name, {}).items() for word in (f"--data.{key}", str(value))]
    assert cli.main(["train", name, *options, *quick, "--out", "run"]) == 0
    run = mt.Run(folder / "run")
    assert run.results.data.name == name
    assert 0 <= run.results.probes["knn"]["trained"].values["accuracy"] <= 1
    assert set(run.evaluate("linear")["linear"]) >= {"trained", "raw", "majority"}  # the set is found and read again


def test_details_of_sets(folder):
    for name in ("gtsrb", "pamap2", "paws-x", "speech-commands", "genomics", "phishing", "abalone", "scop"):
        WRITE[name](folder)
    signs = datasets.open("gtsrb")
    assert len(signs.groups[~signs.test_rows].unique()) == 6  # three tracks of two signs
    moved = datasets.open("pamap2", window=5, stride=5)
    assert moved.classes == ("lying", "walking")
    assert torch.isfinite(moved.x).all()
    assert len(moved.groups.unique()) == 5
    pairs = datasets.open("paws-x", language="ko")
    assert len(pairs.x) == 32
    words = datasets.open("speech-commands", words="ten")
    assert words.classes == ("no", "unknown", "yes")
    assert datasets.open("genomics").classes == ("Bacillus", "Vibrio")
    assert datasets.open("phishing").classes == ("legitimate", "phishing")
    assert datasets.open("abalone", task="number").task == "number"
    residues = datasets.open("scop").x[0]
    assert residues[:8].tolist() == [11, 9, 18, 10, 1, 1, 6, 21]  # MKVLAAG, and U, which is no residue of the twenty
    assert residues[24:].sum() == 0


def test_what_is_wrong_with_a_set(folder):
    for name in ("genomics", "cub", "gtsrb", "pamap2", "arcene", "scop", "mnli"):
        WRITE[name](folder)
    (folder / "GT-final_test.csv").unlink()
    path = folder / "genomics/before_2011_in_tr/before_2011_in_tr-00000-of-00002.tfrecord"
    path.write_bytes(path.read_bytes()[:-9])
    (folder / "cub/CUB_200_2011/images/001.Black_footed_Albatross/bird_0.jpg").unlink()
    (folder / "ARCENE/arcene_train.labels").write_text("1\n-1\n")
    (folder / "remote_homology/remote_homology_valid.json").write_text("[{}]")
    (folder / "multinli_1.0/multinli_1.0_train.jsonl").write_text('{"gold_label": "neutral"}\n')
    (folder / "images").mkdir()  # of something else
    with pytest.raises(FileNotFoundError, match=r"Put dtd-r1.0.1.tar.gz, unpacked, into"):
        datasets.open("dtd")
    (folder / "tiny-imagenet-200").mkdir()
    with pytest.raises(FileNotFoundError, match=r"wnids.txt is missing: tiny-imagenet is incomplete. Unpack it again"):
        datasets.open("tiny-imagenet")
    with pytest.raises(FileNotFoundError, match=r"lacks GT-final_test.csv, .* Unpack GTSRB_Final_Test_GT.zip"):
        datasets.open("gtsrb")
    with pytest.raises(ValueError, match=r"tfrecord is cut off after [\d,]+ bytes"):
        datasets.open("genomics")
    with pytest.raises(FileNotFoundError, match=r"bird_0.jpg is missing, though cub lists it"):
        datasets.open("cub")
    with pytest.raises(ValueError, match=r"must have one label for each row of arcene_train.data, got 2"):
        datasets.open("arcene")
    with pytest.raises(ValueError, match=r"must be a list of proteins with `primary` and `fold_label`"):
        datasets.open("scop")
    with pytest.raises(ValueError, match=r"must have sentence1, sentence2, gold_label in line 1"):
        datasets.open("mnli")
    with pytest.raises(ValueError, match=r"no stretch of an activity of 320 rows. Use a shorter `window`"):
        datasets.open("pamap2")
