"""Series in .ts files, text, FASTA and sounds: what was written is read, shorter ones are padded, and what is wrong is said."""

from __future__ import annotations

import json
import math
import struct
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

import mixtrast as mt
from mixtrast import domains, spec
from mixtrast.domains import tiles
from mixtrast.encoders.logmel import Spectrogram, mel_bank
from mixtrast.run import prepare
from test_domains import refused, said

NAN = float("nan")
HEAD = "# a comment\n@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n"


@pytest.fixture
def write(tmp_path):
    def made(text: str, name: str) -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return made


# --- .ts -----------------------------------------------------------------------------------------------------------------


def test_series_of_unequal_length_end_in_nan(write):
    data = domains.open(write(HEAD + "1,2,3:4,5,6:a\n7:8,?:b\n", "x.ts"))
    assert data.spec == spec.Series(2, 3, gaps=True)
    wanted = torch.tensor([[[1, 2, 3], [4, 5, 6]], [[7, NAN, NAN], [8, NAN, NAN]]])
    assert torch.allclose(data.x, wanted, 0, 0, equal_nan=True)
    assert (data.classes, data.label.tolist(), data.task) == (("a", "b"), [0, 1], "classes")
    assert "2 series of 2 channels, lengths 1 to 3" in said(data)
    assert "mask" not in data.views, "0 would stand for something"
    whole = domains.open(write(HEAD + "1,2:a\n3,4:b\n", "y.ts"))
    assert whole.spec == spec.Series(1, 2)


def test_the_test_file_beside_is_found_and_more_is_read_alike(write):
    write(HEAD + "5,6,7,8:b\n", "Z_TEST.ts")
    data = domains.open(write(HEAD + "1,2:a\n3,4,5:b\n", "Z_TRAIN.ts"))
    assert data.name == "Z"
    assert data.spec.length == 4
    assert data.given_test.tolist() == [False, False, True]
    assert "Z_TEST.ts, which lies beside it" in said(data)
    more = domains.open(write("@classLabel false\n@data\n1,2,3,4,5\n", "more.ts"), like=data.facts)
    assert more.x.tolist() == [[[1, 2, 3, 4]]]
    assert "longer than 4" in said(more)
    whole = domains.open(write(HEAD + "1,2:a\n3,4:b\n", "y.ts"))
    with refused("has shorter series or missing values, and the earlier data had none"):
        domains.open(write(HEAD + "1:a\n", "short.ts"), like=whole.facts)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no series"),
        (HEAD, "holds no series"),
        (HEAD + "1,2:3,4:a\n5,6:b\n", "must have 2 channels with values in every line, as in line 6, got 1 in line 7"),
        (HEAD + "1,x:a\n", "has 'x' in line 6, which is no number"),
        (HEAD + "1,1e99:a\n", "infinite value, or more than 3.4e38, in line 6"),
        ("1,2,3:a\n", "has '1,2,3:a' in line 1 before @data"),
        ("@timestamps true\n@data\n(0,1):a\n", "has time stamps"),
    ],
)
def test_series_that_are_refused(write, text, sentence):
    with refused(sentence):
        domains.open(write(text, "x.ts"))


def test_a_target_is_a_number_and_other_data_have_their_test_set_too(write):
    target = "@targetlabel true\n@data\n" + "".join(f"{at},1:{50 + at % 3}\n" for at in range(12))
    assert domains.open(write(target, "t.ts")).task == "number"
    assert domains.open(write(target, "t.ts"), task="classes").classes == ("50", "51", "52")
    write(HEAD + "5,6:b\n", "Z_TEST.ts")
    train = write(HEAD + "1,2:a\n3,4:b\n", "Z_TRAIN.ts")
    facts = domains.open(train).facts
    assert domains.open(train, like=facts).given_test is None, "what is embedded is one file"
    assert int(domains.open(train, like=facts | {"split": True}).given_test.sum()) == 1


# --- windows of recordings -----------------------------------------------------------------------------------------------


def recording(rows: int, who: str, y: str) -> str:
    return "".join(f"{at},{at * at},{who},{y}\n" for at in range(rows))


