from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mixtrast.checks import check_choice
from mixtrast.domains._assemble import Source, assemble, existing, is_asked, is_frame, is_path
from mixtrast.domains._columns import about_columns, typed
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import ASKED, Asked
from mixtrast.domains._sheet import PARQUET, FileSheet, FrameSheet, Sheet, read_parquet
from mixtrast.domains._text import ENDINGS, HEADER, Header, parts
from mixtrast.domains._words import count, listed, nearest
from mixtrast.spec import Table


@dataclass(frozen=True)
class Roles:
    """Which column is what, by name."""

    features: tuple[str, ...]
    label: str | None
    groups: str | None
    notes: tuple[str, ...] = ()


class Tabular(Domain):
    """Tables: text files with separators, Parquet, DataFrames. Columns are numbers, or categories where they are text.

    Takes paths that end in .csv, .tsv, .txt or .data, packed or not (.gz, .bz2, .xz, .zip), or in .parquet; DataFrames; and
    (DataFrame, label) tuples. Commas, semicolons, tabs, and in .txt and .data also spaces may separate the fields. Missing
    values stay missing, and encoders are told; dates, and text that is another in nearly every row, are refused with advice.

    Args:
        label: the column to predict, by name, or "last" or "first"; None: there is no label.
        groups: the column that says which rows belong together and stay in one split.
        drop: columns to leave out.
        task: what the label is; "auto" looks at it, and a note says what it saw.
        header: whether the first row names the columns; "auto" takes it for data when all of it are numbers, and for data that
            is mixed looks at the rows below. Columns without names are called 1 to F.
    """

    asked: ClassVar[tuple[str, ...]] = ("drop", "header")

    def __init__(
        self,
        *,
        label: str | None = None,
        groups: str | None = None,
        drop: tuple[str, ...] = (),
        task: Asked = "auto",
        header: Header = "auto",
    ) -> None:
        check_choice("task", task, ASKED)
        check_choice("header", header, HEADER)
        self.label, self.groups, self.task, self.header = label, groups, task, header
        self.drop = (drop,) if isinstance(drop, str) else tuple(drop)

    @staticmethod
    def takes(source: object) -> bool:
        if is_path(source):
            return parts(Path(str(source)))[1] in (*ENDINGS, PARQUET)
        return is_frame(source[0] if isinstance(source, tuple) and len(source) == 2 else source)

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """Reads the columns; see `Domain.load`."""
        read = self._read(source, like)
        other = None
        if test is not None:
            other = self._read(test, {"domain": self.called, "options": self.options(), **read.facts}, "the test set")
        return assemble(self, self._name(source), read, test=other, task=self.task, like=like)

    def _name(self, source: Any) -> str:
        return parts(existing(source))[0] if is_path(source) else "frame"

    def _read(self, source: Any, like: dict[str, Any] | None, owner: str = "") -> Source:
        beside = None
        if isinstance(source, tuple):
            source, beside = source
        if not is_path(source) and not is_frame(source):
            raise ValueError(f"{owner or 'a table'} must be a path or a DataFrame, got {type(source).__name__}.")
        sheet = self._sheet(source, owner)
        roles = self._roles(sheet, like, beside is not None)
        named = [column for column in (roles.label, roles.groups) if column is not None]
        before = (like or {}).get("levels") or {}  # categories written as digits stay text
        frame = sheet.read([*named, *(name for name in before if name in sheet.columns)])
        if not len(frame):
            raise ValueError(f"{sheet.name} has a header and no rows. Give a row for each example.")
        fresh = like is None or like.get("columns") is None
        features, notes = list(roles.features), list(roles.notes)
        if fresh:
            features = _without_blank(frame, features, notes)
        columns = typed(frame[features], sheet, None if fresh else like)
        x = columns.x
        kind = "" if columns.levels else " of numbers"
        found = f"{sheet.name}: {count(len(x), 'row')}, {count(len(features), 'column')}{kind}."
        label = _beside(beside, frame, sheet)
        if label is None and roles.label is not None:
            label = sheet.written(frame[roles.label])
        width = None if sheet.header else len(sheet.columns)
        own: dict[str, Any] = {"columns": features, "label": roles.label, "groups": roles.groups, "width": width}
        own |= {"levels": columns.levels, "gaps": columns.gaps} if columns.gaps else {}
        levels = tuple(len(columns.levels.get(name, ())) for name in features) if columns.levels else ()
        return Source(
            x=x,
            label=label,
            groups=sheet.written(frame[roles.groups]) if roles.groups else None,
            where=sheet.where,
            label_name=f"label {roles.label!r}" if beside is None else "the label",
            groups_name=f"groups {roles.groups!r}",
            facts=own if like is None or fresh else {key: like[key] for key in own},
            notes=(found, *columns.notes, *sheet.notes, *notes, *(about_columns(x, features) if fresh else ())),
            spec=Table(len(features), levels, columns.gaps),
        )

    def _sheet(self, source: Any, owner: str) -> Sheet:
        if not is_path(source):
            return FrameSheet(source, owner or "the frame")
        path = existing(source)
        return FrameSheet(read_parquet(path), path.name) if path.suffix.lower() == PARQUET else FileSheet(path, self.header)

    def _roles(self, sheet: Sheet, like: dict[str, Any] | None, beside: bool) -> Roles:
        """Who is who. Like data with columns, only those have to be there, and the label and the groups may be."""
        if beside and is_asked(self, "label", like):
            raise ValueError(f"`label` of Tabular names a column, {self.label!r}, but the label is given beside the frame.")
        known = like if like is not None and like.get("columns") is not None else None
        # Without names a column is told by its number, which is another one where the label is away.
        unnamed = known is not None and not sheet.header and len(sheet.columns) != known["width"]
        label, groups = (self._role(option, sheet, like, unnamed) for option in ("label", "groups"))
        if label is not None and label == groups:
            raise ValueError(f"`label` and `groups` of Tabular must be two columns, got {label!r} for both.")
        if known is not None:
            for option, column in (("label", label), ("groups", groups)):
                if column in known["columns"] and not unnamed:
                    raise ValueError(
                        f"column {column!r} of {sheet.name} cannot be the {option}: the earlier data had it among the "
                        f"inputs, so what was learned has seen it. Train again with `--{option} {column}`, or name another."
                    )
            return (_in_order if unnamed else _by_name)(sheet, label, groups, tuple(known["columns"]))
        dropped = [sheet.find(name, "drop") for name in self.drop]
        needed = sorted({label, groups} & set(dropped) - {None}, key=str)
        if needed:
            raise ValueError(f"`drop` of Tabular must not name the label or the groups, got {needed[0]!r}.")
        features = tuple(column for column in sheet.columns if column not in (label, groups, *dropped))
        if not features:
            raise ValueError(
                f"{sheet.name} has no column left to learn from, got {listed(sheet.columns)}. Drop fewer; if there "
                "should be more columns, look at what separates the fields: commas, semicolons and tabs are known."
            )
        return Roles(features, label, groups)

    def _role(self, option: str, sheet: Sheet, like: dict[str, Any] | None, unnamed: bool) -> str | None:
        """The column of an option; one that is only remembered may be away."""
        if is_asked(self, option, like):
            return sheet.find(getattr(self, option), option)
        known = None if like is None or unnamed else like.get(option)
        return known if known in sheet.columns else None


