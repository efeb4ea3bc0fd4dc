"""Sets known by name: each on a tiny one, in the files and folders of its owner."""

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
from PIL import Image

import mixtrast as mt
from mixtrast import cli, domains, registry, spec
from mixtrast.domains import sets

RNG = np.random.default_rng(0)
HERE = ("digits", "mnist", "cifar10", "cifar100")  # have tests of their own
NAMED = [name for name in domains.names() if domains.find(name).built_in and name not in HERE]


def photo(path: Path, size: tuple[int, int] = (40, 36)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)


def table(rows: int, columns: int, label: Callable[[int], Any], *, first: bool = False, gap: str = "") -> str:
    lines = []
    for row in range(rows):
        fields = [f"{value:.3f}" for value in RNG.normal(size=columns)]
        fields[0] = gap if gap and row == 3 else fields[0]
        lines.append(",".join([str(label(row)), *fields] if first else [*fields, str(label(row))]))
    return "\n".join(lines) + "\n"


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
    assert {file.replace("_", "-") for file in registry.names(sets)} == {*NAMED, *HERE}


@pytest.mark.parametrize("name", NAMED)
def test_a_set_is_read_as_its_owner_gives_it_out(name, folder):
    WRITE[name](folder)
    options = OPTIONS.get(name, {})
    data = domains.open(name, **options)
    seen, classes, (train, val, test) = SEEN[name]
    assert data.name == data.domain == name
    assert data.spec == seen or (seen is None and isinstance(data.spec, spec.Tokens))
    assert len(data.classes) == classes
    assert len(data.x) == train + val + test
    assert (data.given_test is None) == (test == 0)
    assert (data.given_val is None) == (val == 0)
    if data.given_test is not None:
        assert int(data.given_test.sum()) == test
    if data.given_val is not None:
        assert int(data.given_val.sum()) == val
    about = domains.find(name).about  # type: ignore[attr-defined]
    assert about.licence in " ".join(data.notes)
    assert about.place() is not None
    assert json.loads(json.dumps(data.facts)) == data.facts
    again = domains.open(name, like=data.facts, **options)  # the same, and with the same classes
    assert again.classes == data.classes
    assert torch.equal(torch.nan_to_num(again.x), torch.nan_to_num(data.x))
    assert torch.equal(again.label, data.label)
    parts = domains.split(data, seed=0)
    assert len(parts.test)
    with pytest.raises(ValueError, match=r"split of its own, and takes no `test`"):
        domains.open(name, test=name, **options)


@pytest.mark.parametrize("name", NAMED)
def test_a_set_that_is_not_there_says_what_to_put_where(name, folder):
    about = domains.find(name).about  # type: ignore[attr-defined]
    with pytest.raises(FileNotFoundError) as told:
        domains.open(name)
    for words in (about.files[0].name, about.files[0].address, about.licence, str(folder), "MIXTRAST_DATA", "--data-dir"):
        assert words in str(told.value)
    assert about.place() is None
    assert "GB" in str(told.value) or "MB" in str(told.value) or "kB" in str(told.value) or not about.size


@pytest.mark.parametrize("name", ["cub", "eurosat", "pamap2", "paws-x"])
def test_a_set_trains(name, folder):
    WRITE[name](folder)
    quick = ["--method", "npair", "--training.steps", "1", "--evaluation", "knn", "--no-maps", "--quiet"]
    options = [word for key, value in OPTIONS.get(name, {}).items() for word in (f"--data.{key}", str(value))]
    assert cli.main(["train", name, *options, *quick, "--out", "run"]) == 0
    run = mt.Run(folder / "run")
    assert run.results["data"]["name"] == name
    assert 0 <= run.results["probes"]["knn"]["trained"]["accuracy"] <= 1
    assert set(run.evaluate("linear")["linear"]) >= {"trained", "raw", "majority"}  # the set is found and read again


def test_details_of_sets(folder):
    for name in ("gtsrb", "pamap2", "paws-x", "speech-commands", "genomics", "phishing", "abalone", "scop"):
        WRITE[name](folder)
    signs = domains.open("gtsrb")
    assert len(signs.groups[~signs.given_test].unique()) == 6  # three tracks of two signs
    moved = domains.open("pamap2", window=5, stride=5)
    assert moved.classes == ("lying", "walking")
    assert torch.isfinite(moved.x).all()
    assert len(moved.groups.unique()) == 5
    pairs = domains.open("paws-x", language="ko")
    assert len(pairs.x) == 32
    words = domains.open("speech-commands", words="ten")
    assert words.classes == ("no", "unknown", "yes")
    assert domains.open("genomics").classes == ("Bacillus", "Vibrio")
    assert domains.open("phishing").classes == ("legitimate", "phishing")
    assert domains.open("abalone", task="number").task == "number"
    residues = domains.open("scop").x[0]
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
        domains.open("dtd")
    (folder / "tiny-imagenet-200").mkdir()
    with pytest.raises(FileNotFoundError, match=r"wnids.txt is not there: tiny-imagenet is not whole. Unpack it again"):
        domains.open("tiny-imagenet")
    with pytest.raises(FileNotFoundError, match=r"lacks GT-final_test.csv, .* Unpack GTSRB_Final_Test_GT.zip"):
        domains.open("gtsrb")
    with pytest.raises(ValueError, match=r"tfrecord is cut off after [\d,]+ bytes"):
        domains.open("genomics")
    with pytest.raises(FileNotFoundError, match=r"bird_0.jpg is not there, though cub lists it"):
        domains.open("cub")
    with pytest.raises(ValueError, match=r"must have one label for each row of arcene_train.data, got 2"):
        domains.open("arcene")
    with pytest.raises(ValueError, match=r"must be a list of proteins with `primary` and `fold_label`"):
        domains.open("scop")
    with pytest.raises(ValueError, match=r"must have sentence1, sentence2, gold_label in line 1"):
        domains.open("mnli")
    with pytest.raises(ValueError, match=r"no stretch of an activity of 320 rows. Use a shorter `window`"):
        domains.open("pamap2")


