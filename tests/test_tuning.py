"""Evaluations of examples: fine-tuning, random convolutions, DABS's probe; the online probe; other data."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import conv1d

import mixtrast as mt
from mixtrast import cli, evaluate, spec
from mixtrast.encoders import get
from mixtrast.evaluate import Examples
from mixtrast.evaluate import convolutions as module
from mixtrast.views import Scale

PLAIN = Scale(torch.zeros(()), torch.ones(()))


def table(rows: int = 300, *, val: int = 60, test: int = 60, number: bool = False, seed: int = 0) -> Examples:
    """A label that two products of columns decide: out of reach of a line, in reach of a network."""
    x = torch.randn(rows, 6, generator=torch.Generator().manual_seed(seed))
    signal = x[:, 0] * x[:, 1] + x[:, 2]
    label = signal if number else (signal > 0).long()
    order = torch.arange(rows)
    parts = {"train": order[: rows - val - test], "val": order[rows - val - test : rows - test], "test": order[rows - test :]}
    return Examples.of(spec.Table(6), x, PLAIN, label, 0 if number else 2, parts)


def encoder(seed: int = 0):
    torch.manual_seed(seed)
    return get("mlp", spec.Table(6), widths=(64, 64))


def test_fine_tuning_learns_what_a_line_cannot():
    examples, before = table(1200), encoder()
    kept = copy.deepcopy(before.state_dict())
    tuned = evaluate.get("finetune", epochs=15)(examples, before, seed=0)
    parts = {
        name: (examples.x[getattr(examples, name)], examples.label[getattr(examples, name)])
        for name in ("train", "val", "test")
    }
    linear = evaluate.get("linear")(evaluate.Features.of(**parts, classes=2), seed=0)
    assert tuned["accuracy"] > linear["accuracy"] + 0.03
    assert tuned["chosen"]["lr"] in (1e-4, 1e-3)
    assert 1 <= tuned["chosen"]["epoch"] <= 15
    assert tuned["chosen_by"] == "validation"
    assert all(torch.equal(kept[name], value) for name, value in before.state_dict().items())  # the encoder is left as it was
    assert evaluate.get("finetune", epochs=15)(examples, before, seed=0) == tuned
    assert json.loads(json.dumps(tuned)) == tuned


def test_fine_tuning_begins_with_standardised_features_and_a_layer_of_zeros():
    from mixtrast.evaluate.finetune import Network

    examples = table()
    network = Network(encoder(), examples)
    z = (evaluate.features(network.encoder, examples.seen(examples.train)) - network.centre) / network.spread
    assert z.mean(0).abs().max() < 1e-5
    assert (z.std(0, correction=0) - 1).abs().max() < 1e-4
    assert torch.equal(network(examples.seen(examples.test)), torch.zeros(60, 2))


def test_fine_tuning_of_numbers_and_of_few_labels():
    numbers = evaluate.get("finetune", epochs=25)(table(1200, number=True), encoder(), seed=0)
    assert numbers["r2"] > 0.6
    held = evaluate.get("finetune", epochs=2)(table(200, val=0), encoder(), seed=0)
    assert held["chosen_by"] == "a fifth of train, held out"
    rows = torch.arange(70)
    label = torch.where(rows < 10, torch.where(rows < 2, rows, -1), rows % 2)  # in training one of each class is known
    parts = {"train": rows[:10], "val": rows[:0], "test": rows[10:]}
    alone = Examples.of(spec.Table(6), table(70).x, PLAIN, label, 2, parts)
    assert len(alone.train) == 2
    assert evaluate.get("finetune", epochs=2)(alone, encoder(), seed=0)["chosen_by"] == "default"
    for wrong in ({"rates": ()}, {"epochs": 0}, {"decay": -1.0}, {"batch": 2.5}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` of FineTune must be"):
            evaluate.get("finetune", **wrong)


def test_random_convolutions_are_their_formula():
    series = spec.Series(3, 40)
    for length in (*range(1, 30), 50, 100, 128, 1000):  # no kernel is longer than the series
        assert module._features(torch.randn(2, 2, length), module._banks(60, spec.Series(2, length), 0)).shape == (2, 120)
    banks = module._banks(20, series, 0)
    x = torch.randn(5, 3, 40, generator=torch.Generator().manual_seed(1))
    x[0, 1, 7] = torch.nan  # counts as the mean
    found = module._features(x, banks)
    assert found.shape == (5, 40)
    at = 0
    for weight, bias, dilation, padding in banks:
        assert weight.mean(2).abs().max() < 1e-6
        many = len(weight)
        for k in range(many):
            heard = conv1d(x.nan_to_num(), weight[k : k + 1], bias[k : k + 1], dilation=dilation, padding=padding)[:, 0]
            torch.testing.assert_close(found[:, at + k], heard.max(1).values)
            torch.testing.assert_close(found[:, at + many + k], (heard > 0).float().mean(1))
        at += 2 * many
    assert sum(len(weight) for weight, *_ in banks) == 20
    assert module._features(torch.randn(2, 1, 3), module._banks(4, spec.Series(1, 3), 0)).shape == (2, 8)


def test_random_convolutions_tell_frequencies_apart():
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(200) % 2
    phase = 6 * torch.rand(200, 1, generator=generator)
    x = (torch.sin(torch.arange(60) * (0.5 + 0.5 * label[:, None]) + phase) + 0.3 * torch.randn(200, 60, generator=generator))[
        :, None
    ]
    rows = torch.arange(200)
    parts = {"train": rows[:100], "val": rows[100:150], "test": rows[150:]}
    examples = Examples.of(spec.Series(1, 60), x, PLAIN, label, 2, parts)
    assert evaluate.get("convolutions", kernels=50)(examples, None, seed=0)["accuracy"] > 0.95
    with pytest.raises(ValueError, match="convolutions are for series, got table"):
        evaluate.get("convolutions")(table(), None, seed=0)


def test_the_probe_of_dabs_is_slow_and_its_modes_differ():
    examples = table(400)
    torch.manual_seed(0)
    net = get("mlp", spec.Table(6), widths=(32,), dropout=0.5, norm=False)
    net.train()
    fixed = evaluate.get("dabs", epochs=3)(examples, net, seed=0)
    assert net.training  # as it was
    noisy = evaluate.get("dabs", epochs=3, encoder="train")(examples, net, seed=0)
    faster = evaluate.get("dabs", epochs=60, rate=0.01)(examples, net, seed=0)
    assert faster["accuracy"] > max(fixed["accuracy"], noisy["accuracy"])
    assert evaluate.get("dabs", epochs=3)(examples, net, seed=0) == fixed
    assert set(evaluate.get("dabs", epochs=1)(table(number=True), net, seed=0)) == {"r2", "mae"}


def small(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(120, 4)), np.arange(120) % 3


@pytest.mark.parametrize("mode", ["eval", "dabs"])
def test_the_online_probe_learns_along_and_changes_nothing(mode, tmp_path):
    given = {"method": "dmix", "encoder": "smalltransformer", "views": "none", "evaluation": "linear", "quiet": True}
    plain = mt.train(small(), training={"steps": 6}, out=tmp_path / "plain", **given)
    along = mt.train(small(), training={"steps": 6, "online": mode}, out=tmp_path / "along", **given)
    weights = [(run.folder / "encoder.safetensors").read_bytes() for run in (plain, along)]
    assert weights[0] == weights[1]
    looks = [line["look"]["online"] for line in along.metrics if "look" in line]
    assert len(looks) > 2
    assert 0 <= along.results["learning"]["online"] == looks[-1] <= 1
    assert "online" not in plain.results["learning"]
    assert "online probe" in along.page.read_text(encoding="utf-8")


def test_the_online_probe_goes_on_where_it_was(tmp_path, monkeypatch):
    from mixtrast.run.online import Online

    given = {"method": "npair", "encoder": {"name": "mlp", "widths": (8,)}, "evaluation": "linear", "quiet": True}
    training = {"steps": 10, "online": "eval", "checkpoint_every": 0.0}
    whole = mt.train(small(), training=training, out=tmp_path / "whole", **given)
    steps = []
    after = Online.after

    def stopped(self, method, batch):
        after(self, method, batch)
        steps.append(1)
        if len(steps) == 6:
            raise RuntimeError("the power is gone")

    monkeypatch.setattr(Online, "after", stopped)
    with pytest.raises(RuntimeError):
        mt.train(small(), training=training, out=tmp_path / "parts", **given)
    monkeypatch.setattr(Online, "after", after)
    resumed = mt.train(small(), training=training, out=tmp_path / "parts", resume=True, **given)
    looks = [[line["look"]["online"] for line in run.metrics if "look" in line] for run in (whole, resumed)]
    assert looks[0] == looks[1]


def test_a_run_on_other_data(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, 5)), rng.integers(0, 3, 150)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez(tmp_path / "b.npz", x=3 * x, y=(x[:, 0] > 0).astype(int))  # other classes, of another scale
    run = mt.train(tmp_path / "a.npz", method="npair", training={"steps": 3}, quiet=True, out=tmp_path / "run")
    found = run.transfer(tmp_path / "b.npz", evaluation="linear+finetune", options=None)
    assert set(found["linear"]) == {"trained", "untrained", "raw", "majority"}
    assert set(found["finetune"]) == {"trained", "untrained", "majority"}
    assert found["linear"]["raw"]["accuracy"] > 0.9
    (told,) = run.results["elsewhere"].values()
    assert told["data"]["classes"] == ["0", "1"]
    assert run.results["data"]["classes"] == ["0", "1", "2"]  # what the run is about stays
    page = run.page.read_text(encoding="utf-8")
    assert "On other data: b" in page
    kept = run.encoder()
    assert torch.equal(kept.scale.mean, mt.run.elsewhere(kept, 0, 10, tmp_path / "b.npz", None, {}).scale.mean)
    assert cli.main(["evaluate", str(run.folder), "--on", str(tmp_path / "b.npz"), "--evaluation", "knn"]) == 0
    out = capsys.readouterr().out
    assert "kNN, accuracy" in out
    assert "Added to the report" in out
    assert cli.main(["report", str(run.folder)]) == 0


def test_options_of_other_data_are_typed(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        frame = pd.DataFrame({"t": np.arange(600), "v": rng.normal(size=600), "#y": ["ab"[at // 30 % 2] for at in range(600)]})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    quick = ["--training.steps", "1", "--evaluation", "knn", "--no-maps", "--quiet", "--out", str(tmp_path / "run")]
    words = ["train", str(tmp_path / "a.csv"), "--label", "#y", "--window", "10", "--method", "npair"]
    assert cli.main([*words, *quick]) == 0
    assert mt.Run(tmp_path / "run").results["data"]["classes"] == ["a", "b"]
    other = ["--on", str(tmp_path / "b.csv"), "--label", "#y", "--data.window", "10", "--data.stride", "5"]
    assert cli.main(["evaluate", str(tmp_path / "run"), *other]) == 0
    assert "one every 5 rows" in capsys.readouterr().out
    assert cli.main(["evaluate", str(tmp_path / "run"), *other[:-1], "x"]) == 2
    assert "`stride` must be" in capsys.readouterr().err


def test_other_data_that_do_not_go(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(60, 5)), y=rng.integers(0, 2, 60))
    np.savez(tmp_path / "wide.npz", x=rng.normal(size=(60, 6)), y=rng.integers(0, 2, 60))
    np.savez(tmp_path / "bare.npz", x=rng.normal(size=(60, 5)))
    folder = tmp_path / "run"
    mt.train(tmp_path / "a.npz", method="npair", training={"steps": 1}, evaluation="linear", quiet=True, out=folder)
    before = (Path(folder) / "results.json").read_bytes()
    for words, sentence in (
        (["--on", "wide.npz"], "examples must look as those before, a table of 5 columns, got a table of 6 columns"),
        (["--on", "bare.npz"], "bare has no labelled test examples. Name their label: --label COL"),
        (["--on", "a.npz", "--evaluation", "labels"], "`labels` is asked of a run's own data"),
        (["--label", "y"], "--label is about other data: name them with --on DATA"),
        (["--on", "no.npz"], "there is no file"),
    ):
        given = [str(tmp_path / word) if word.endswith(".npz") else word for word in words]
        assert cli.main(["evaluate", str(folder), *given]) == 2
        assert sentence in capsys.readouterr().err
    assert (Path(folder) / "results.json").read_bytes() == before


def test_baselines_that_are_hard_to_beat_are_named():
    linear = {"metric": "accuracy", "trained": 0.9, "untrained": 0.7, "raw": 0.6, "majority": 0.1, "n_test": 2000}
    learned = {"loss": 1.0, "chance": 3.0, "floor": 0.0, "steps": 5000}
    for raw, verdict in ((0.95, "convolutions do as well"), (0.6, "worth it")):
        found = evaluate.diagnose({**learned, "probes": {"linear": linear, "convolutions": {"raw": raw}}})
        assert found[0]["verdict"] == verdict or found[-1]["verdict"] == verdict
    says = evaluate.diagnose({**learned, "probes": {"linear": linear, "convolutions": {"raw": 0.95}}})[0]["says"]
    assert says.startswith("Random convolutions on your data as they are do better (95.0 %)")


def test_the_usual_evaluations_are_those_that_suit(tmp_path):
    from mixtrast.cli.flags import dotted, sections
    from mixtrast.cli.parser import parser
    from mixtrast.run import prepare

    x, y = small()
    for words, suited in (
        ([], {"boosting", "knn", "labels", "linear"}),
        (["--evaluation.linear.protocol", "sgd"], {"boosting", "knn", "labels", "linear"}),
        (["--evaluation", "usual+finetune"], {"boosting", "finetune", "knn", "labels", "linear"}),
        (["--evaluation", "knn"], {"knn"}),
    ):
        given, options = dotted(["train", "x", "--window", "3", *words])
        known = parser(dict.fromkeys(("train", "compare", "evaluate", "embed", "export", "report", "list"))).parse_args(given)
        flags = sections(known, options)
        assert flags["data"].pop("window") == "3"
        chosen = prepare({**flags, "method": "npair"}, (x, y)).recipe["evaluation"]
        assert set(chosen) == suited
        assert chosen.get("linear", {}).get("protocol") == (
            "sgd" if "sgd" in words else "lbfgs" if "linear" in suited else None
        )
    series = np.random.default_rng(0).normal(size=(60, 2, 20)), np.arange(60) % 2
    assert set(prepare({"method": "npair"}, series).recipe["evaluation"]) == {"convolutions", "knn", "labels", "linear"}
    run = mt.train((x, y), method="npair", training={"steps": 1}, evaluation="linear", quiet=True, out=tmp_path / "run")
    assert set(run.evaluate("usual", data=(x, y))) == {"boosting", "knn", "linear"}
    assert run.results["labels"]["points"]


def test_what_was_an_input_cannot_be_the_label_elsewhere(tmp_path, capsys):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"]).assign(y=np.arange(60) % 2, who=np.arange(60) // 6)
    table.to_csv(tmp_path / "t.csv", index=False)
    quick = ["--training.steps", "1", "--quiet", "--no-maps", "--method", "npair"]
    assert cli.main(["train", str(tmp_path / "t.csv"), *quick, "--out", str(tmp_path / "run")]) == 0
    for option, column in (("label", "y"), ("groups", "who")):
        assert cli.main(["evaluate", str(tmp_path / "run"), "--on", str(tmp_path / "t.csv"), f"--{option}", column]) == 2
        said = capsys.readouterr().err
        assert f"column '{column}' of t cannot be the {option}: the earlier data had it among the inputs" in said


def test_other_data_are_kept_apart_and_the_own_are_said(tmp_path, capsys):
    x, y = small()
    for name, label in (("a", y), ("b", np.arange(120) % 2)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "t.npz", x=x + (name == "b"), y=label)
    run = mt.train(str(tmp_path / "a/t.npz"), method="npair", training={"steps": 1}, evaluation="linear", quiet=True,
                   out=tmp_path / "run")  # fmt: skip
    for evaluation in ("linear", "knn"):
        run.transfer(str(tmp_path / "b/t.npz"), evaluation=evaluation)
    run.transfer(str(tmp_path / "a/t.npz"), evaluation="knn")  # the same split: none of its test examples trained
    np.savez(tmp_path / "c.npz", x=x, y=y, who=np.arange(120) // 4)
    run.transfer(str(tmp_path / "c.npz"), groups="who", evaluation="knn")  # the same examples, split in another way
    kept = list(run.results["elsewhere"].values())
    assert [set(each["probes"]) for each in kept] == [{"linear", "knn"}, {"knn"}, {"knn"}]
    assert [each["trained_on"] > 0 for each in kept] == [False, False, True]
    page = run.page.read_text(encoding="utf-8")
    assert page.count("On other data: t") == 2
    assert page.count("trained the encoder, so these scores flatter it") == 1
    assert cli.main(["evaluate", str(run.folder), "--on", str(tmp_path / "b/t.npz"), "--evaluation", "linear"]) == 0
    out = capsys.readouterr().out
    assert f"{100 * kept[0]['probes']['linear']['raw']['accuracy']:.1f} %" in out  # of b, though c came after it
    assert "trained the encoder" not in out
    assert cli.main(["evaluate", str(run.folder), "--on", str(tmp_path / "c.npz"), "--groups", "who"]) == 0
    assert re.search(r"Of these test examples \d+ trained the encoder", capsys.readouterr().out)
    assert cli.main(["evaluate", str(run.folder), "--on", "x.npz", "--method.dim", "5", "--data.task", "classes"]) == 2
    assert "options of evaluations only, and of the data, got --method..." in capsys.readouterr().err


def test_an_encoder_is_left_as_it_was_by_a_noisy_probe():
    torch.manual_seed(0)
    net = get("mlp", spec.Table(6), widths=(8,), dropout=0.5).train()
    before = copy.deepcopy(net.state_dict())
    examples = table(131, val=0, test=60)  # of batches of 10, the last has one row
    evaluate.get("dabs", epochs=1, batch=10, encoder="train")(examples, net, seed=0)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    x = examples.seen(examples.test)
    assert not torch.equal(evaluate.features(net, x, noisy=True), evaluate.features(net, x, noisy=True))
    assert torch.equal(evaluate.features(net, x), evaluate.features(net, x))
    assert net.training


def test_fine_tuning_alone_says_nothing_of_the_features():
    only = {"metric": "accuracy", "trained": 0.9, "untrained": 0.7, "majority": 0.1, "n_test": 2000}
    found = evaluate.diagnose({"loss": 1.0, "chance": 3.0, "floor": 0.0, "steps": 5000, "probes": {"finetune": only}})
    assert [each["verdict"] for each in found] == ["learning"]


def test_scores_of_untrained_encoders_are_kept_by_how_they_are_made(tmp_path, monkeypatch):
    """Dropout is silent in features, and is not in fine-tuning."""
    from mixtrast.run import kept

    monkeypatch.setenv(kept.FOLDER, str(tmp_path / "kept"))
    x, y = small()
    found = []
    for dropout in (0.0, 0.6):
        encoder, chosen = {"name": "mlp", "widths": (16,), "dropout": dropout}, {"linear": {}, "finetune": {"epochs": 3}}
        run = mt.train(
            (x, y), method="npair", encoder=encoder, training={"steps": 1}, evaluation=chosen, quiet=True,
            out=tmp_path / f"{dropout}",
        )  # fmt: skip
        found.append(run.results["probes"])
    assert found[0]["linear"]["untrained"] == found[1]["linear"]["untrained"]
    assert len(list((tmp_path / "kept").glob("linear-*"))) == 2  # raw and untrained, of both
    assert len(list((tmp_path / "kept").glob("finetune-*"))) == 2
