from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.readers._assemble import assemble
from mixtrast.readers._columns import Numbers, column_notes, numbers_of
from mixtrast.readers._layout import ENDINGS, HEADERS, Header
from mixtrast.readers._packed import stem_and_ending
from mixtrast.readers._reader import Reader
from mixtrast.readers._sheet import PARQUET, FileSheet, FrameSheet, Sheet, read_parquet
from mixtrast.readers._source import Source, existing_file, is_frame, is_path
from mixtrast.spec import Table
from mixtrast.text import count, listed, nearest
from mixtrast.validation import check_choice


@dataclass(frozen=True)
class Roles:
    """Which columns are inputs, label and groups, by name."""

    inputs: tuple[str, ...]
    label: str | None
    groups: str | None
    notes: tuple[str, ...] = ()


class Tabular(Reader):
    """Tables: text files with separators, Parquet, DataFrames. Columns are numbers, or categories where they are text.

    Takes paths that end in .csv, .tsv, .txt or .data, packed or not (.gz, .bz2, .xz, .zip), or in .parquet; DataFrames; and
    (DataFrame, label) tuples. Fields are separated by commas, semicolons or tabs, in .txt and .data also by spaces. Missing
    values stay missing, and the encoder gets a missing-value flag. Dates, and text that differs in nearly every row, are
    refused with advice.

    Args:
        label: the column to predict, by name, or "last" or "first"; None: there is no label.
        groups: the column that says which rows belong together and stay in one part of a split.
        drop: columns to leave out.
        task: what the label is; "auto" decides by its values, with a note.
        header: whether the first row names the columns; "auto" reads it as data when all of it are numbers, and compares a
            mixed one with the rows below. Columns without names are called 1 to F.
    """

    sources = ".csv, .tsv, .txt and .data, also packed as .gz, .bz2, .xz or .zip; .parquet; pandas DataFrames"
    endings = (*ENDINGS, PARQUET)
    chosen_by = ("drop", "header")

    def __init__(
        self,
        *,
        label: str | None = None,
        groups: str | None = None,
        drop: tuple[str, ...] = (),
        task: TaskOption = "auto",
        header: Header = "auto",
    ) -> None:
        check_choice("task", task, TASKS)
        check_choice("header", header, HEADERS)
        self.label, self.groups, self.task, self.header = label, groups, task, header
        self.drop = (drop,) if isinstance(drop, str) else tuple(drop)

    @classmethod
    def takes(cls, source: object) -> bool:
        return super().takes(source) or is_frame(source[0] if isinstance(source, tuple) and len(source) == 2 else source)

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read the columns; see `Reader.load`."""
        first = self.read(source, schema)
        second = None if test is None else self.read(test, first.schema, "the test set")
        name = stem_and_ending(existing_file(source))[0] if is_path(source) else "frame"
        return assemble(name, first, test=second, task=self.task, schema=schema)

    def read(self, source: Any, schema: Schema | None, owner: str = "") -> Source:
        """Return a file or frame as a source. `owner`: how messages call a frame."""
        frame, label = source if isinstance(source, tuple) else (source, None)
        if not is_path(frame) and not is_frame(frame):
            raise ValueError(f"{owner or 'a table'} must be a path or a DataFrame, got {type(frame).__name__}.")
        sheet = self._sheet(frame, owner)
        earlier = schema if schema is not None and schema.columns is not None else None
        roles = self._roles(sheet, schema, separate=label is not None)
        text = [name for name in (roles.label, roles.groups) if name is not None]
        digits = [] if earlier is None else [name for name in earlier.levels if name in sheet.columns]  # digits may be names
        rows = sheet.read([*text, *digits])
        if not len(rows):
            raise ValueError(f"{sheet.name} has a header and no rows. Give a row for each example.")
        if earlier is None:
            roles = _without_blank(rows, roles)
        columns = numbers_of(rows[list(roles.inputs)], sheet, earlier)
        if label is not None:
            values: np.ndarray | None = _separate_label(label, rows, sheet)
        else:
            values = sheet.column_values(rows[roles.label]) if roles.label is not None else None
        kind = "" if columns.levels else " of numbers"
        found = f"{sheet.name}: {count(len(columns.x), 'row')}, {count(len(roles.inputs), 'column')}{kind}."
        about = column_notes(columns.x, roles.inputs) if earlier is None else []
        return Source(
            x=columns.x,
            schema=self._schema(columns, roles, sheet, earlier),
            where=sheet.where,
            label=values,
            groups=sheet.column_values(rows[roles.groups]) if roles.groups else None,
            label_name="the label" if label is not None else f"label {roles.label!r}",
            groups_name=f"groups {roles.groups!r}",
            notes=(found, *columns.notes, *sheet.notes, *roles.notes, *about),
        )

    def _schema(self, columns: Numbers, roles: Roles, sheet: Sheet, earlier: Schema | None) -> Schema:
        """Return the schema of a sheet, with the columns of the earlier data where there are some."""
        kinds = tuple(len(columns.levels.get(name, ())) for name in roles.inputs) if columns.levels else ()
        own = self.schema_of(Table(len(roles.inputs), kinds, columns.gaps))
        if earlier is not None:
            return replace(earlier, reader=own.reader, options=own.options, spec=own.spec, split=False)
        width = None if sheet.header else len(sheet.columns)
        return replace(own, columns=roles.inputs, label=roles.label, groups=roles.groups, width=width, levels=columns.levels)

    def _sheet(self, source: Any, owner: str) -> Sheet:
        """Return the columns of a path or frame."""
        if not is_path(source):
            return FrameSheet(source, owner or "the frame")
        path = existing_file(source)
        return FrameSheet(read_parquet(path), path.name) if path.suffix.lower() == PARQUET else FileSheet(path, self.header)

    def _roles(self, sheet: Sheet, schema: Schema | None, *, separate: bool) -> Roles:
        """Return what each column is. With a schema, its inputs must be there. `separate`: the label is not a column."""
        if separate and self.is_set("label", schema):
            raise ValueError(f"`label` names a column, {self.label!r}, but the label is a separate array. Use one of the two.")
        earlier = schema if schema is not None and schema.columns is not None else None
        # Columns without names are known by their numbers, which change where the label is not there.
        unnamed = earlier is not None and not sheet.header and len(sheet.columns) != earlier.width
        named = replace(schema, label=None, groups=None) if schema is not None and unnamed else schema
        label, groups = (sheet.role(self, option, named) for option in ("label", "groups"))
        if label is not None and label == groups:
            raise ValueError(f"`label` and `groups` must be two columns, got {label!r} for both.")
        if earlier is not None and earlier.columns is not None:
            for option, column in (("label", label), ("groups", groups)):
                if column in earlier.columns and not unnamed:
                    raise ValueError(
                        f"column {column!r} of {sheet.name} cannot be the {option}: it was an input of the earlier data, so "
                        f"what was learned depends on it. Train again with `--{option} {column}`, or name another."
                    )
            return (_in_order if unnamed else _by_name)(sheet, label, groups, earlier.columns)
        return self._new_roles(sheet, label, groups)

    def _new_roles(self, sheet: Sheet, label: str | None, groups: str | None) -> Roles:
        """Return all other columns as inputs, without those to drop."""
        dropped = [sheet.find(name, "drop") for name in self.drop]
        if needed := sorted({name for name in (label, groups) if name is not None} & set(dropped)):
            raise ValueError(f"`drop` must not name the label or the groups, got {needed[0]!r}.")
        inputs = tuple(column for column in sheet.columns if column not in (label, groups, *dropped))
        if not inputs:
            raise ValueError(
                f"{sheet.name} has no column left to learn from, got {listed(sheet.columns)}. Drop fewer; if there should be "
                "more columns, separate the fields by commas, semicolons or tabs."
            )
        return Roles(inputs, label, groups)


def _by_name(sheet: Sheet, label: str | None, groups: str | None, columns: tuple[str, ...]) -> Roles:
    """Return the columns of earlier data, in their order; others are not used."""
    lacking = [column for column in columns if column not in sheet.columns]
    if lacking:
        raise ValueError(
            f"{sheet.name} must have the columns of the earlier data, but lacks {listed(lacking)}; its columns are: "
            f"{listed(sheet.columns)}.{nearest(lacking[0], sheet.columns)}"
        )
    more = [column for column in sheet.columns if column not in (label, groups, *columns)]
    return Roles(columns, label, groups, (f"not used: {listed(more)}.",) if more else ())


def _in_order(sheet: Sheet, label: str | None, groups: str | None, columns: tuple[str, ...]) -> Roles:
    """Return the columns of a sheet without names: as many as the earlier data have, in their order."""
    here = tuple(column for column in sheet.columns if column not in (label, groups))
    if len(here) != len(columns):
        raise ValueError(
            f"{sheet.name} has no header, so it must have exactly the {count(len(columns), 'column')} of the earlier data in "
            f"their order, got {len(here):,}. Leave the others out, or name the columns in a first row."
        )
    return Roles(here, label, groups, ("without names, the columns are read in the order of the earlier data.",))


def _without_blank(rows: Any, roles: Roles) -> Roles:
    """Return the roles without columns that have neither name nor values: a separator at the end of every line makes one."""
    blank = [column for column in roles.inputs if column.startswith("Unnamed: ") and rows[column].isna().all()]
    if not blank:
        return roles
    inputs = tuple(column for column in roles.inputs if column not in blank)
    return replace(roles, inputs=inputs, notes=(*roles.notes, f"left out, without a name and empty: {listed(blank)}."))


def _separate_label(label: Any, rows: Any, sheet: Sheet) -> np.ndarray:
    """Return a label that came with the frame, as a pandas Series or as an array."""
    index = getattr(label, "index", None)
    if index is None or callable(index):  # lists have an index too
        return np.asarray(label)
    if len(label) == len(rows) and not index.equals(rows.index):
        raise ValueError(
            "the label must have the index of the frame, got another. Use `label.reindex(frame.index)`, or "
            "`.reset_index(drop=True)` on both when they are in the same order."
        )
    return sheet.column_values(label)