def test_windows_of_recordings_stay_with_their_group(write):
    table = "t,v,who,y\n" + recording(10, "ann", "a") + recording(7, "bob", "b") + recording(3, "cy", "a")
    data = domains.open(write(table, "w.csv"), window=4, stride=2, label="y", groups="who")
    assert data.spec == spec.Series(2, 4)
    assert data.x[:, 0].tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9], [0, 1, 2, 3], [2, 3, 4, 5]]
    assert data.x[1, 1].tolist() == [4, 9, 16, 25]
    assert data.label.tolist() == [0, 0, 0, 0, 1, 1]
    assert data.groups.tolist() == [0, 0, 0, 0, 1, 1]
    assert "1 recording shorter than a window: left out" in said(data)
    more = domains.open(write("v,t\n0,1\n0,2\n0,3\n0,4\n", "more.csv"), like=data.facts)
    assert more.x.tolist() == [[[1, 2, 3, 4], [0, 0, 0, 0]]]
    assert more.label is None
    with refused(r"must fit into a recording, the longest of which has 10 rows, got 11"):
        domains.open(write(table, "w.csv"), window=11, label="y", groups="who")
    with refused("who is text. Leave it out"):
        domains.open(write(table, "w.csv"), window=2, label="y")


def test_no_moment_of_one_recording_is_in_two_splits(write):
    rows = "".join(f"{at},{'ab'[at // 7 % 2]}\n" for at in range(400))
    data = domains.open(write("t,y\n" + rows, "w.csv"), window=5, stride=1, label="y")
    parts = domains.split(data, seed=0)
    moments = [set(data.x[part].long().flatten().tolist()) for part in (parts.train, parts.val, parts.test)]
    assert all(moments)
    assert not moments[0] & (moments[1] | moments[2])
    assert not moments[1] & moments[2]
    assert "windows with more than one label: that of most rows is taken" in said(data)
    at = int((data.x[:, 0, 0] == 5).nonzero()[0])
    assert data.classes[int(data.label[at])] == "b"  # 5 and 6 are a, 7 to 9 are b


def test_other_recordings_are_cut_apart_too(write):
    rows = "t,y\n" + "".join(f"{at},{'ab'[at // 7 % 2]}\n" for at in range(400))
    path = write(rows, "w.csv")
    data = domains.open(path, window=5, stride=1, label="y")
    more = domains.open(path, like=data.facts | {"split": True})
    assert len(more.x) == len(data.x)
    assert len(domains.open(path, like=data.facts).x) > len(data.x), "what is embedded is all of it"


def test_codes_are_not_averaged(write):
    rows = [f"{at},{1 + at // 9 % 4}" for at in range(200)]
    rows[50] = "50,"
    gap = domains.open(write("t,y\n" + "\n".join(rows) + "\n", "w.csv"), window=5, stride=5, label="y")
    assert (gap.task, gap.classes) == ("classes", ("1", "2", "3", "4"))
    many = "t,y\n" + "".join(f"{at},{at // 10 % 60}\n" for at in range(1800))
    assert domains.open(write(many, "m.csv"), window=10, label="y").task == "number"
    asked = domains.open(write(many, "m.csv"), window=10, stride=5, label="y", task="classes")
    assert set(asked.classes) == set(map(str, range(60)))
    halves = "t,y\n" + "".join(f"{at},{at / 2}\n" for at in range(400))
    mean = domains.open(write(halves, "h.csv"), window=4, label="y")
    assert mean.label[0] == 0.75


# --- text ----------------------------------------------------------------------------------------------------------------

REVIEWS = [
    ("a fine film with a big heart", "good"),
    ("dull and far too long", "bad"),
    ("I would see this one again", "good"),
    ("the plot is thin, the jokes thinner", "bad"),
    ("warm, funny and well acted", "good"),
    ("an hour that I want back", "bad"),
] * 3
TSV = "sentence\tlabel\n" + "".join(f"{text} {at}\t{label}\n" for at, (text, label) in enumerate(REVIEWS))


def test_text_is_found_and_its_words_are_kept(write):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    data = domains.open(write(TSV, "r.tsv"), label="label", vocab=400)
    assert (data.domain, data.x.dtype, data.spec.pad) == ("text", torch.int64, 0)
    assert data.classes == ("bad", "good")
    assert int(data.x.max()) < data.spec.vocab <= 400
    assert data.views == {}
    again = domains.open(write("sentence\nA FINE film with a big heart 0\n", "new.tsv"), like=data.facts)
    assert again.x[0].equal(data.x[0]), "the same words, in capitals, have the same ids"
    rows = [{"a": text, "b": REVIEWS[at - 1][0], "y": label} for at, (text, label) in enumerate(REVIEWS)]
    pairs = write("".join(json.dumps(row) + "\n" for row in rows), "p.jsonl")
    both = domains.open(pairs, label="y", text=("a", "b"))
    assert "text in 'a', 'b'" in said(both)
    assert both.spec.length > data.spec.length
    lines = domains.open(write("\n".join(f"{text} {at}" for at, (text, _) in enumerate(REVIEWS)), "lines.txt"))
    assert (lines.domain, lines.task, len(lines.x)) == ("text", "none", len(REVIEWS))


