"""The commands that take a finished run: evaluate, embed and report."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixtrast import report
from support.commands import WRITE, command, refusal, table, trained
from support.runs import COLUMNS, content

pytestmark = pytest.mark.usefixtures("light")


def test_another_protocol_changes_the_results(here, capsys):
    done = trained()
    assert set(done.results.probes) == {"knn"}
    assert command("evaluate", "run", "--evaluation.linear.protocol", "sgd", "--evaluation.linear.epochs", "3") == 0
    assert "linear probe" in capsys.readouterr().out
    assert set(done.results.probes) == {"knn", "linear"}
    assert "lr" in done.results.probes["linear"]["trained"].chosen
    assert command("evaluate", "run", "--evaluation", "linear") == 0
    assert "C" in done.results.probes["linear"]["trained"].chosen
    assert command("evaluate", "run", "--evaluation", "knn", "--evaluation.knn.neighbours", "1,3") == 0
    assert done.results.probes["knn"]["trained"].chosen["neighbours"] in (1, 3)
    capsys.readouterr()
    before = content(done.folder)
    assert "Did you mean 'linear'?" in refusal(capsys, "evaluate", "run", "--evaluation", "linaer")
    assert "Did you mean 'protocol'?" in refusal(capsys, "evaluate", "run", "--evaluation.linear.protocl", "sgd")
    assert content(done.folder) == before


@pytest.mark.parametrize("words", [("evaluate", "run"), ("embed", "run", "../data/trees.csv", "-o", "z.npz")], ids=str)
def test_a_run_that_is_not_finished_says_so(words, stopped, capsys):
    assert re.search("Train first, or --resume|Continue it with --resume", refusal(capsys, *words))


def test_features_are_written_once(here, capsys):
    done = trained()
    more = table(25, seed=3)
    more[["kind", *COLUMNS[::-1]]].to_csv("../data/more.csv", index=False)
    z, read = done.embed("../data/more.csv")
    assert command("embed", "run", "../data/more.csv", "-o", "z.npz") == 0
    assert capsys.readouterr().out == "25 x 16 features in z.npz\n"
    with np.load("z.npz") as stored:
        assert np.array_equal(stored["z"], z)
        assert np.array_equal(stored["y"], read.label)
    assert command("embed", "run", "../data/more.csv", "--out", "z.csv") == 0
    stored = pd.read_csv("z.csv")
    assert stored["label"].tolist() == more["kind"].tolist()
    np.testing.assert_allclose(stored.drop(columns="label"), z, rtol=1e-5)
    capsys.readouterr()
    for name in ("z.npz", "z.csv"):
        assert "nothing is overwritten" in refusal(capsys, "embed", "run", "../data/more.csv", "-o", name)
    assert "written as .npz, .csv, .parquet" in refusal(capsys, "embed", "run", "../data/more.csv", "-o", "z.txt")
    assert "there is no folder" in refusal(capsys, "embed", "run", "../data/more.csv", "-o", "no/z.npz")
    table()[["a", "b"]].to_csv("../data/narrow.csv", index=False)
    assert "lacks c, d;" in refusal(capsys, "embed", "run", "../data/narrow.csv", "-o", "new.npz")


def test_a_report_is_made_anew_or_of_several(here, capsys, monkeypatch):
    one, _ = trained(out="one"), trained("--method", "imix", out="two")
    one.page.unlink()
    monkeypatch.setattr(report, "write", WRITE)
    assert command("report", "one") == 0
    assert capsys.readouterr().out == "one/report.html\n"
    assert one.page.is_file()
    assert "Name it: -o page.html" in refusal(capsys, "report", "one", "two")
    assert command("report", "one", "two", "-o", "both.html") == 0
    text = Path("both.html").read_text(encoding="utf-8")
    assert "imix" in text
    assert "mixsupcon" in text
    assert "nothing is overwritten" in refusal(capsys, "report", "one", "two", "-o", "both.html")
    assert command("report", "one", "--png") == 0
    assert list(Path("one/figures").glob("*.png"))
