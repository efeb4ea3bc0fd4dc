"""Text: in tables, lines and frames."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from mixtrast import datasets, readers, spec
from support.messages import refused, said

REVIEWS = [
    ("a fine film with a big heart", "good"),
    ("dull and far too long", "bad"),
    ("I would see this one again", "good"),
    ("the plot is thin, the jokes thinner", "bad"),
    ("warm, funny and well acted", "good"),
    ("an hour that I want back", "bad"),
] * 3
TSV = "sentence\tlabel\n" + "".join(f"{text} {at}\t{label}\n" for at, (text, label) in enumerate(REVIEWS))


def test_text_is_found_and_its_words_are_kept(file):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    data = datasets.open(file(TSV, "r.tsv"), label="label", vocab=400)
    assert (data.reader, data.x.dtype, data.spec.pad) == ("text", torch.int64, 0)
    assert data.classes == ("bad", "good")
    assert int(data.x.max()) < data.spec.vocab <= 400
    assert data.views == {}
    again = datasets.open(file("sentence\nA FINE film with a big heart 0\n", "new.tsv"), schema=data.schema)
    assert again.x[0].equal(data.x[0]), "the same words, in capitals, have the same ids"
    rows = [{"a": text, "b": REVIEWS[at - 1][0], "y": label} for at, (text, label) in enumerate(REVIEWS)]
    pairs = file("".join(json.dumps(row) + "\n" for row in rows), "p.jsonl")
    both = datasets.open(pairs, label="y", text=("a", "b"))
    assert "text in 'a', 'b'" in said(both)
    assert both.spec.length > data.spec.length
    lines = datasets.open(file("\n".join(f"{text} {at}" for at, (text, _) in enumerate(REVIEWS)), "lines.txt"))
    assert (lines.reader, lines.task, len(lines.x)) == ("text", "none", len(REVIEWS))


def test_quotes_that_are_not_closed_are_signs_like_others(file):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    texts = [f"{chr(34) if at % 5 == 0 else ''}the {at}th film was fine to see" for at in range(40)]
    lines = [f"{text}\t{'ab'[at % 2]}" for at, text in enumerate(texts)]
    data = datasets.open(file("text\tlabel\n" + "\n".join(lines) + "\n", "q.tsv"), label="label")
    assert (len(data.x), int((data.label < 0).sum())) == (40, 0)
    closed = [f'"the {at}th film, ""so"" they say, was fine"\t{"ab"[at % 2]}' for at in range(40)]
    quoted = datasets.open(file("text\tlabel\n" + "\n".join(closed) + "\n", "c.tsv"), label="label")
    plain = [f'the {at}th film, "so" they say, was fine\t{"ab"[at % 2]}' for at in range(40)]
    same = datasets.open(file("text\tlabel\n" + "\n".join(plain) + "\n", "p.tsv"), label="label")
    assert torch.equal(quoted.x, same.x)
    over = [f'"the {at}th film\nwas fine to see"\t{"ab"[at % 2]}' for at in range(40)]
    assert len(datasets.open(file("text\tlabel\n" + "\n".join(over) + "\n", "o.tsv"), label="label").x) == 40


def test_a_table_with_a_category_is_no_text(file):
    assert datasets.open(file("a,b\n1,new york\n2,los angeles\n3,new york\n4,new york\n", "t.csv")).reader == "tabular"


def test_a_tokenizer_of_ones_own(file, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "film": 1, "<unk>": 2}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "t.json"))
    data = datasets.open(file(TSV, "r.tsv"), label="label", tokenizer=str(tmp_path / "t.json"))
    assert (data.spec.vocab, data.spec.pad) == (4, 3), "it has no padding, so one id more is"
    (tmp_path / "bad.json").write_text("{")
    with refused("could not be read as a tokenizer"):
        datasets.open(tmp_path / "r.tsv", label="label", tokenizer=str(tmp_path / "bad.json"))


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
def test_text_that_is_refused(file, text, options, sentence):
    with refused(sentence):
        datasets.open(file(text, "t.jsonl"), **options)


def test_who_reads_a_file_with_a_column_of_text(file):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    rows = "".join(f'{n},"well, it is text no {n}, with commas",{n % 2}\n' for n in range(30))
    path = file("a,note,y\n" + rows, "t.csv")
    data = datasets.open(path, label="y")
    assert data.reader == "text"
    assert "not used, as it is not the text: a" in said(data)
    assert datasets.open(path, label="y", drop=("note",)).reader == "tabular"
    titles = file("title,y\n" + "".join(f"big {n},{n % 2}\n" for n in range(30)), "s.csv")
    assert datasets.open(titles, label="y", text="title").reader == "text"
    short = datasets.open(file("note\nhello world\nbye all\n", "new.csv"), schema=data.schema)
    assert short.x.shape == (2, data.spec.length)


def test_lines_are_all_read(file):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    lines = [f'the {n}th line, or "so", of them' if n % 2 else f"line {n} has no comma in it" for n in range(150)]
    data = datasets.open(file("\n".join(lines), "l.txt"))
    assert (data.reader, len(data.x)) == ("text", 150)
    more = datasets.open(file("one more\nand, one\n", "m.txt"), schema=data.schema)
    assert len(more.x) == 2


def test_facts_of_another_domain_are_refused_in_a_sentence(file):
    pytest.importorskip("tokenizers", reason="tokenizers, an extra, is not installed")
    letters = datasets.open(file(">a x\nACGT\n>b y\nGG\n", "d.fa"))
    text = file("\n".join(f"this is line {n} of some text" for n in range(30)), "l.txt")
    with refused("examples must look like those of the earlier data, a sequence of 4 tokens out of 6"):
        datasets.open(text, schema=letters.schema)
    lines = datasets.open(text)
    with refused("examples must look like those of the earlier data"):
        datasets.open(file(">a x\nACGT\n", "e.fa"), schema=lines.schema)


def test_text_in_frames_is_text_and_nothing_else():
    words = [f"the film number {n} was good fun" for n in range(40)]
    assert isinstance(datasets.open(pd.DataFrame({"t": words, "y": np.arange(40) % 2}), label="y").spec, spec.Tokens)
    for odd in ([{"en": word} for word in words], [word.split() for word in words], [word.encode() for word in words]):
        frame = pd.DataFrame({"a": np.arange(40.0), "odd": odd})
        assert not readers.Text.takes(frame)