def test_quotes_that_are_not_closed_are_signs_like_others(write):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    texts = [f"{chr(34) if at % 5 == 0 else ''}the {at}th film was fine to see" for at in range(40)]
    lines = [f"{text}\t{'ab'[at % 2]}" for at, text in enumerate(texts)]
    data = domains.open(write("text\tlabel\n" + "\n".join(lines) + "\n", "q.tsv"), label="label")
    assert (len(data.x), int((data.label < 0).sum())) == (40, 0)
    closed = [f'"the {at}th film, ""so"" they say, was fine"\t{"ab"[at % 2]}' for at in range(40)]
    quoted = domains.open(write("text\tlabel\n" + "\n".join(closed) + "\n", "c.tsv"), label="label")
    plain = [f'the {at}th film, "so" they say, was fine\t{"ab"[at % 2]}' for at in range(40)]
    same = domains.open(write("text\tlabel\n" + "\n".join(plain) + "\n", "p.tsv"), label="label")
    assert torch.equal(quoted.x, same.x)
    over = [f'"the {at}th film\nwas fine to see"\t{"ab"[at % 2]}' for at in range(40)]
    assert len(domains.open(write("text\tlabel\n" + "\n".join(over) + "\n", "o.tsv"), label="label").x) == 40


def test_a_table_with_a_category_is_no_text(write):
    assert domains.open(write("a,b\n1,new york\n2,los angeles\n3,new york\n4,new york\n", "t.csv")).domain == "tabular"


def test_a_tokenizer_of_ones_own(write, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "film": 1, "<unk>": 2}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "t.json"))
    data = domains.open(write(TSV, "r.tsv"), label="label", tokenizer=str(tmp_path / "t.json"))
    assert (data.spec.vocab, data.spec.pad) == (4, 3), "it has no padding, so one id more is"
    (tmp_path / "bad.json").write_text("{")
    with refused("could not be read as a tokenizer"):
        domains.open(tmp_path / "r.tsv", label="label", tokenizer=str(tmp_path / "bad.json"))


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ('{"a": 1}\nno\n', {}, "has no JSON in line 2"),
        ("[1]\n", {}, "must have an object in every line, got list in line 1"),
        ("\n", {}, "is empty"),
        ('{"a": "x y z", "b": "u v w"}\n', {"text": "c"}, "has no column 'c' for `text`"),
        ('{"a": 1, "b": 2}\n', {}, "has no column that looks like text"),
    ],
)
def test_text_that_is_refused(write, text, options, sentence):
    with refused(sentence):
        domains.open(write(text, "t.jsonl"), **options)


# --- FASTA ---------------------------------------------------------------------------------------------------------------


def test_fasta_is_letters(write):
    path = write(">s1 a|x\nACGT\nac\n>s2 b|y\nGGRU-\n", "d.fa")
    data = domains.open(path, label="2")
    assert data.x.tolist() == [[1, 2, 3, 4, 1, 2], [3, 3, 5, 4, 0, 0]]
    assert data.spec == spec.Tokens(6, 6, 0)
    assert data.classes == ("a", "b")
    for part in ("2 small letters", "1 letter of no known kind ('R'): taken as N", "2 sequences of bases"):
        assert part in said(data)
    assert domains.open(path, label="last").classes == ("x", "y")
    table = write("id,kind\ns2,q\ns1,p\n", "l.csv")
    assert domains.open(path, label="kind", table=str(table)).label.tolist() == [0, 1]
    bare = write("s2,q\ns1,p\n", "bare.csv")
    assert domains.open(path, label="last", table=str(bare)).label.tolist() == [0, 1], "its first row is no header"
    residues = domains.open(write(">p\nMKVLW\n>q\nMEEB\n", "p.faa"))
    assert residues.spec.vocab == 22
    assert residues.x[1].tolist() == [11, 4, 4, 21, 0]
    more = domains.open(write(">s9\nTTTTTTTTT\n", "more.fa"), like=data.facts)
    assert more.x.tolist() == [[4] * 6]


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", {}, "holds no sequence"),
        ("ACGT\n", {}, "letters in line 1 before a header"),
        (">a\nACGT\n", {"label": "last"}, r"no word 'last' for `label` in the header in line 1: 'a'"),
        (">a\nACGT\n", {"length": 0}, "`length` of Fasta must be a whole number, 1 or more, got 0"),
    ],
)
def test_fasta_that_is_refused(write, text, options, sentence):
    with refused(sentence):
        domains.open(write(text, "x.fasta"), **options)


