"""FASTA files."""

from __future__ import annotations

import pytest

from mixtrast import datasets, spec
from support.messages import refused, said


def test_fasta_is_letters(file):
    path = file(">s1 a|x\nACGT\nac\n>s2 b|y\nGGRU-\n", "d.fa")
    data = datasets.open(path, label="2")
    assert data.x.tolist() == [[1, 2, 3, 4, 1, 2], [3, 3, 5, 4, 0, 0]]
    assert data.spec == spec.Tokens(6, 6, 0)
    assert data.classes == ("a", "b")
    for part in ("2 small letters", "1 letter outside the alphabet ('R'): read as N", "2 sequences of bases"):
        assert part in said(data)
    assert datasets.open(path, label="last").classes == ("x", "y")
    table = file("id,kind\ns2,q\ns1,p\n", "l.csv")
    assert datasets.open(path, label="kind", table=str(table)).label.tolist() == [0, 1]
    bare = file("s2,q\ns1,p\n", "bare.csv")
    assert datasets.open(path, label="last", table=str(bare)).label.tolist() == [0, 1], "its first row is no header"
    residues = datasets.open(file(">p\nMKVLW\n>q\nMEEB\n", "p.faa"))
    assert residues.spec.vocab == 22
    assert residues.x[1].tolist() == [11, 4, 4, 21, 0]
    more = datasets.open(file(">s9\nTTTTTTTTT\n", "more.fa"), schema=data.schema)
    assert more.x.tolist() == [[4] * 6]


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", {}, "holds no sequence"),
        ("ACGT\n", {}, "letters in line 1 before a header"),
        (">a\nACGT\n", {"label": "last"}, r"no word 'last' for `label` in the header in line 1: 'a'"),
        (">a\nACGT\n", {"length": 0}, "`length` of Fasta must be a whole number above 0, got 0"),
    ],
)
def test_fasta_that_is_refused(file, text, options, sentence):
    with refused(sentence):
        datasets.open(file(text, "x.fasta"), **options)