# --- hf: -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sets as the `datasets` library saves and finds them, and its cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    words = [f"the film number {at} was good fun" for at in range(40)]
    kind = datasets.Features({"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    one = datasets.Dataset.from_dict({"sentence": words, "label": [at % 2 for at in range(40)]}, features=kind)
    none = datasets.Dataset.from_dict({"sentence": words[:9], "label": [-1] * 9}, features=kind)
    some = one.select(range(12))
    datasets.DatasetDict({"train": one, "validation": some, "test": none}).save_to_disk(str(tmp_path / "glue"))
    datasets.DatasetDict({"train": one, "validation": some, "test": some}).save_to_disk(str(tmp_path / "films"))
    rows = "".join(f"{at},{at * at % 7},{'ab'[at % 2]},{at % 3}\n" for at in range(40))
    (tmp_path / "table").mkdir()
    (tmp_path / "table/train.csv").write_text("a,b,c,y\n" + rows)
    for part in ("train", "test"):
        for kind_ in ("cat", "dog"):
            for number in range(8):
                photo(tmp_path / "pets" / part / kind_ / f"{number}.png", (12, 12 + number % 2))
    return tmp_path


def test_sets_of_the_hub(hub):
    films = domains.open(f"hf:{hub}/films")
    assert isinstance(films.spec, spec.Tokens)
    assert films.classes == ("neg", "pos")
    assert [int(rows.sum()) for rows in (films.given_val, films.given_test)] == [12, 12]
    assert films.label[:4].tolist() == [0, 1, 0, 1]
    glue = domains.open(f"hf:{hub}/glue")  # the labels of its test set were not given out
    assert glue.given_val is None
    assert int(glue.given_test.sum()) == 12
    table = domains.open(f"hf:{hub}/table", label="y", drop=("a",))
    assert table.spec == spec.Table(2, (0, 2), True)
    assert table.given_test is None
    pets = domains.open(f"hf:{hub}/pets", size=8)
    assert (pets.spec, pets.classes, int(pets.given_test.sum())) == (spec.Image(3, 8, 8), ("cat", "dog"), 16)
    assert torch.equal(domains.open(f"hf:{hub}/pets", like=pets.facts).label, pets.label)
    again = domains.open(f"hf:{hub}/films", like=films.facts)
    assert torch.equal(again.x, films.x)
    quick = ["--training.steps", "1", "--evaluation", "knn", "--no-maps", "--quiet", "--out", str(hub / "run")]
    assert cli.main(["train", f"hf:{hub}/films", "--method", "emix", "--encoder", "smalltransformer", *quick]) == 0
    assert mt.Run(hub / "run").evaluate("linear")["linear"]["majority"]["accuracy"] == 0.5


def test_sets_of_the_hub_that_cannot_be_read(hub, monkeypatch):
    import datasets

    with pytest.raises(ValueError, match=r"images must be of one size, got 2 among 32 .*: 12 × 12 \(16\), 13 × 12 \(16\)"):
        domains.open(f"hf:{hub}/pets")
    with pytest.raises(ValueError, match=r"has no column 'labels' for `label`\. Did you mean 'label'\? It has: sent"):
        domains.open(f"hf:{hub}/films", label="labels")
    with pytest.raises(ValueError, match=r"is read with its own splits"):
        domains.open(f"hf:{hub}/films", test=f"hf:{hub}/films")

    def away(*_: Any) -> None:
        raise ConnectionError("Couldn't reach the hub")

    monkeypatch.setattr(datasets, "load_dataset", away)
    with pytest.raises(
        FileNotFoundError, match=r"hf:owner/name could not be read: ConnectionError: Couldn't reach .* a network"
    ):
        domains.open("hf:owner/name")
    datasets.DatasetDict({"all": datasets.Dataset.from_dict({"a": [1]})}).save_to_disk(str(hub / "odd"))
    with pytest.raises(ValueError, match=r"must have a split `train`, got all"):
        domains.open(f"hf:{hub}/odd")