# --- sounds --------------------------------------------------------------------------------------------------------------


def sound(path: Path, samples: np.ndarray, rate: int = 8000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.repeat(samples, channels) * 32767).astype("<i2").tobytes())


def tone(hertz: float, seconds: float, rate: int = 8000) -> np.ndarray:
    return 0.5 * np.sin(2 * math.pi * hertz * np.arange(round(seconds * rate)) / rate)


def test_sounds_of_a_folder(tmp_path):
    pytest.importorskip("soundfile", reason="soundfile, an extra, is not installed")
    for at in range(4):
        sound(tmp_path / "s" / f"{at % 2}_ann_{at}.wav", tone(440, 0.2))
    sound(tmp_path / "s" / "1_bob_9.wav", tone(440, 0.1, 16_000), 16_000, channels=2)
    data = domains.open(tmp_path / "s", label="first", groups="2")
    assert data.spec == spec.Series(1, 1600)
    assert data.classes == ("0", "1")
    assert len(data.groups.unique()) == 2
    assert data.encoder == ("logmel", {"rate": 8000})
    assert "brought to 8,000 Hz: 1 of 16,000 Hz" in said(data)
    assert data.x[4, 0, 800:].eq(0).all(), "silence after a shorter one"
    wanted = torch.from_numpy(tone(440, 0.1)).float()
    assert (data.x[4, 0, 100:700] - wanted[100:700]).abs().max() < 0.01, "another rate, the same tone"
    assert (data.x[0, 0, :1600] - torch.from_numpy(tone(440, 0.2)).float()).abs().max() < 1e-4
    folders = tmp_path / "f"
    sound(folders / "yes" / "a.wav", tone(200, 0.1))
    sound(folders / "no" / "b.wav", tone(300, 0.3))
    data = domains.open(folders, seconds=0.15)
    assert (data.classes, data.spec.length) == (("no", "yes"), 1200)
    assert "1 sound longer than that" in said(data)
    more = domains.open(tmp_path / "s", like=data.facts)
    assert more.x.shape == (5, 1, 1200)


def test_sounds_to_train_and_to_test(tmp_path):
    pytest.importorskip("soundfile", reason="soundfile, an extra, is not installed")
    for part, many in (("train", 3), ("test", 2), ("val", 1), ("noise", 1)):
        for kind in ("yes", "no"):
            for at in range(many):
                sound(tmp_path / "s" / part / kind / f"{at}.wav", tone(440, 0.1))
    data = domains.open(tmp_path / "s")
    assert (data.name, data.classes, len(data.x)) == ("s", ("no", "yes"), 10)
    assert int(data.given_test.sum()) == 4
    assert "not read, as it is neither to train nor to test: noise" in said(data)
    assert "not read: val; validation examples are of the training set" in said(data)
    with refused("has a test set in it"):
        domains.open(tmp_path / "s", test=tmp_path / "s/noise")


def test_sounds_that_are_refused(tmp_path):
    pytest.importorskip("soundfile", reason="soundfile, an extra, is not installed")
    sound(tmp_path / "a_b.wav", tone(440, 0.1))
    with refused(r"a_b\.wav has no part '3' for `label`: its name has 2 parts"):
        domains.open(tmp_path, label="3")
    (tmp_path / "bad.wav").write_bytes(b"RIFF" + struct.pack("<I", 4) + b"WAVE")
    with refused(r"bad\.wav could not be read as a sound"):
        domains.open(tmp_path)
    (tmp_path / "bad.wav").unlink()
    sound(tmp_path / "c_d.wav", np.zeros(0))
    with refused(r"c_d\.wav has no samples"):
        domains.open(tmp_path)


