from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mixtrast.data import Dataset, Schema, TaskOption
from mixtrast.data.pixels import Form, UnusableError, header_of, pixels_of
from mixtrast.readers._assemble import assemble
from mixtrast.readers._image_files import photo_views
from mixtrast.readers._optional import optional
from mixtrast.readers._reader import Reader
from mixtrast.readers._sheet import load_pandas
from mixtrast.readers._source import Source
from mixtrast.readers.arrays import Arrays
from mixtrast.readers.images import Images
from mixtrast.readers.tabular import Tabular
from mixtrast.readers.text import Text
from mixtrast.spec import Image, describe
from mixtrast.text import count, listed, nearest

PREFIX = "hf:"
PARTS = {"train": "train", "validation": "val", "valid": "val", "val": "val", "dev": "val", "test": "test"}


Rows = Any  # a split: a Dataset of the `datasets` library
Parts = dict[str, Rows]  # by "train", "val" and "test"


class HF(Reader):
    """A dataset of the Hugging Face hub, `hf:owner/name`, or a saved one or a folder, `hf:path/to/it`.

    Read with the `datasets` library, which fetches it, or finds it in its own cache. Its splits `train`, `validation` and
    `test` are those of the run; where the labels of test are hidden (all -1), validation is the test set. A column of images
    makes images, one of text tokens (see `Text`), all else a table (see `Tabular`). Code that comes with a dataset is not run.

    Args:
        config: its configuration, where it has several.
        label: the column to predict; None: the one that holds classes, if there is just one.
        groups: the column that says which rows stay in one part of a split.
        drop: columns to leave out.
        text: the column of text, or two of them; None: the one that looks like text.
        size: of images, see `Images`.
        vocab: word pieces to learn, of text.
        length: tokens of an example, of text.
        task: what the label is; "auto" decides by its values, with a note.
    """

    sources = "hf:owner/name"
    first = True

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
        task: TaskOption = "auto",
    ) -> None:
        self.config, self.label, self.groups, self.text, self.size = config, label, groups, text, size
        self.drop = (drop,) if isinstance(drop, str) else tuple(drop)
        self.vocab, self.length, self.task = vocab, length, task
        Text(text=text, vocab=vocab, length=length, task=task)  # checks them

    @classmethod
    def takes(cls, source: object) -> bool:
        return isinstance(source, str) and source.startswith(PREFIX)

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read it as the kind of data that it holds."""
        if test is not None:
            raise ValueError(f"{source} has its own splits and takes no `test`. Leave `test` out.")
        name = str(source).removeprefix(PREFIX)
        parts = _splits(name, self.config)
        features = parts["train"].features
        label = self._label(features, name, schema)
        text = () if self.text is None else (self.text,) if isinstance(self.text, str) else self.text
        named = [("groups", self.groups), *(("drop", one) for one in self.drop), *(("text", one) for one in text)]
        _check_columns(features, name, named)
        if label in self.drop:
            raise ValueError(f"`drop` must not name the label, got {label!r}.")
        parts, notes = _without_hidden(parts, label)
        images = [key for key, kind in features.items() if type(kind).__name__ == "Image" and key not in self.drop]
        if images:
            data = self._images(name, list(parts.values()), label, schema, column=images[0])
        else:
            data = self._table(list(parts.values()), label, schema)
        part = np.repeat(list(parts), [len(rows) for rows in parts.values()])
        test_rows, validation_rows = (torch.from_numpy(part == which) for which in ("test", "val"))
        sizes = ", ".join(f"{which} {len(rows):,}" for which, rows in parts.items())
        return replace(
            data,
            name=name.rstrip("/").rpartition("/")[2],
            test_rows=test_rows if test_rows.any() else None,
            validation_rows=validation_rows if validation_rows.any() else None,
            notes=(f"{source}: {sizes}.", *notes, *data.notes),
        )

    def _label(self, features: Any, name: str, schema: Schema | None) -> str | None:
        """Return the column to predict. With a schema of labelled data, the one of that schema, which may be missing."""
        if schema is not None and schema.task != "none" and not self.is_set("label", schema):
            return schema.label if schema.label in features else None
        if self.label is None:
            classes = [key for key, kind in features.items() if type(kind).__name__ == "ClassLabel" and key not in self.drop]
            return classes[0] if len(classes) == 1 else None
        _check_columns(features, name, [("label", self.label)])
        kind = type(features[self.label]).__name__
        if kind not in ("Value", "ClassLabel"):
            raise ValueError(f"column {self.label!r} of hf:{name} cannot be the label: it is of the type {kind}.")
        return self.label

    def _table(self, parts: Sequence[Rows], label: str | None, schema: Schema | None) -> Dataset:
        """Return rows as text, where a column is text, else as a table."""
        frames = []
        for rows in parts:
            frame = rows.to_pandas().drop(columns=list(self.drop))
            for column in frame.columns:
                if type(rows.features[column]).__name__ == "ClassLabel":
                    frame[column] = frame[column].map(dict(enumerate(rows.features[column].names)))  # -1 is missing
            frames.append(frame)
        held_out = load_pandas().concat(frames[1:], ignore_index=True) if len(frames) > 1 else None  # not learned from
        text = Text(text=self.text, label=label, groups=self.groups, vocab=self.vocab, length=self.length, task=self.task)
        if self.text is not None or text.takes(frames[0].drop(columns=[label] if label else [])):
            return text.load(frames[0], test=held_out, schema=schema)
        return Tabular(label=label, groups=self.groups, task=self.task).load(frames[0], test=held_out, schema=schema)

    def _images(self, name: str, parts: Sequence[Rows], label: str | None, schema: Schema | None, *, column: str) -> Dataset:
        """Return a column of images as images."""
        images = [image for rows in parts for image in rows[column]]
        if missing := sum(image is None for image in images):
            lacking = f"{count(missing, 'image')} of {len(images):,} in {column!r}"
            raise ValueError(f"hf:{name} lacks {lacking}. Save it without those rows.")
        if schema is not None and not isinstance(schema.spec, Image):
            raise ValueError(f"hf:{name} holds images, but the earlier data are {describe(schema.spec)}. Use other data.")
        try:
            headers = [header_of(image) for image in images]
            if schema is None or not isinstance(schema.spec, Image):
                form = Images(size=self.size).form_of(headers, None)
            else:
                form = Form(schema.spec.channels, schema.spec.height, schema.spec.width, resize=True)
            x = np.stack([pixels_of(image, header, form) for image, header in zip(images, headers, strict=True)])
        except UnusableError as reason:
            raise ValueError(f"an image of hf:{name} cannot be used: {reason}.") from reason
        spec = Image(form.channels, form.height, form.width)
        source = Source(
            x=x,
            schema=replace(Arrays().schema_of(spec), intensities=True, label=label),
            where=lambda row: f"row {row:,}",
            label=None if label is None else _values(parts, label),
            groups=None if self.groups is None else _values(parts, self.groups),
            notes=(f"{count(len(x), 'image')} of {form.height} × {form.width}.",),
            views=photo_views(form.channels),
        )
        return assemble(name, source, task=self.task if label is not None else "auto", schema=schema)


def _splits(name: str, config: str | None) -> Parts:
    """Return the splits of a dataset, training first. Raises: FileNotFoundError where it cannot be read."""
    datasets = optional("datasets", "datasets")
    datasets.disable_progress_bars()
    saved = Path(name).expanduser()
    try:
        if (saved / "dataset_dict.json").is_file() or (saved / "dataset_info.json").is_file():
            loaded = datasets.load_from_disk(str(saved))
        else:
            loaded = datasets.load_dataset(str(saved) if saved.is_dir() else name, config)
    except Exception as error:  # the library and the hub may raise anything
        message = " ".join(str(error).split())[:300]
        raise FileNotFoundError(
            f"hf:{name} could not be read: {type(error).__name__}: {message}. Is the name right (owner/name), is there a "
            "network, and does it need `--data.config`?"
        ) from error
    splits = loaded if isinstance(loaded, dict) else {"train": loaded}
    found: Parts = {}
    for key, rows in splits.items():
        part = PARTS.get(key.split("_")[0].lower())
        if part is not None:
            found.setdefault(part, rows)
    if "train" not in found:
        raise ValueError(f"hf:{name} must have a split `train`, got {listed(list(splits))}. Save the one you mean as `train`.")
    return {part: found[part] for part in ("train", "val", "test") if part in found}


def _check_columns(features: Any, name: str, named: Sequence[tuple[str, str | None]]) -> None:
    """Raise ValueError where an option names a column that is not there."""
    for option, column in named:
        if column is not None and column not in features:
            raise ValueError(
                f"hf:{name} has no column {column!r} for `{option}`; it has: {listed(list(features))}."
                f"{nearest(column, list(features))}"
            )


def _values(parts: Sequence[Rows], name: str) -> np.ndarray:
    """Return a column of all parts; classes by their names, missing ones empty."""
    kind = parts[0].features[name]
    values = [value for rows in parts for value in rows[name]]
    if type(kind).__name__ == "ClassLabel":
        values = [kind.names[value] if value is not None and value >= 0 else "" for value in values]
    return np.array(values, dtype=object)


def _without_hidden(parts: Parts, label: str | None) -> tuple[Parts, list[str]]:
    """Return the parts without those whose labels are hidden. Where the test set is one, validation is the test set."""
    if label is None:
        return parts, []
    hidden = {
        part
        for part, rows in parts.items()
        if part != "train" and all(value is None or value == -1 for value in set(rows[label]))
    }
    left = {part: rows for part, rows in parts.items() if part not in hidden}
    if "test" in hidden:
        left = {"test" if part == "val" else part: rows for part, rows in left.items()}
    return left, [f"the labels of {part} are hidden: left out." for part in sorted(hidden)]
