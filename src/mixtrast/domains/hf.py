from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from mixtrast.domains._assemble import Source, assemble, is_asked, shown
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import Asked
from mixtrast.domains._pixels import Form, UnusableError, header_of, pixels_of
from mixtrast.domains._sheet import load_pandas
from mixtrast.domains._words import count, listed, nearest
from mixtrast.domains.arrays import Arrays
from mixtrast.domains.images import Images, default_views
from mixtrast.domains.tabular import Tabular
from mixtrast.domains.text import Text
from mixtrast.spec import Image, from_dict

PREFIX = "hf:"
PARTS = {"train": "train", "validation": "val", "valid": "val", "val": "val", "dev": "val", "test": "test"}


class HF(Domain):
    """A data set of the Hugging Face hub, `hf:owner/name`, or one that was saved or lies in a folder, `hf:path/to/it`.

    Read with the `datasets` library, which fetches it, or finds it in its own cache. Of its splits `train`, `validation` and
    `test` are those of the run; where the labels of test were not given out (all -1), validation tests. A column of images
    makes images, one of text tokens (see `Text`), all else a table (see `Tabular`). No code that comes with a set is run.

    Args:
        config: which of its parts, where it has several.
        label: the column to predict; None: the one that the set says holds classes, if there is just one.
        groups: the column that says which rows stay in one split.
        drop: columns to leave out.
        text: the column of text, or two of them; None: the one that looks like text.
        size: of images, see `Images`.
        vocab: pieces of words to learn, of text.
        length: tokens of an example, of text.
        task: what the label is; "auto" looks at it.
    """

    first: ClassVar[bool] = True

    def __init__(
        self,
        *,
        config: str | None = None,
        label: str | None = None,
        groups: str | None = None,
        drop: tuple[str, ...] = (),
        text: str | tuple[str, ...] | None = None,
        size: int | None = None,
        vocab: int = 4000,
        length: int | None = None,
        task: Asked = "auto",
    ) -> None:
        self.config, self.label, self.groups, self.text, self.size = config, label, groups, text, size
        self.drop = (drop,) if isinstance(drop, str) else tuple(drop)
        self.vocab, self.length, self.task = vocab, length, task
        Text(text=text, vocab=vocab, length=length, task=task)  # checks them

    @staticmethod
    def takes(source: object) -> bool:
        return isinstance(source, str) and source.startswith(PREFIX)

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """As the kind of data that it holds is loaded."""
        if test is not None:
            raise ValueError(f"{source} is read with its own splits, and takes no `test`. Leave `test` out.")
        name = str(source).removeprefix(PREFIX)
        found = self._parts(name)
        features = found[0][1].features
        asked = is_asked(self, "label", like) or like is None or like["task"] == "none"  # of more data it may be another
        known = None if like is None else like.get("label")
        label = self._label(features, name) if asked else known if known in features else None
        text = () if self.text is None else (self.text,) if isinstance(self.text, str) else tuple(self.text)
        named = [("groups", self.groups), *(("drop", one) for one in self.drop), *(("text", one) for one in text)]
        self._check(features, name, named)
        if label in self.drop:
            raise ValueError(f"`drop` of hf:{name} must not name the label, got {label!r}.")
        found, notes = _told(found, label)
        pictures = [key for key, kind in features.items() if type(kind).__name__ == "Image" and key not in self.drop]
        made = partial(self._pictures, column=pictures[0]) if pictures else self._frame
        data = made(name, [rows for _, rows in found], label, like)
        part = np.repeat([which for which, _ in found], [len(rows) for _, rows in found])
        here = {which: torch.from_numpy(part == which) for which in ("val", "test")}
        given: dict[str, Any] = {f"given_{which}": rows if rows.any() else None for which, rows in here.items()}
        sizes = ", ".join(f"{which} {len(rows):,}" for which, rows in found)
        return replace(
            data, name=name.rstrip("/").rpartition("/")[2], **given, notes=(f"{source}: {sizes}.", *notes, *data.notes)
        )

    def _parts(self, name: str) -> list[tuple[str, Any]]:
        """Its splits, training first."""
        try:
            import datasets  # type: ignore[import-untyped, unused-ignore]
        except ImportError as error:
            raise ImportError("hf: sets are read with datasets: pip install 'mixtrast[datasets]'.") from error
        datasets.disable_progress_bars()
        saved = Path(name).expanduser()
        try:
            if (saved / "dataset_dict.json").is_file() or (saved / "dataset_info.json").is_file():
                made = datasets.load_from_disk(str(saved))
            else:
                made = datasets.load_dataset(str(saved) if saved.is_dir() else name, self.config)
        except Exception as error:  # whatever the library and the hub make of it, it is about the set
            said = " ".join(str(error).split())[:300]
            raise FileNotFoundError(
                f"hf:{name} could not be read: {type(error).__name__}: {said}. Is the name right (owner/name), is there a "
                "network, and does it want `--data.config`?"
            ) from error
        whole = made if isinstance(made, dict) else {"train": made}
        found: dict[str, Any] = {}
        for key, rows in whole.items():
            which = PARTS.get(key.split("_")[0].lower())
            if which is not None and which not in found:
                found[which] = rows
        if "train" not in found:
            raise ValueError(f"hf:{name} must have a split `train`, got {listed(list(whole))}. Save the one you mean as such.")
        return [(which, found[which]) for which in ("train", "val", "test") if which in found]

    def _label(self, features: Any, name: str) -> str | None:
        if self.label is not None:
            self._check(features, name, [("label", self.label)])
            if type(features[self.label]).__name__ not in ("Value", "ClassLabel"):
                kind = type(features[self.label]).__name__
                raise ValueError(
                    f"column {self.label!r} of hf:{name} cannot be the label: it is of the kind {kind}, not one value."
                )
            return self.label
        classes = [key for key, kind in features.items() if type(kind).__name__ == "ClassLabel" and key not in self.drop]
        return classes[0] if len(classes) == 1 else None

    def _check(self, features: Any, name: str, asked: Sequence[tuple[str, str | None]]) -> None:
        for option, column in asked:
            if column is not None and column not in features:
                raise ValueError(
                    f"hf:{name} has no column {column!r} for `{option}`.{nearest(column, list(features))} It has: "
                    f"{listed(list(features))}."
                )

    def _frame(self, name: str, parts: list[Any], label: str | None, like: dict[str, Any] | None) -> Data:
        frames = []
        for rows in parts:
            frame = rows.to_pandas().drop(columns=list(self.drop))
            for column in frame.columns:
                if type(rows.features[column]).__name__ == "ClassLabel":
                    frame[column] = frame[column].map(dict(enumerate(rows.features[column].names)))  # -1 is missing
            frames.append(frame)
        held = load_pandas().concat(frames[1:], ignore_index=True) if len(frames) > 1 else None  # nothing is learned from these
        text = Text(text=self.text, label=label, groups=self.groups, vocab=self.vocab, length=self.length, task=self.task)
        if self.text is not None or text.takes(frames[0].drop(columns=[label] if label else [])):
            return text.load(frames[0], test=held, like=like)
        return Tabular(label=label, groups=self.groups, task=self.task).load(frames[0], test=held, like=like)

    def _pictures(self, name: str, parts: list[Any], label: str | None, like: dict[str, Any] | None, *, column: str) -> Data:
        images = [image for rows in parts for image in rows[column]]
        gone = sum(image is None for image in images)
        if gone:
            raise ValueError(
                f"hf:{name} lacks {count(gone, 'image')} of {len(images):,} in {column!r}. Save it without those rows."
            )
        try:
            seen = [header_of(image) for image in images]
            wanted = None if like is None else from_dict(like["spec"])
            if wanted is None:
                form = Images(size=self.size)._form(seen, None)
            elif isinstance(wanted, Image):
                form = Form(wanted.channels, wanted.height, wanted.width, resize=True)
            else:
                raise ValueError(f"examples must look as those before, {shown(wanted)}, and hf:{name} holds images.")
            x = np.stack([pixels_of(image, found, form) for image, found in zip(images, seen, strict=True)])
        except UnusableError as reason:
            raise ValueError(f"an image of hf:{name} cannot be used: {reason}.") from reason
        asked = {"label": label, "groups": self.groups}
        columns = {key: _column(parts, name_) for key, name_ in asked.items() if name_ is not None}
        source = Source(
            x=x,
            label=columns.get("label"),
            groups=columns.get("groups"),
            where=lambda row: f"row {row:,}",
            facts={"intensities": True, "label": label},
            views=default_views(form.channels),
            notes=(f"{count(len(x), 'image')} of {form.height} × {form.width}.",),
        )
        return assemble(Arrays(), name, source, task=self.task if label is not None else "auto", like=like)


def _column(parts: list[Any], name: str) -> np.ndarray:
    """Of all parts; classes by their names, missing ones empty."""
    kind = parts[0].features[name]
    values = [value for rows in parts for value in rows[name]]
    if type(kind).__name__ == "ClassLabel":
        values = [kind.names[value] if value is not None and value >= 0 else "" for value in values]
    return np.array(values, dtype=object)


def _told(found: list[tuple[str, Any]], label: str | None) -> tuple[list[tuple[str, Any]], list[str]]:
    """Without parts whose labels were not given out; then validation is the test set."""
    if label is None:
        return found, []
    hidden = {which for which, rows in found[1:] if all(value is None or value == -1 for value in set(rows[label]))}
    left = [(which, rows) for which, rows in found if which not in hidden]
    if "test" in hidden:
        left = [("test" if which == "val" else which, rows) for which, rows in left]
    return left, [f"the labels of {which} were not given out: left out." for which in sorted(hidden)]