def test_a_folder_of_both_is_one_of_images(tmp_path):
    sound(tmp_path / "a" / "x.wav", tone(440, 0.1))
    for at in range(3):
        Image.new("RGB", (8, 8), (at, 0, 0)).save(tmp_path / "a" / f"{at}.png")
    assert domains.open(tmp_path).domain == "images"


def test_the_spectrogram_is_that_of_torch():
    x = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    front = Spectrogram(8000, 512, 128, 32)
    power = torch.stft(x[:, 0], 512, 128, window=torch.hann_window(512), center=False, return_complex=True).abs().square()
    wanted = (power.transpose(1, 2) @ mel_bank(8000, 512, 32) + 1e-6).log().transpose(1, 2)
    torch.testing.assert_close(front(x)[:, 0], wanted, rtol=1e-4, atol=1e-4)
    bank = mel_bank(16_000, 256, 64)
    assert torch.allclose(bank.sum(0), torch.ones(64))
    loudest = front(torch.from_numpy(tone(1000, 0.5)).float()[None, None]).mean(3)[0, 0].argmax()
    centre = 700 * (10 ** (2595 * math.log10(1 + 4000 / 700) * (int(loudest) + 1) / 33 / 2595) - 1)
    assert abs(centre - 1000) < 80


# --- from data to a step --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["imix", "mixsupcon", "dmix", "mae", "shed", "emix", "simclr"])
def test_every_kind_begins_to_train(write, tmp_path, method):
    """Defaults alone: the encoder, the depth and the views follow from the kind."""
    sources = [
        (write(HEAD + "".join(f"1,{n},3:4,{n}:{'ab'[n % 2]}\n" for n in range(24)), "k.ts"), {}),
        (
            write("y,c,n\n" + "".join(f"{n % 2},{'pqr'[n % 3]},{n if n % 5 else ''}\n" for n in range(24)), "k.csv"),
            {"label": "y"},
        ),
        (write("".join(f">s{n} {'ab'[n % 2]}\n{'ACGT' * (1 + n % 3)}\n" for n in range(24)), "k.fa"), {"label": "last"}),
    ]
    for source, options in sources:
        given = {"method": {"name": method}, "data": options, "training": {"steps": 1}}
        ready = prepare(given, str(source))
        assert ready.recipe["encoder"]["name"] == "smalltransformer" or method not in ("mae", "shed", "emix", "dmix")
        if "depth" in ready.recipe["method"]:
            assert ready.recipe["method"]["depth"] == 1
        with pytest.raises(ValueError, match="cannot be mixed as they are read"):
            prepare({**given, "method": {"name": "imix", "depth": 0}}, str(source))


def test_presence_decides_the_share_of_padded_tokens():
    """PatchMix at the embedding: of a text of two words and one of four, shares count words, not padding."""
    x = torch.tensor([[1, 2, 0, 0], [3, 4, 5, 1]])
    encoder = mt.encoders.get("transformer", spec.Tokens(4, 6, 0), dim=8, layers=1, heads=2)
    h = encoder.run(x, stop=1)
    assert encoder.present(h).tolist() == [[True, True, False, False], [True] * 4]
    mixer = mt.mixers.PatchMix()
    mixer.at(tokens=True, present=True)
    ring = torch.tensor([[0, 1], [1, 0]])
    mask = torch.tensor([True, False, True, False])
    mixed, mix = mixer(h, torch.Generator().manual_seed(0), parents=ring, draw={"mask": mask})
    assert encoder.present(mixed).tolist() == [[True, True, False, True], [True, True, True, False]]
    assert mix.weight[:, 0].tolist() == pytest.approx([1 / 3, 2 / 3])
    longer = torch.cat([x, torch.zeros(2, 3, dtype=torch.int64)], 1)
    wide = mt.encoders.get("transformer", spec.Tokens(7, 6, 0), dim=8, layers=1, heads=2)
    weights = encoder.state_dict()
    weights["stages.1.position"] = torch.cat([weights["stages.1.position"], torch.randn(1, 3, 8)], 1)
    wide.load_state_dict(weights)
    torch.testing.assert_close(wide.eval()(longer), encoder.eval()(x))  # padding changes nothing


# --- from a cold reading -----------------------------------------------------------------------------------------------------


