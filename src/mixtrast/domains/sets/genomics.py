from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains._words import count
from mixtrast.domains.sets._letters import letters, parts
from mixtrast.domains.sets._named import Named

FOLDERS = ("before_2011_in_tr", "between_2011-2016_in_val", "after_2016_in_test")
LENGTH = 250


class Genomics(Named):
    """Genomics OOD: pieces of 250 bases of bacteria, ten classes that were known before 2011.

    The owner's split by the year of discovery: 1,000,000 pieces train, 100,000 validate, 100,000 test. The classes that were
    found later, which are what the set was made for, are not read.

    Args:
        data_dir: a folder that has before_2011_in_tr, between_2011-2016_in_val and after_2016_in_test, with files .tfrecord in
            them, or has them in a folder `genomics` or `llr_ood_genomics`. None: MIXTRAST_DATA, else the user's cache.

    Reference: Ren et al., Likelihood ratios for out-of-distribution detection, NeurIPS 2019, arXiv:1906.02845.
    """

    about: ClassVar[Set] = Set(
        "genomics",
        ("genomics", "llr_ood_genomics", "genomics/llr_ood_genomics", ""),
        tuple(
            Remote(name, "https://github.com/google-research/google-research/tree/master/genomics_ood", None, 0)
            for name in FOLDERS
        ),
        "J. Ren et al., Google; CC BY 4.0",
    )

    def read(self, like: dict[str, Any] | None) -> Data:
        ids: list[np.ndarray] = []
        label: list[str] = []
        sizes = []
        for folder in FOLDERS:
            place = self.place(folder)
            before = len(ids)
            for path in sorted(place.glob("*.tfrecord*")):
                for example in examples(path):
                    ids.append(np.array(example["x"].split(), dtype=np.int64) + 1)
                    label.append(str(example["y"]))
            if len(ids) == before:
                raise FileNotFoundError(f"{place} holds no file .tfrecord with an example in it. Get the set again.")
            sizes.append(len(ids) - before)
        named = self.place(FOLDERS[0]).parent / "label_dict.json"
        if named.is_file():
            names = {str(number): name for name, number in json.loads(named.read_text(encoding="utf-8")).items()}
            label = [names.get(number, number) for number in label]
        _, val, test = parts(sizes)
        notes = [f"{count(len(ids), 'piece')} of {LENGTH} bases."]
        return self.whole(letters("bases", ids, label, LENGTH, notes, like), test=test, val=val)


def examples(path: Path) -> Iterator[dict[str, Any]]:
    """The features of each record of a TFRecord file: text (the first of its bytes) or a whole number. Raises: ValueError."""
    content = memoryview(path.read_bytes())
    at = 0
    while at < len(content):
        size = struct.unpack("<Q", content[at : at + 8])[0] if at + 12 <= len(content) else -1
        if size < 0 or at + 16 + size > len(content):  # length, its check, the record, its check
            raise ValueError(f"{path} is cut off after {at:,} bytes. Get it again.")
        try:
            yield _features(content[at + 12 : at + 12 + size])
        except (IndexError, ValueError, KeyError) as error:
            raise ValueError(f"{path} has no tf.Example at byte {at:,}: {error}.") from error
        at += 16 + size


def _features(record: memoryview) -> dict[str, Any]:
    """Of a tf.Example: 1 features, 1 map entries of 1 key and 2 feature, which is 1 bytes or 3 whole numbers, lists of 1."""
    found: dict[str, Any] = {}
    for _, features in _fields(record):
        for _, entry in _fields(features):
            key, value = (part for _, part in _fields(entry))
            for kind, values in _fields(value):
                for _, one in _fields(values):
                    if kind == 1:
                        found[bytes(key).decode()] = bytes(one).decode()
                    elif kind == 3:
                        found[bytes(key).decode()] = one if isinstance(one, int) else _varint(one, 0)[0]
                    break
    return {"x": found["x"], "y": found["y"]}


def _fields(message: Any) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a message: a whole number, or the bytes of what has a length."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            size, at = _varint(message, at)
            yield tag >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError(f"a field of kind {tag & 7}")


def _varint(message: Any, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
