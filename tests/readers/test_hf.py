"""Data sets of the `datasets` library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import mixtrast as mt
from mixtrast import cli, datasets, spec
from support.named_sets import photo


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
    films = datasets.open(f"hf:{hub}/films")
    assert isinstance(films.spec, spec.Tokens)
    assert films.classes == ("neg", "pos")
    assert [int(rows.sum()) for rows in (films.validation_rows, films.test_rows)] == [12, 12]
    assert films.label[:4].tolist() == [0, 1, 0, 1]
    glue = datasets.open(f"hf:{hub}/glue")  # the labels of its test set were not given out
    assert glue.validation_rows is None
    assert int(glue.test_rows.sum()) == 12
    table = datasets.open(f"hf:{hub}/table", label="y", drop=("a",))
    assert table.spec == spec.Table(2, (0, 2), True)
    assert table.test_rows is None
    pets = datasets.open(f"hf:{hub}/pets", size=8)
    assert (pets.spec, pets.classes, int(pets.test_rows.sum())) == (spec.Image(3, 8, 8), ("cat", "dog"), 16)
    assert torch.equal(datasets.open(f"hf:{hub}/pets", schema=pets.schema).label, pets.label)
    again = datasets.open(f"hf:{hub}/films", schema=films.schema)
    assert torch.equal(again.x, films.x)
    quick = ["--training.steps", "1", "--evaluation", "knn", "--no-maps", "--quiet", "--out", str(hub / "run")]
    assert cli.main(["train", f"hf:{hub}/films", "--method", "emix", "--encoder", "smalltransformer", *quick]) == 0
    assert mt.Run(hub / "run").evaluate("linear")["linear"]["majority"].values["accuracy"] == 0.5


def test_sets_of_the_hub_that_cannot_be_read(hub, monkeypatch):
    import datasets as library

    with pytest.raises(ValueError, match=r"images must be of one size, got 2 among 32 .*: 12 × 12 \(16\), 13 × 12 \(16\)"):
        datasets.open(f"hf:{hub}/pets")
    with pytest.raises(ValueError, match=r"has no column 'labels' for `label`; it has: sentence, label\. Did you mean 'label'"):
        datasets.open(f"hf:{hub}/films", label="labels")
    with pytest.raises(ValueError, match=r"has its own splits and takes no `test`"):
        datasets.open(f"hf:{hub}/films", test=f"hf:{hub}/films")

    def away(*_: Any) -> None:
        raise ConnectionError("Couldn't reach the hub")

    monkeypatch.setattr(library, "load_dataset", away)
    with pytest.raises(
        FileNotFoundError, match=r"hf:owner/name could not be read: ConnectionError: Couldn't reach .* a network"
    ):
        datasets.open("hf:owner/name")
    library.DatasetDict({"all": library.Dataset.from_dict({"a": [1]})}).save_to_disk(str(hub / "odd"))
    with pytest.raises(ValueError, match=r"must have a split `train`, got all"):
        datasets.open(f"hf:{hub}/odd")