def test_a_table_with_gaps_is_resumed(tmp_path, monkeypatch):
    """Its views fill in NaN, which is not equal to itself: the recipe is the same all the same."""
    from mixtrast.cli import main

    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{n % 2},{'pqr'[n % 3]},{n % 5 or ''}\n" for n in range(40))
    Path("k.csv").write_text(f"y,c,n\n{rows}")
    words = ["train", "k.csv", "--label", "y", "--training.steps", "2", "--evaluation", "knn", "--training.beside", "none"]
    assert main([*words, "--out", "r", "--quiet"]) == 0
    assert main([*words, "--out", "r", "--quiet", "--resume"]) == 0
    with refused("view noise changes numbers"):
        prepare({"data": {"label": "y"}, "views": {"noise": {}}}, "k.csv")


def test_blocks_in_time_of_two_files_are_not_the_same(write):
    first, second = (write("t,y\n" + "".join(f"{n},{n // 5 % 2}\n" for n in range(200)), f"{name}.csv") for name in "ab")
    data = domains.open(first, test=second, window=10, label="y")
    parts = domains.split(data, seed=0)
    assert len(parts.train) + len(parts.val) == 20
    assert len(parts.test) == 20


def test_a_number_of_a_recording_is_averaged_and_gaps_are_those_of_all_rows(write):
    rows = "".join(f"{n},{n / 4}\n" for n in range(39)) + ",9\n"
    data = domains.open(write("t,y\n" + rows, "w.csv"), window=4, label="y", task="number")
    assert data.label[:2].tolist() == pytest.approx([0.375, 1.375])
    assert data.spec.gaps, "a value is missing somewhere"
    again = domains.open(write("t\n1\n2\n3\n4\n", "more.csv"), like=data.facts)
    assert again.spec == data.spec


def test_who_reads_a_file_with_a_column_of_text(write):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    rows = "".join(f'{n},"well, it is text no {n}, with commas",{n % 2}\n' for n in range(30))
    path = write("a,note,y\n" + rows, "t.csv")
    data = domains.open(path, label="y")
    assert data.domain == "text"
    assert "not used, as it is not the text: a" in said(data)
    assert domains.open(path, label="y", drop=("note",)).domain == "tabular"
    titles = write("title,y\n" + "".join(f"big {n},{n % 2}\n" for n in range(30)), "s.csv")
    assert domains.open(titles, label="y", text="title").domain == "text"
    short = domains.open(write("note\nhello world\nbye all\n", "new.csv"), like=data.facts)
    assert short.x.shape == (2, data.spec.length)


def test_lines_are_all_read(write):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    lines = [f'the {n}th line, or "so", of them' if n % 2 else f"line {n} has no comma in it" for n in range(150)]
    data = domains.open(write("\n".join(lines), "l.txt"))
    assert (data.domain, len(data.x)) == ("text", 150)
    more = domains.open(write("one more\nand, one\n", "m.txt"), like=data.facts)
    assert len(more.x) == 2


