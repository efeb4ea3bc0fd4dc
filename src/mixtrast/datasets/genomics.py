import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._letters import part_masks, sequences
from mixtrast.datasets._named import NamedDataset
from mixtrast.text import count

FOLDERS = ("before_2011_in_tr", "between_2011-2016_in_val", "after_2016_in_test")
LENGTH = 250


class Genomics(NamedDataset):
    """Genomics OOD: pieces of 250 bases of bacteria, ten classes that were known before 2011.

    The owner's split by the year of discovery: 1,000,000 pieces train, 100,000 validate, 100,000 test. The classes that were
    found later, for which the dataset was made, are not read.

    Args:
        data_dir: a folder that has before_2011_in_tr, between_2011-2016_in_val and after_2016_in_test, with files .tfrecord in
            them, or has them in a folder `genomics` or `llr_ood_genomics`. None: MIXTRAST_DATA, else the cache.

    Reference: Ren et al., Likelihood ratios for out-of-distribution detection, NeurIPS 2019, arXiv:1906.02845.
    """

    info = DatasetInfo(
        "genomics",
        ("genomics", "llr_ood_genomics", "genomics/llr_ood_genomics", ""),
        tuple(
            Remote(name, "https://github.com/google-research/google-research/tree/master/genomics_ood", 0) for name in FOLDERS
        ),
        "J. Ren et al., Google; CC BY 4.0",
    )

    def read(self, schema: Schema | None) -> Dataset:
        ids: list[np.ndarray] = []
        label: list[str] = []
        sizes = []
        for folder in FOLDERS:
            path = self.find(folder)
            before = len(ids)
            for file in sorted(path.glob("*.tfrecord*")):
                for bases, kind in examples(file):
                    ids.append(np.array(bases.split(), dtype=np.int64) + 1)
                    label.append(kind)
            if len(ids) == before:
                raise FileNotFoundError(f"{path} holds no .tfrecord file with an example. Get the dataset again.")
            sizes.append(len(ids) - before)
        named = self.find(FOLDERS[0]).parent / "label_dict.json"
        if named.is_file():
            names = {str(number): name for name, number in json.loads(named.read_text(encoding="utf-8")).items()}
            label = [names.get(number, number) for number in label]
        _, val, test = part_masks(sizes)
        notes = [f"{count(len(ids), 'piece')} of {LENGTH} bases."]
        return self.named(sequences("bases", ids, label, LENGTH, notes, schema), test=test, validation=val)


def examples(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the features `x` and `y` of each record of a TFRecord file. Raises: ValueError."""
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


def _features(record: memoryview) -> tuple[str, str]:
    """Return `x` and `y` of a tf.Example: 1 features, 1 map entries of 1 key and 2 feature, lists of 1 bytes or 3 integers."""
    found: dict[str, str] = {}
    for _, features in _fields(record):
        for _, entry in _fields(features):
            key, value = (part for _, part in _fields(entry))
            for kind, values in _fields(value):
                for _, one in _fields(values):
                    if kind == 1:
                        found[bytes(key).decode()] = bytes(one).decode()
                    elif kind == 3:
                        found[bytes(key).decode()] = str(one if isinstance(one, int) else _varint(one, 0)[0])
                    break
    return found["x"], found["y"]


def _fields(message: Any) -> Iterator[tuple[int, Any]]:
    """Yield (number, value) of each field of a message: an integer, or bytes."""
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
    """Return an integer of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
