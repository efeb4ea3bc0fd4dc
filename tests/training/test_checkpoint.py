"""Checkpoints and metrics on disk: whole or not there, and no code of a checkpoint runs."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from mixtrast.records.folder import CHECKPOINT, CHECKPOINT_BEFORE, METRICS
from mixtrast.training import CheckpointError, CheckpointStore, Interrupted, fit, loop
from support.fits import CPU, STEPS, Stopper, built, examples, lines, plan, same, state, store, unbroken, weights

FULL = "/dev/full"


@pytest.fixture
def two(tmp_path) -> CheckpointStore:
    """A store with checkpoints of step 1 and, the newest, step 2."""
    made = store(tmp_path / "run")
    made.save(state(1))
    made.save(state(2))
    return made


def corrupt(path: Path, how: str) -> None:
    content = path.read_bytes()
    keep = {"empty": 0, "short": 3, "half": len(content) // 2, "one byte less": len(content) - 1}
    path.write_bytes(bytes(len(content)) if how == "zeros" else b"<html>" * 99 if how == "other" else content[: keep[how]])


CORRUPTIONS = ["empty", "short", "half", "one byte less", "zeros", "other"]


def test_a_checkpoint_comes_back_as_it_was(two):
    found = two.load()
    assert found.state["step"] == 2
    assert torch.equal(found.state["method"]["w"], torch.full((50,), 2.0))
    assert found.notes == ()
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]


def test_there_may_be_none_yet(tmp_path):
    assert store(tmp_path).load() is None


@pytest.mark.parametrize("how", CORRUPTIONS)
def test_a_damaged_newest_gives_way_to_the_one_before(two, how):
    corrupt(two.folder / CHECKPOINT, how)
    found = two.load()
    assert found.state["step"] == 1
    (note,) = found.notes
    assert str(two.folder / CHECKPOINT) in note
    assert note.endswith("Continuing from the one before, step 1.")


@pytest.mark.parametrize("how", CORRUPTIONS)
def test_without_a_good_one_it_is_an_error_that_says_why(two, how):
    for name in (CHECKPOINT, CHECKPOINT_BEFORE):
        corrupt(two.folder / name, how)
    said = r"checkpoint\.pt .*checkpoint\.before\.pt .*No good checkpoint is left: start again"
    with pytest.raises(CheckpointError, match=said):
        two.load()


def test_a_fit_goes_on_from_the_one_before(tmp_path):
    made = plan(monitor_at=range(STEPS + 1))
    whole = unbroken(tmp_path / "one", "imix", made)
    with pytest.raises(Interrupted):
        fit(built("imix"), examples(), made, store(tmp_path / "other"), monitor=Stopper(4))
    corrupt(tmp_path / "other" / CHECKPOINT, "half")
    method = built("imix", 3)
    says = fit(method, examples(), made, store(tmp_path / "other"), resume=True, monitor=Stopper()).notes
    assert "Continuing from the one before, step 3." in says[0]
    assert says[1] == f"resumed after step 3 of {STEPS}"
    assert same(weights(method), whole)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")


class Harm:
    """What a pickle can do: code that runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("way", ["torch", "pickle", "old"])
def test_a_checkpoint_that_would_run_code_is_refused_and_not_run(two, way, tmp_path):
    harm = tmp_path / "harm"
    content = {**state(9), "recipe": "recipe", "environment": Harm(harm)}
    whole = io.BytesIO()
    if way == "pickle":
        pickle.dump(content, whole, protocol=2)
    else:
        torch.save(content, whole, _use_new_zipfile_serialization=way == "torch")
    for name in (CHECKPOINT, CHECKPOINT_BEFORE):
        (two.folder / name).write_bytes(whole.getvalue())
    with pytest.raises(CheckpointError, match=r"is refused: it holds more than tensors and numbers, and would run code\."):
        two.load()
    assert not harm.exists()
    torch.load(two.folder / CHECKPOINT, weights_only=False) if way != "pickle" else pickle.loads(whole.getvalue())
    assert harm.exists()  # it would have