def test_a_transformer_of_categories_leaves_the_house(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{n % 2},{'pqr'[n % 3]},{n % 5 or ''}\n" for n in range(40))
    Path("k.csv").write_text(f"y,c,n\n{rows}")
    run = mt.train(
        "k.csv", label="y", method="imix", encoder="smalltransformer", training={"steps": 1}, out="r", evaluation="none"
    )
    run.export("e.pt2")
    assert Path("e.pt2").stat().st_size > 1000


def test_facts_of_another_domain_are_refused_in_a_sentence(write):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    letters = domains.open(write(">a x\nACGT\n>b y\nGG\n", "d.fa"))
    text = write("\n".join(f"this is line {n} of some text" for n in range(30)), "l.txt")
    with refused("examples must look as those before, a sequence of 4 tokens out of 6"):
        domains.open(text, like=letters.facts)
    lines = domains.open(text)
    with refused("examples must look as those before"):
        domains.open(write(">a x\nACGT\n", "e.fa"), like=lines.facts)


def test_trees_with_few_labels():
    """A label a class is more than nothing, and every class is held out where it can be."""
    from mixtrast.evaluate import Features, get
    from mixtrast.evaluate._choice import held_out

    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = (rng.normal(size=(300, 4)) * 0.3 + y[:, None]).astype(np.float32)
    for many in (3, 6, 30):
        features = Features.of(train=(x[:many], y[:many]), test=(x[100:], y[100:]), classes=3)
        assert get("boosting", trees=20)(features, seed=0)["accuracy"] > 0.5, many
    assert np.bincount(y[:30][held_out(y[:30], 3, 0)]).tolist() == [2, 2, 2]
    assert held_out(y[:30], 0, 0).sum() == 6


def test_patches_of_tokens_are_of_tokens():
    x = torch.arange(2 * 6 * 4).float().view(2, 6, 4)
    mixer = mt.mixers.PatchMix(patch=2)
    mixer.at(tokens=True)
    ring = torch.tensor([[0, 1], [1, 0]])
    mixed, mix = mixer(x, torch.Generator().manual_seed(0), parents=ring, draw={"mask": torch.tensor([True, False, True])})
    assert mixed[0].eq(torch.cat([x[0, :2], x[1, 2:4], x[0, 4:]])).all()
    assert mix.weight[:, 0].tolist() == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize("options", [{"pool": "cls"}, {"compatible": "dabs"}, {}])
def test_shed_leaves_cls_where_it_is(options):
    encoder = mt.encoders.get("transformer", spec.Tokens(8, 30), dim=8, layers=1, heads=2, **options)
    method = mt.methods.ShED(encoder, depth=2)
    x = torch.randint(30, (5, 8), generator=torch.Generator().manual_seed(0))
    batch = mt.methods.Batch((x,), torch.zeros(5).long(), torch.arange(5))
    assert method(batch, torch.Generator().manual_seed(0)).value.isfinite()


def test_a_guess_that_is_not_finite_is_seen():
    method = mt.methods.MAE(mt.encoders.get("transformer", spec.Series(1, 8), dim=8, layers=1, heads=2, patch=2))
    with torch.no_grad():
        method.head[1].weight.fill_(NAN)
    batch = mt.methods.Batch((torch.randn(3, 1, 8),), torch.zeros(3).long(), torch.arange(3))
    assert method(batch, torch.Generator().manual_seed(0)).value.isnan()


def test_categories_written_as_digits_stay_what_they_were(write):
    data = domains.open(write("k,v\n1,1\n2,2\nA,3\n1,4\n", "a.csv"))
    assert data.facts["levels"] == {"k": ["1", "2", "A"]}
    more = domains.open(write("k,v\n1,1\n2,2\n,3\n", "b.csv"), like=data.facts)
    assert torch.allclose(more.x[:, 0], torch.tensor([0, 1, NAN]), 0, 0, equal_nan=True)


def test_labels_that_are_none_and_sounds_that_are_cut(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 2)), columns=["a", "b"])
    with pytest.raises(
        ValueError, match=r"'who' has 40 different values in 40 rows, most of them once: it looks like an identif"
    ):
        domains.open(table.assign(who=[f"u{n}" for n in range(40)]), label="who")
    counted = domains.open(table.assign(who=range(100, 140)), label="who")
    assert any("counts the rows one by one: it looks like a row number" in note for note in counted.notes)
    grouped = domains.open(table.assign(y=np.arange(40) // 10 % 2, who=np.arange(40) // 10), label="y", groups="who")
    assert any("is the same throughout each group: it tells 4 groups apart" in note for note in grouped.notes)
    varied = domains.open(table.assign(y=np.arange(40) % 2, who=np.arange(40) // 10), label="y", groups="who")
    assert not any("throughout" in note for note in varied.notes)
    for number in range(4):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        with wave.open(str(tmp_path / "ab"[number % 2] / f"{number}.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\1\2" * 800)
    assert len(domains.open(str(tmp_path)).x) == 4
    path = tmp_path / "a/2.wav"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"2\.wav is cut off: it lacks 500 of the bytes that it says it has"):
        domains.open(str(tmp_path))
    content = bytearray(path.read_bytes())
    for unknown in (0x80000000, 0x7FFFF000, 0xFFFFFFFF):  # of programs that wrote before they knew
        content[40:44] = unknown.to_bytes(4, "little")
        path.write_bytes(content)
        assert len(domains.open(str(tmp_path)).x) == 4


def test_text_in_frames_is_text_and_nothing_else():
    words = [f"the film number {n} was good fun" for n in range(40)]
    assert isinstance(domains.open(pd.DataFrame({"t": words, "y": np.arange(40) % 2}), label="y").spec, spec.Tokens)
    for odd in ([{"en": word} for word in words], [word.split() for word in words], [word.encode() for word in words]):
        frame = pd.DataFrame({"a": np.arange(40.0), "odd": odd})
        assert not domains.Text.takes(frame)


def test_tiles_by_their_axes(tmp_path):
    values = np.arange(8 * 6 * 13, dtype=np.uint16).reshape(8, 6, 13)
    for name, tile, plan in (("a", values, "contig"), ("b", values.transpose(2, 0, 1), "separate")):
        for number in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            path = tmp_path / name / f"{name}_{number % 2}_{number}.tif"
            tifffile.imwrite(path, tile, planarconfig=plan, photometric="minisblack")
    (tmp_path / "README.txt").write_text("tiles")
    data = domains.open(str(tmp_path), groups="2")
    assert data.spec == spec.Image(13, 8, 6)
    assert torch.equal(data.x[0], data.x[5])
    assert data.x[0, 3].tolist() == values[:, :, 3].tolist()
    assert len(data.groups.unique()) == 2
    for number in range(4):
        (tmp_path / "two" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        pair = np.full((4, 5, 2), number, np.uint8)
        tifffile.imwrite(
            tmp_path / f"two/{'ab'[number % 2]}/{number}.tif", pair, planarconfig="contig", photometric="minisblack"
        )
    assert domains.open(str(tmp_path / "two")).spec == spec.Image(2, 4, 5)
    (tmp_path / "two/a/0.tif").write_bytes(b"II*\0no")
    with pytest.raises(ValueError, match=r"could not be read as a tile|cannot be used"):
        domains.open(str(tmp_path / "two"))


@pytest.mark.parametrize(
    ("bands", "dtype", "options", "seen"),
    [
        (3, np.uint8, {"photometric": "rgb"}, True),
        (4, np.uint8, {"photometric": "rgb", "extrasamples": ["unassalpha"]}, True),
        (4, np.uint8, {"photometric": "rgb", "extrasamples": ["unspecified"]}, False),
        (3, np.uint16, {"photometric": "rgb"}, False),
        (4, np.uint16, {"photometric": "rgb", "extrasamples": ["unspecified"]}, False),
        (3, np.uint8, {"photometric": "minisblack", "planarconfig": "contig"}, False),
        (4, np.uint16, {"photometric": "minisblack", "planarconfig": "contig"}, False),
        (3, np.uint8, {"photometric": "minisblack", "planarconfig": "separate"}, False),
        (1, np.uint16, {"photometric": "minisblack"}, True),
        (1, np.float32, {"photometric": "minisblack"}, False),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["", "without tifffile"])
def test_bands_are_no_colours(bands, dtype, options, seen, known, tmp_path, monkeypatch):
    """What is read as pictures would lose bands, or the low half of their numbers."""
    values = (np.arange(bands * 30) % 200).astype(dtype).reshape(bands, 5, 6)
    shaped = values[0] if bands == 1 else values if options.get("planarconfig") == "separate" else values.transpose(1, 2, 0)
    for kind in "ab":
        (tmp_path / "t" / kind).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "t" / kind / "0.tif", shaped, **options)
    if not known:
        monkeypatch.setattr(tiles, "_tifffile", absent)
        assert domains.Tiles.takes(tmp_path / "t") == (not seen)
        return
    data = domains.open(tmp_path / "t")
    assert data.domain == ("images" if seen else "tiles")
    if not seen:
        assert torch.equal(data.x[0], torch.from_numpy(values.astype(np.float32)))


def test_a_png_may_be_called_tif(tmp_path, monkeypatch):
    for kind in "ab":
        photo(tmp_path / "t" / kind / "0.png")
        (tmp_path / "t" / kind / "0.png").rename(tmp_path / "t" / kind / "0.tif")
    assert not domains.Tiles.takes(tmp_path / "t")
    monkeypatch.setattr(tiles, "_tifffile", absent)
    assert not domains.Tiles.takes(tmp_path / "t")


def absent() -> None:
    raise ImportError("not installed")


def test_folders_beside_train_and_test_are_named(tmp_path):
    for part in ("train", "test", "spare"):
        for kind in "ab":
            for number in range(2):
                photo(tmp_path / "im" / part / kind / f"{number}.png")
    assert "not read, as it is neither to train nor to test: spare" in said(domains.open(tmp_path / "im"))
    (tmp_path / "im/spare").rename(tmp_path / "im/val")
    (tmp_path / "im/valid").mkdir()
    with refused("has two folders to val, val and valid. Leave one out"):
        domains.open(tmp_path / "im")


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(path)
