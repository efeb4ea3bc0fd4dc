"""Schemas: later data are read as the first were, a test set as its training set; records of both editions are read."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mixtrast import datasets, spec
from mixtrast.data import Schema
from support.messages import refused, said
from support.sources import TABLE, X, Y


def test_a_schema_takes_columns_by_name_and_classes_by_number(file):
    schema = Schema.from_dict(json.loads(json.dumps(datasets.open(file(TABLE), label="kind", drop="height").schema.to_dict())))
    assert schema.options["drop"] == ["height"]
    more = datasets.open(file("kind,more,width\noak,x,2\n,y,3\n"), schema=schema)
    assert more.x.tolist() == [[2], [3]]
    assert (more.classes, more.label.tolist(), more.task) == (("elm", "oak"), [1, -1], "classes")
    assert "not used: more" in said(more)
    bare = datasets.open(file("width\n2\n"), schema=schema)
    assert (bare.label, bare.task, bare.classes) == (None, "none", ())
    assert bare.schema == schema
    assert datasets.open(file("width,kind\n2,oak\n"), schema=bare.schema).label.tolist() == [1]
    with refused("label 'kind' has 'ash' in 1 row, first in line 3, and the earlier data have the classes elm, oak only"):
        datasets.open(file("width,kind\n2,oak\n3,ash\n"), schema=schema)
    with refused(r"lacks width; its columns are: Width, kind\. Did you mean 'Width'\?"):
        datasets.open(file("Width,kind\n2,oak\n"), schema=schema)
    assert datasets.open(file("width,sort\n2,oak\n"), schema=schema, label="sort").label.tolist() == [1]
    with refused("no column 'sort' for `label`"):
        datasets.open(file("width,kind\n2,oak\n"), schema=schema, label="sort")


def test_a_schema_of_columns_without_names(file):
    schema = datasets.open(file("1,2,0,9\n3,4,1,9\n"), label="first", drop="last").schema
    assert schema.columns == ("2", "3")
    whole = datasets.open(file("1,8,7,9\n3,6,5,9\n"), schema=schema)
    assert (whole.x.tolist(), whole.label.tolist()) == ([[8, 7], [6, 5]], [0, 1])
    bare = datasets.open(file("8,7\n6,5\n"), schema=schema)
    assert (bare.x.tolist(), bare.label) == ([[8, 7], [6, 5]], None)
    assert "read in the order of the earlier data" in said(bare)
    assert datasets.open(file("8,7,3\n6,5,1\n"), schema=schema, label="last").label.tolist() == [1, 0]
    with refused("has no header, so it must have exactly the 2 columns of the earlier data in their order, got 3"):
        datasets.open(file("8,7,3\n6,5,1\n"), schema=schema)


def test_a_schema_across_readers(file):
    table = datasets.open(file(TABLE), label="kind").schema
    arrays = datasets.open({"x": X[:2, :2], "y": np.array(["elm", "oak"])}, schema=table)
    assert (arrays.reader, arrays.label.tolist()) == ("arrays", [0, 1])
    assert datasets.open(X[:, :2], schema=table).task == "none"
    back = datasets.open(file(TABLE), label="kind", schema=arrays.schema)
    assert back.label.tolist() == [1, 0, 1, -1]
    with refused(
        "must look like those of the earlier data, a table of 2 columns, got a table of 3 columns. Give the same columns"
    ):
        datasets.open(X, schema=table)
    with refused("a table of 2 columns, got a series of 2 channels and length 5. Reshape them"):
        datasets.open(np.ones((3, 2, 5)), schema=table)
    with refused(r"`schema` must be the schema of a dataset, got dict\. Use `dataset.schema`", TypeError):
        datasets.open(X, schema={"columns": ["a"]})
    keyed = datasets.open({"x": X, "age": Y}, label="age").schema
    assert datasets.open(X, schema=keyed).label is None
    assert datasets.open({"x": X}, schema=keyed).label is None
    assert datasets.open((X, Y), schema=keyed).label.tolist() == Y.tolist()
    with refused("no array 'sex' for `label`"):
        datasets.open({"x": X}, schema=keyed, label="sex")


def test_labels_may_be_new_by_a_schema_without_labels(file):
    schema = datasets.open(file("a,b\n1,2\n3,4\n")).schema
    assert datasets.open(file("a,b,kind\n1,2,u\n3,4,v\n"), schema=schema, label="kind").classes == ("u", "v")


def test_a_test_set(file):
    train, test = file(TABLE + "5,6,elm\n"), file("kind,width,height\noak,1,2\nelm,3,4\n", "test.csv")
    data = datasets.open(train, test=test, label="kind")
    assert data.x.tolist()[-3:] == [[5, 6], [2, 1], [4, 3]]
    assert data.label.tolist() == [1, 0, 1, -1, 0, 1, 0]
    assert data.test_rows.tolist() == [False] * 5 + [True] * 2
    assert data.name == "trees"
    arrays = datasets.open((X, Y), test=(X[:1], Y[:1]))
    assert arrays.test_rows.sum() == 1
    assert datasets.open(X, test=X).label is None
    for wrong, sentence in [
        ((X, None), "the training set has a label, the other has none"),
        ((X[:, :1], Y), "the test set must look like the training set, a table of 3 columns, got a table of 1 column"),
        ((X, Y + 9), "`y` has '9', '10' in 8 rows, first in row 0, and the earlier data have the classes 0, 1 only"),
        ((X, Y, Y), "the test set has groups, the other has none"),
    ]:
        with refused(sentence):
            datasets.open((X, Y), test=wrong)
    with refused("test must have the columns of the earlier data, but lacks width"):
        datasets.open(train, test=file("height,kind\n2,oak\n", "test.csv"), label="kind")
    with refused("the test set must be a path or a DataFrame, got int"):
        datasets.open(train, test=3, label="kind")


def test_groups_are_the_same_in_both_sets():
    data = datasets.open((X, Y, list("aabbccdd")), test=(X[:2], Y[:2], ["c", "e"]))
    assert data.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 2, 4]
    assert "1 group of the test set in training too" in said(data)


FIRST = json.loads((Path(__file__).parent / "first_edition/facts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FIRST)
def test_facts_of_the_first_edition_are_read(name):
    record = FIRST[name]
    schema = Schema.from_dict(record)
    assert (schema.reader, schema.spec, schema.task) == (record["domain"], spec.from_dict(record["spec"]), record["task"])
    assert schema.classes == tuple(record["classes"])
    assert schema.multilabel == record.get("several", False)
    assert schema.options == {
        key: {"several": "multilabel"}.get(value, value) if key == "task" else value for key, value in record["options"].items()
    }
    assert getattr(schema.spec, "gaps", False) == record.get("gaps", getattr(schema.spec, "gaps", False))
    same = {each.name for each in fields(Schema)} & set(record) - {"spec", "options", "task", "classes"}
    for key in same:
        ours = getattr(schema, key)
        assert (list(ours) if isinstance(ours, tuple) else ours) == (
            {name: tuple(kinds) for name, kinds in record[key].items()} if key == "levels" else record[key]
        )
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


def test_new_files_are_read_by_facts_of_the_first_edition(file):
    table = Schema.from_dict(FIRST["tabular"])
    more = datasets.open(file("n,colour,size\n1,green,2\n0,red,\n", "more.csv"), schema=table)
    assert (more.reader, more.spec, more.label) == ("tabular", table.spec, None)
    tags = datasets.open(file("a,tags\n1,round;old\n2,red\n", "tags.csv"), schema=Schema.from_dict(FIRST["several"]))
    assert tags.label_sets.tolist() == [[0, 2], [1, -1]]
    text = Schema.from_dict(FIRST["text"])
    read = datasets.open(file("sentence\na fine film with heart number 0 and more\n", "new.tsv"), schema=text)
    assert (read.spec, read.schema.tokenizer) == (text.spec, text.tokenizer)
    letters = datasets.open(file(">s\nTTTTTTTT\n", "more.fa"), schema=Schema.from_dict(FIRST["fasta"]))
    assert letters.x.shape == (1, 4)
    windows = datasets.open(file("t\n" + "1\n" * 10, "w.csv"), schema=Schema.from_dict(FIRST["windows"]))
    assert windows.x.shape == (2, 1, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "a schema must be of version 2 or 1, got 3"),
        ({"colums": ["a"]}, r"a schema has no key colums; its keys are: reader, .*\. Did you mean 'columns'\?"),
        ({"spec": {"kind": "Cube"}}, "a schema must have a reader, options and a spec"),
        ({"spec": None}, "a schema must have a reader, options and a spec"),
        ({"task": "regression"}, "`task` of a schema must be one of classes, number, none, got 'regression'"),
    ],
)
def test_damaged_schemas_are_refused(change, message):
    record = datasets.open((X, Y)).schema.to_dict()
    with refused(message):
        Schema.from_dict({**record, **change})


def test_a_schema_without_labels_is_for_data_that_are_split():
    schema = datasets.open((X, Y)).schema
    assert schema.without_labels() == replace(schema, task="none", classes=(), split=True)
    assert datasets.open((X, Y + 5), schema=schema.without_labels()).classes == ("5", "6")
