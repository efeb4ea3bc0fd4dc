"""Runs on series, tables with categories and letters, with default parts."""

from __future__ import annotations

from pathlib import Path

import pytest

import mixtrast as mt
from mixtrast.run import prepare
from support.messages import refused
from support.sequences import HEAD


@pytest.mark.parametrize("method", ["imix", "mixsupcon", "dmix", "mae", "shed", "emix", "simclr"])
def test_every_kind_begins_to_train(file, tmp_path, method):
    """Defaults alone: the encoder, the depth and the views follow from the kind."""
    sources = [
        (file(HEAD + "".join(f"1,{n},3:4,{n}:{'ab'[n % 2]}\n" for n in range(24)), "k.ts"), {}),
        (
            file("y,c,n\n" + "".join(f"{n % 2},{'pqr'[n % 3]},{n if n % 5 else ''}\n" for n in range(24)), "k.csv"),
            {"label": "y"},
        ),
        (file("".join(f">s{n} {'ab'[n % 2]}\n{'ACGT' * (1 + n % 3)}\n" for n in range(24)), "k.fa"), {"label": "last"}),
    ]
    for source, options in sources:
        given = {"method": {"name": method}, "data": options, "training": {"steps": 1}}
        ready = prepare(given, str(source))
        assert ready.recipe.encoder.name == "smalltransformer" or method not in ("mae", "shed", "emix", "dmix")
        if "depth" in ready.recipe.method.options:
            assert ready.recipe.method.options["depth"] == 1
        with pytest.raises(ValueError, match="cannot be mixed as they are read"):
            prepare({**given, "method": {"name": "imix", "depth": 0}}, str(source))


def test_a_table_with_gaps_is_resumed(tmp_path, monkeypatch):
    """Its views fill in NaN, which is not equal to itself: the recipe is the same all the same."""
    from mixtrast.cli import main

    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{n % 2},{'pqr'[n % 3]},{n % 5 or ''}\n" for n in range(40))
    Path("k.csv").write_text(f"y,c,n\n{rows}")
    words = ["train", "k.csv", "--label", "y", "--training.steps", "2", "--evaluation", "knn", "--training.baseline", "none"]
    assert main([*words, "--out", "r", "--quiet"]) == 0
    assert main([*words, "--out", "r", "--quiet", "--resume"]) == 0
    with refused("view noise changes numbers"):
        prepare({"data": {"label": "y"}, "views": {"noise": {}}}, "k.csv")


def test_a_transformer_of_categories_leaves_the_house(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{n % 2},{'pqr'[n % 3]},{n % 5 or ''}\n" for n in range(40))
    Path("k.csv").write_text(f"y,c,n\n{rows}")
    run = mt.train(
        "k.csv", label="y", method="imix", encoder="smalltransformer", training={"steps": 1}, out="r", evaluation="none"
    )
    run.export("e.pt2")
    assert Path("e.pt2").stat().st_size > 1000
