"""Schema: how a dataset was read, and so how other files must be read to fit the same encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from mixtrast import spec as specs
from mixtrast.registry import Options, Value
from mixtrast.spec import Spec, Table, describe
from mixtrast.text import listed, nearest

VERSION = 2  # 1 was a mapping without a version
Task = Literal["classes", "number", "none"]  # what a label is: a class, a number to predict, or there is none


@dataclass(frozen=True, kw_only=True)
class Schema:
    """How a dataset was read. `datasets.open(other, schema=dataset.schema)` reads other data in the same way.

    Args:
        reader: the reader, or the dataset by its name.
        options: of the reader, as JSON.
        spec: what one example looks like.
        task: what the label is.
        classes: names of the classes, in the order of their numbers.
        multilabel: whether a row may have more than one label.
        columns: of a table: names of the input columns, in their order; None where examples have no columns.
        label: name of the column of labels.
        groups: name of the column of groups.
        width: columns of a file without a header; None where columns have names.
        levels: categories of each column that has some, by its name.
        text: names of the columns of text.
        tokenizer: the tokenizer, as the JSON text of the `tokenizers` library.
        alphabet: of sequences: "bases" or "residues".
        rate: of sounds: samples a second.
        intensities: whether numbers are intensities of pixels: bytes, or 0 to 1.
        split: whether the rows will be split. Then a test file next to the source is read too, and windows do not overlap
            between parts.
    """

    reader: str
    options: Options
    spec: Spec
    task: Task = "none"
    classes: tuple[str, ...] = ()
    multilabel: bool = False
    columns: tuple[str, ...] | None = None
    label: str | None = None
    groups: str | None = None
    width: int | None = None
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    tokenizer: str | None = None
    alphabet: str | None = None
    rate: int | None = None
    intensities: bool = False
    split: bool = False

    def check(self, spec: Spec) -> None:
        """Raise ValueError unless examples of other data look like these."""
        if spec != self.spec:
            same = isinstance(spec, Table) and isinstance(self.spec, Table)
            way = "Give the same columns in the same order, and name the label with `--label`." if same else "Reshape them."
            wanted, got = describe(self.spec), describe(spec)
            raise ValueError(f"examples must look like those of the earlier data, {wanted}, got {got}. {way}")

    def without_labels(self) -> Schema:
        """Return the schema for data with labels of their own, whose rows will be split."""
        return replace(self, task="none", classes=(), multilabel=False, split=True)

    def to_dict(self) -> dict[str, Value]:
        """Return the schema as JSON, without fields at their defaults."""
        values: dict[str, Value] = {"version": VERSION, "reader": self.reader, "options": dict(self.options)}
        values |= {"spec": specs.to_dict(self.spec), "task": self.task, "classes": list(self.classes)}
        rest = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in values}
        values |= {name: _plain(value) for name, value in rest.items() if value not in (None, False, (), {})}
        return values

    @classmethod
    def from_dict(cls, record: Mapping[str, Value]) -> Schema:
        """Return the schema of a record, of this version or of the first edition.

        Raises: ValueError where it is damaged, or has a key that is not known.
        """
        values: dict[str, Any] = dict(record)
        version = values.pop("version", 1)
        if version not in (1, VERSION):
            raise ValueError(f"a schema must be of version {VERSION} or 1, got {version!r}. Use a newer mixtrast.")
        if version == 1:
            values = _of_first_edition(values)
        known = [each.name for each in fields(cls)]
        if unknown := [name for name in values if name not in known]:
            raise ValueError(f"a schema has no key {listed(unknown)}; its keys are: {listed(known)}.{nearest(unknown, known)}")
        try:
            values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
            values["spec"] = specs.from_dict(values["spec"])
            values["levels"] = {name: tuple(kinds) for name, kinds in values.get("levels", {}).items()}
            found = cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a schema must have a reader, options and a spec, got {listed([*values])}: {error}.") from error
        if found.task not in get_args(Task):
            raise ValueError(f"`task` of a schema must be one of {listed(list(get_args(Task)))}, got {found.task!r}.")
        return found


def _plain(value: Any) -> Value:
    """Return a value as JSON has it."""
    found: Value = {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value
    return list(value) if isinstance(value, tuple) else found


def _of_first_edition(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values under the names of today; `gaps` is that of the spec."""
    renamed = {"domain": "reader", "several": "multilabel"}
    found = {renamed.get(name, name): value for name, value in values.items() if name != "gaps"}
    options = found.get("options")
    if isinstance(options, dict) and options.get("task") == "several":
        found["options"] = {**options, "task": "multilabel"}
    return found
