"""A comparison of the first edition (compare.yaml without a version, cells/, --jobs) is reported and resumed.

The fixture is what this command of the first edition wrote, without the pages:

    mixtrast compare trees.csv --label kind --training.steps 4 --encoder mlp --encoder.widths 8 --evaluation knn \\
        --cell "--method imix" --cell "--method supervised" --seed 0 1 --jobs 2 --out c

The run of imix with seed 1 was stopped after its training; imix-seed-1.safetensors is the encoder that it had.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import load_file

from mixtrast.records import read_results
from mixtrast.report import ranking_rows, read_ranking
from mixtrast.studies import Comparison, ComparisonRequest, Grid, prepare
from support.comparisons import command

FIXTURE = Path(__file__).parent / "version1"


@pytest.fixture
def first(here) -> Path:
    """The comparison in c, with the pages of its finished runs."""
    folder = Path("c")
    shutil.copytree(FIXTURE, folder)
    for results in folder.glob("runs/*/*/results.json"):
        (results.parent / "report.html").write_text("<html>")
    return folder


def test_it_is_reported(first, capsys):
    found = read_ranking(first)
    assert [(each.name, len(each.results)) for each in found.configurations] == [("imix", 1), ("supervised", 2)]
    assert found.missing == ["imix, seed 1"]
    assert [row[1] for row in ranking_rows(found)][1:3] == ["imix", "supervised"]
    assert command("report", first) == 0
    assert "imix" in (first / "report.html").read_text(encoding="utf-8")
    assert list(Comparison(first).runs) == [("imix", 0), ("supervised", 0), ("supervised", 1)]
    assert {line["configuration"] for line in Comparison(first).table} == {"imix", "supervised"}


def test_its_plan_is_read_with_the_names_of_today(first):
    prepared = prepare(ComparisonRequest(out=first, resume=True))
    assert prepared.record.seeds == (0, 1)
    assert prepared.record.command.startswith("mixtrast compare trees.csv")
    assert (prepared.record.capacity.workers, prepared.record.capacity.reason) == (2, "as asked")
    for each in prepared.record.configurations.values():
        assert each.settings["training"] == {"baseline": "none", "steps": 4}
    more = Grid.of({name: {"method": name} for name in ("imix", "supervised", "npair")}, COMMON)
    grown = prepare(ComparisonRequest(grid=more, data="trees.csv", seeds=(0, 1, 2), out=first, resume=True))
    assert list(grown.record.configurations) == ["imix", "supervised", "npair"]


COMMON = {
    "label": "kind", "training": {"steps": 4}, "encoder": {"name": "mlp", "widths": (8,)}, "evaluation": "knn",
}  # fmt: skip


@pytest.mark.slow
def test_it_is_resumed(first, capsys):
    finished = {path: path.stat().st_mtime_ns for path in first.glob("runs/*/*/results.json")}
    assert command("compare", "--out", first, "--resume", "--quiet") == 0, capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in finished} == finished  # nothing is run again
    plan = yaml.safe_load((first / "compare.yaml").read_text())
    assert (plan["version"], list(plan["configurations"]), plan["capacity"]["workers"]) == (2, ["imix", "supervised"], 2)
    with (first / "compare.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {(line["configuration"], line["seed"]) for line in lines} == {
        (name, seed) for name in ("imix", "supervised") for seed in "01"
    }
    run = first / "runs/imix/seed-1"
    assert read_results(run).probes["knn"]["trained"].values["accuracy"] == pytest.approx(0.9)
    before, after = load_file(FIXTURE / "imix-seed-1.safetensors"), load_file(run / "encoder.safetensors")
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)  # from its checkpoint, bit for bit