@pytest.mark.parametrize("content", [3, [1], {"recipe": "recipe", "step": 1}, None], ids=str)
def test_what_is_no_checkpoint_of_ours_is_said(two, content):
    torch.save(content, two.folder / CHECKPOINT)
    found = two.load()
    assert found.state["step"] == 1
    assert "is not a checkpoint of mixtrast" in found.notes[0]


def test_a_checkpoint_of_another_recipe_is_refused(two):
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is of another recipe"):
        CheckpointStore(two.folder, "another").load()


def test_a_refused_resume_leaves_the_metrics_alone(two):
    text = '{"step": 1}\n{"step": 5}\n'
    (two.folder / METRICS).write_text(text)
    with pytest.raises(CheckpointError):
        CheckpointStore(two.folder, "another").load()
    assert (two.folder / METRICS).read_text() == text


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_earlier_checkpoints_whole(two, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        two.save(state(3))
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]
    assert two.load().state["step"] == 2


@pytest.mark.skipif(not os.path.exists(FULL), reason="there is no /dev/full here")
def test_a_disk_that_is_really_full(two):
    (two.folder / (CHECKPOINT + ".next.partial")).symlink_to(FULL)
    with pytest.raises(OSError, match="No space left") as caught:
        two.save(state(3))
    assert caught.value.errno == errno.ENOSPC
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]
    assert two.load().state["step"] == 2


def test_a_full_disk_in_the_middle_of_training_can_be_resumed(tmp_path, monkeypatch):
    made = plan(monitor_at=range(STEPS + 1))
    whole = unbroken(tmp_path / "one", "imix", made)
    saves, fsync = [], os.fsync

    def fills(number: int) -> None:
        saves.append(number)
        if len(saves) == 5:
            no_space()
        fsync(number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fills)
        with pytest.raises(OSError, match="No space left"):
            fit(built("imix"), examples(), made, store(tmp_path / "other"), monitor=Stopper())
    assert lines(tmp_path / "other")[-1]["step"] == 5
    method = built("imix", 1)
    fit(method, examples(), made, store(tmp_path / "other"), resume=True, monitor=Stopper())
    assert same(weights(method), whole)
    assert lines(tmp_path / "one") == lines(tmp_path / "other")


def test_a_crash_between_the_two_renames_leaves_a_whole_one(two, monkeypatch):
    replace, calls = os.replace, []

    def crashes(*names: Any) -> None:
        calls.append(names)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(*names)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", crashes)
        with pytest.raises(KeyboardInterrupt):
            two.save(state(3))
    assert two.load().state["step"] == 2
    two.save(state(3))
    assert two.load().state["step"] == 3
    assert sorted(path.name for path in two.folder.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt"]


TAILS = ["", '{"st', '{"step": 3, "loss"', '{"step": 3}\n', '{"step": 3}\n{"step": 4}\n{"ste', "\0\0\0"]


@pytest.mark.parametrize("tail", TAILS, ids=repr)
def test_lines_after_the_checkpoint_or_cut_short_are_dropped(two, tail):
    path = two.folder / METRICS
    path.write_text('{"step": 0}\n{"step": 2}\n' + tail)
    two.load()
    assert path.read_text() == '{"step": 0}\n{"step": 2}\n'


def test_a_complete_last_line_without_its_end_stays(two):
    path = two.folder / METRICS
    path.write_text('{"step": 0}\n{"step": 2}')
    two.load()
    assert path.read_text() == '{"step": 0}\n{"step": 2}\n'


def test_the_environment_can_be_stored_in_a_checkpoint():
    assert json.loads(json.dumps(loop.environment(CPU))) == loop.environment(CPU)


@pytest.mark.parametrize("content", [b"\x80\x02.", b"\x80\x02J\x00"], ids=repr)
def test_noise_that_begins_like_a_checkpoint_gives_way_too(two, content):
    (two.folder / CHECKPOINT).write_bytes(content)
    assert two.load().state["step"] == 1


@pytest.mark.parametrize("tail", [b"3\n", b"{}\n", b"\xff\xfe"], ids=repr)
def test_lines_that_are_not_ours_are_dropped(two, tail):
    path = two.folder / METRICS
    path.write_bytes(b'{"step": 0}\n' + tail)
    two.load()
    assert path.read_bytes() == b'{"step": 0}\n'
