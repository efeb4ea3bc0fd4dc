"""What holds for every reader, and which sources no reader takes."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from mixtrast import datasets, readers, spec
from mixtrast.data import Schema
from support.images import write_folder, write_sets
from support.messages import refused
from support.named_sets import NAMED
from support.sources import TABLE, X, Y

SOURCES = {"digits": "digits", "arrays": (X, Y), "tabular": pd.DataFrame(X, columns=["a", "b", "c"])}
SOURCES |= {"images": "folder", "mnist": "mnist", "cifar10": "cifar10", "cifar100": "cifar100"}
SOURCES |= {"tiles": "tiles", "series": "s.ts", "fasta": "d.fa", "text": "t.jsonl", "speech": "sounds", "windows": "w.csv"}
OPTIONS = {"windows": {"window": 2}}  # without which it takes nothing


def write_sequences(folder: Path) -> None:
    """The sources of series, letters, text and sounds."""
    (folder / "s.ts").write_text("@classLabel true a b\n@data\n1,2:3,4:a\n5:6:b\n")
    (folder / "w.csv").write_text("a,b\n" + "1,2\n3,4\n" * 20)
    (folder / "d.fa").write_text(">a\nACGT\n>b\nGG\n")
    (folder / "t.jsonl").write_text("".join(json.dumps({"t": f"a few words and {n} more"}) + "\n" for n in range(9)))
    for number in range(4):
        (folder / "tiles" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(
            folder / "tiles" / "ab"[number % 2] / f"{number}.tif", np.full((8, 6, 5), number, np.uint16), planarconfig="contig"
        )
    for name in ("yes", "no"):
        (folder / "sounds" / name).mkdir(parents=True)
        with wave.open(str(folder / "sounds" / name / "1.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\1\2" * 800)


def test_every_domain_has_a_source_here():
    assert datasets.names() == sorted([*SOURCES, *NAMED, "hf"])  # these have tests of their own
    made = {type(datasets.get(name)) for name in datasets.names()}
    assert {datasets.Digits, readers.Arrays, readers.Tabular, readers.Images, datasets.Mnist} < made
    assert {datasets.Cifar10, datasets.Cifar100, readers.Series, readers.Fasta, readers.Text, readers.Speech} < made
    assert {"Digits", "open", "split"} <= set(dir(datasets))
    assert {"Arrays", "Tabular"} <= set(dir(readers))
    with refused("has no 'Digit'", AttributeError):
        _ = datasets.Digit


@pytest.mark.parametrize("name", datasets.names())
def test_the_constructor_is_the_config(name):
    made = datasets.get(name)
    for option, parameter in inspect.signature(type(made)).parameters.items():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert getattr(made, option) == parameter.default
        assert f"{option}:" in inspect.getdoc(type(made))
    assert repr(eval(repr(made), {type(made).__name__: type(made)})) == repr(made)
    with refused(r"has no option no_such\. Its options are", TypeError):
        datasets.get(name, no_such=1)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_the_contract_of_data(name, tmp_path, monkeypatch):
    write_folder(tmp_path / "folder")
    write_sets(tmp_path)
    write_sequences(tmp_path)
    monkeypatch.setenv("MIXTRAST_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    data = datasets.open(SOURCES[name], **OPTIONS.get(name, {}))
    assert (data.reader, data.schema.reader) == (name, name)
    assert data.schema.options == datasets.get(name, **OPTIONS.get(name, {})).options()
    schema = Schema.from_dict(json.loads(json.dumps(data.schema.to_dict())))
    assert schema == data.schema
    ids = isinstance(data.spec, spec.Tokens)
    assert data.x.dtype == (torch.int64 if ids else torch.uint8 if data.schema.intensities else torch.float32)
    assert data.x.shape[1:] == data.spec.shape
    assert data.x.isfinite().all() or data.spec.gaps
    assert (data.label is None) == (data.task == "none")
    assert data.label is None or data.label.shape == data.x.shape[:1]
    assert bool(data.views) != ids
    assert all(isinstance(note, str) and note.endswith(".") for note in data.notes)
    again = datasets.open(SOURCES[name], schema=schema)
    assert torch.allclose(again.x, data.x, 0, 0, equal_nan=True)
    assert again.schema == data.schema
    assert again.label is data.label is None or again.label.equal(data.label)


def test_pandas_and_scikit_learn_are_not_imported_before_they_are_needed():
    code = (
        "import sys, numpy, mixtrast.datasets as d; d.open(numpy.ones((3, 2)))\n"
        "print([name for name in ('pandas', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("source", "sentence", "error"),
    [
        (
            "digit",
            r"no dataset 'digit', and no file\. Did you mean 'digits'\? Sources are the names of `mixtrast list datasets`, and",
            ValueError,
        ),
        ("xyzzy", r"no dataset 'xyzzy', and no file\. Sources are", ValueError),
        ("nowhere.csv", r"there is no file nowhere\.csv", FileNotFoundError),
        ("nowhere.npz", r"there is no file nowhere\.npz", FileNotFoundError),
        ("nowhere.parquet", r"there is no file nowhere\.parquet", FileNotFoundError),
        ("nowhere.feather", r"there is no file nowhere\.feather\. Sources are", FileNotFoundError),
        ([[1, 2]], r"got list\. Make it an array with `numpy.asarray`", TypeError),
        ("https://a.b/c.csv", "is an address, and nothing is downloaded. Save the file, and give its path", ValueError),
        ("https://a.b/c", "is an address, and nothing is downloaded", ValueError),
        (None, r"must be a name, a path, arrays or a DataFrame, got NoneType", TypeError),
    ],
)
def test_unknown_sources(source, sentence, error):
    with refused(sentence, error):
        datasets.open(source)


def test_unknown_files(file, tmp_path):
    with refused("is a folder without images: there is no file in it"):
        datasets.open(tmp_path)
    with refused(r"no reader for its ending '\.feather'\. Sources are .*folders of images"):
        datasets.open(file("", "a.feather"))
    with refused(r"no reader for its ending '\.tar\.gz'"):
        datasets.open(file("", "a.tar.gz"))
    with refused("there is no reader for files without an ending"):
        datasets.open(file("", "a"))
    file(TABLE, "trees.csv")
    with refused(r"no file .*tree\.csv\. Did you mean 'trees\.csv'\?", FileNotFoundError):
        datasets.open(tmp_path / "tree.csv")
    (tmp_path / "b.csv").mkdir()
    with refused(r"b\.csv is a folder"):
        datasets.open(str(tmp_path / "b.csv"))


def test_unknown_options_name_the_nearest(file):
    with refused(r"no option lable\. Did you mean 'label'\?.*label, groups, drop", TypeError):
        datasets.open(file(TABLE), lable="kind")
    for domain in ("arrays", "tabular"):
        with refused("`task` must be one of 'auto', 'classes', 'number', 'multilabel', got 'regression'"):
            datasets.get(domain, task="regression")
    with refused("`header` must be one of"):
        datasets.get("tabular", header="none")


NEW_READER = '''
from mixtrast.data import Dataset
from mixtrast.readers._reader import Reader
from mixtrast.readers.arrays import Arrays

class Dots(Reader):
    """Rows of dots."""
    sources = ".dots"
    endings = (".dots",)
    chosen_by = ("dots",)

    def __init__(self, *, dots: int | None = None) -> None:
        self.dots = dots

    @classmethod
    def reads(cls, source: object) -> bool:
        return cls.takes(source) or str(source).endswith(".csv")

    def load(self, source, *, test=None, schema=None) -> Dataset:
        import numpy as np
        from pathlib import Path
        lines = Path(source).read_text().split()
        return Arrays().load(np.array([[float(len(line)), self.dots or 0] for line in lines]), schema=schema)
'''


def test_a_new_reader_is_one_file(file, tmp_path, monkeypatch):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/dots.py").write_text(NEW_READER)
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(tmp_path / "more")])
    assert "dots" in datasets.names()
    assert datasets.open(file("..\n...\n", "a.dots")).x.tolist() == [[2, 0], [3, 0]]
    assert datasets.open(file("..\n...\n", "a.csv"), dots=4).x.tolist() == [[2, 4], [3, 4]], "an option chooses it"
    with refused(r"Sources are .*; \.dots"):
        datasets.open("xyzzy")
    monkeypatch.delitem(sys.modules, "mixtrast.readers.dots")
    monkeypatch.delattr(readers, "dots")


def test_which_reader_is_chosen(file, tmp_path, monkeypatch):
    """A name, then an option, then the schema, then the one that takes the source."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert datasets.open("digits").reader == "digits"
    table = file("t,y\n" + "".join(f"{n},{n % 2}\n" for n in range(40)), "w.csv")
    windows = datasets.open(table, window=4, label="y")
    assert (windows.reader, datasets.open(table, label="y").reader) == ("windows", "tabular")
    assert datasets.open(table, schema=windows.schema).reader == "windows"
    with refused("examples must look like those of the earlier data, a series of 1 channel and length 4, got a table"):
        datasets.open(table, schema=windows.schema, header="yes", label="y")  # an option of tabular comes before the schema