def _by_name(sheet: Sheet, label: str | None, groups: str | None, columns: tuple[str, ...]) -> Roles:
    """The columns of earlier data, in their order; others are not used."""
    lacking = [column for column in columns if column not in sheet.columns]
    if lacking:
        raise ValueError(
            f"{sheet.name} must have the columns of the earlier data, but lacks {listed(lacking)}."
            f"{nearest(lacking[0], sheet.columns)} Its columns are: {listed(sheet.columns)}."
        )
    more = [column for column in sheet.columns if column not in (label, groups, *columns)]
    return Roles(columns, label, groups, (f"not used: {listed(more)}.",) if more else ())


def _in_order(sheet: Sheet, label: str | None, groups: str | None, columns: tuple[str, ...]) -> Roles:
    """As many columns as earlier data has, which are taken for them."""
    here = tuple(column for column in sheet.columns if column not in (label, groups))
    if len(here) != len(columns):
        raise ValueError(
            f"{sheet.name} has no header, so it must have just the {count(len(columns), 'column')} of the earlier data in "
            f"their order, got {len(here):,}. Leave the others out, or name the columns in a first row."
        )
    return Roles(here, label, groups, ("without names, the columns are taken in the order of the earlier data.",))


def _without_blank(frame: Any, features: list[str], notes: list[str]) -> list[str]:
    """A separator at the end of every line makes a column without name and values."""
    blank = [column for column in features if column.startswith("Unnamed: ") and frame[column].isna().all()]
    if blank:
        notes.append(f"left out, without a name and empty: {listed(blank)}.")
    return [column for column in features if column not in blank]


def _beside(label: Any, frame: Any, sheet: Sheet) -> np.ndarray | None:
    """A label that came with the frame, as its Series or as an array."""
    index = getattr(label, "index", None)
    if index is None or callable(index):  # lists have an index too
        return None if label is None else np.asarray(label)
    if len(label) == len(frame) and not index.equals(frame.index):
        raise ValueError(
            "the label beside the frame must have its index, got another. Use `label.reindex(frame.index)`, or "
            "`.reset_index(drop=True)` on both when they are in the same order."
        )
    return sheet.written(label)
