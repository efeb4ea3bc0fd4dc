from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from mixtrast.domains._assemble import Source, assemble
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import Asked
from mixtrast.domains._pixels import Form, UnusableError, pixels_of
from mixtrast.domains._sheet import load_pandas
from mixtrast.domains._words import count, listed, nearest
from mixtrast.domains.arrays import Arrays
from mixtrast.domains.images import default_views
from mixtrast.domains.tabular import Tabular
from mixtrast.domains.text import Text

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
        label = self._label(features, name)
        pictures = [key for key, kind in features.items() if type(kind).__name__ == "Image" and key not in self.drop]
        data = self._pictures(name, found, pictures[0], label, like) if pictures else self._frame(name, found, label, like)
        part = np.repeat([which for which, _ in found], [len(rows) for _, rows in found])
        here = {which: torch.from_numpy(part == which) for which in ("val", "test")}
        given: dict[str, Any] = {f"given_{which}": rows if rows.any() else None for which, rows in here.items()}
        sizes = ", ".join(f"{which} {len(rows):,}" for which, rows in found)
        return replace(data, name=name.rstrip("/").rpartition("/")[2], **given, notes=(f"{source}: {sizes}.", *data.notes))

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
            if self.label not in features:
                raise ValueError(f"hf:{name} has no column {self.label!r}.{nearest(self.label, list(features))} It has: "
                                 f"{listed(list(features))}.")  # fmt: skip
            return self.label
        classes = [key for key, kind in features.items() if type(kind).__name__ == "ClassLabel" and key not in self.drop]
        return classes[0] if len(classes) == 1 else None

    def _frame(self, name: str, found: list[tuple[str, Any]], label: str | None, like: dict[str, Any] | None) -> Data:
        pandas = load_pandas()
        frames = [rows.to_pandas() for _, rows in found]
        for frame, (_, rows) in zip(frames, found, strict=True):
            kind: Any = None if label is None else rows.features[label]
            if type(kind).__name__ == "ClassLabel":
                frame[label] = frame[label].map(dict(enumerate(kind.names)))  # -1 is missing
        if len(frames) == 3 and label is not None and frames[2][label].isna().all():  # not given out: validation tests
            found[:], frames = [found[0], ("test", found[1][1])], frames[:2]
        whole = pandas.concat(frames, ignore_index=True).drop(columns=list(self.drop))
        text = Text(text=self.text, label=label, groups=self.groups, vocab=self.vocab, length=self.length, task=self.task)
        if self.text is not None or text.takes(whole.drop(columns=[label] if label else [])):
            return text.load(whole, like=like)
        return Tabular(label=label, groups=self.groups, task=self.task).load(whole, like=like)

    def _pictures(
        self, name: str, found: list[tuple[str, Any]], column: str, label: str | None, like: dict[str, Any] | None
    ) -> Data:
        images = [image for _, rows in found for image in rows[column]]
        size = self.size if like is None else like["spec"]["height"]
        sizes = Counter(image.size for image in images)
        if size is None and len(sizes) > 1:
            most = [f"{width:,} × {height:,} ({many:,})" for (width, height), many in sizes.most_common()]
            raise ValueError(f"images of hf:{name} must be of one size, got {listed(most, 3)}. `--data.size 64` makes them so.")
        (width, height), colour = next(iter(sizes)), any(image.mode not in ("L", "1") for image in images)
        form = Form(3 if colour else 1, size or height, size or width, resize=size is not None)
        x = np.zeros((len(images), form.channels, form.height, form.width), np.uint8)
        for at, image in enumerate(images):
            try:
                x[at] = pixels_of(image, form)
            except UnusableError as reason:
                raise ValueError(f"image {at + 1:,} of hf:{name} cannot be used: {reason}.") from reason
        labels = None
        if label is not None:
            kind = found[0][1].features[label]
            values = [value for _, rows in found for value in rows[label]]
            named = type(kind).__name__ == "ClassLabel"
            labels = np.array([(kind.names[v] if v >= 0 else "") if named else v for v in values], dtype=object)
        source = Source(
            x=x,
            label=labels,
            groups=None,
            where=lambda row: f"row {row:,}",
            facts={"intensities": True},
            views=default_views(form.channels),
            notes=(f"{count(len(x), 'image')} of {form.height} × {form.width}.",),
        )
        return assemble(Arrays(), name, source, task=self.task if labels is not None else "auto", like=like)
