import csv
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._pairs import PAIR, PairsDataset
from mixtrast.readers._sheet import load_pandas
from mixtrast.validation import check_choice

Language = Literal["en", "ko", "de", "es", "fr", "ja", "zh"]


class PawsX(PairsDataset):
    """PAWS-X: 49,401 pairs of sentences of much the same words, in seven languages; they say the same, or not.

    The owner's split: 2,000 pairs validate, 2,000 test. In languages other than English the training pairs were translated by a
    machine.

    Args:
        data_dir: a folder that has x-final, or has it in a folder `paws-x`. None: MIXTRAST_DATA, else the cache.
        language: of the pairs.
        tokenizer: a tokenizer.json, see `Text`; None: one is learned.
        vocab: word pieces to learn.
        length: tokens of a pair, see `Text`.

    Reference: Yang et al., EMNLP 2019, arXiv:1908.11828.
    """

    info = DatasetInfo(
        "paws-x",
        ("paws-x", ""),
        (Remote("x-final.tar.gz", "https://storage.googleapis.com/paws/pawsx/x-final.tar.gz", 30_282_057),),
        "Google; may be used freely for any purpose",
        ("x-final",),
        unpack=True,
    )

    def __init__(
        self,
        *,
        data_dir: str | None = None,
        language: Language = "en",
        tokenizer: str | None = None,
        vocab: int = 8000,
        length: int | None = None,
    ) -> None:
        super().__init__(data_dir=data_dir, tokenizer=tokenizer, vocab=vocab, length=length)
        check_choice("language", language, get_args(Language))
        self.language = language

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find("x-final") / self.language
        first = root / ("train.tsv" if self.language == "en" else "translated_train.tsv")
        parts = [frame(path) for path in (first, root / "dev_2k.tsv", root / "test_2k.tsv")]
        held = load_pandas().concat(parts[1:], ignore_index=True)  # words are not learned from it
        data = self.text("label").load(parts[0], test=held, schema=schema)
        row, (train, val, _) = torch.arange(len(data.x)), map(len, parts)
        return self.named(data, test=row >= train + val, validation=(row >= train) & (row < train + val))


def frame(path: Path) -> Any:
    """Return the pairs that have text; quotation marks in them are text. Raises: FileNotFoundError, ValueError."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: paws-x is incomplete. Unpack it again.")
    found = load_pandas().read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False)
    if not {*PAIR, "label"} <= set(found.columns):
        raise ValueError(f"{path} must have the columns id, sentence1, sentence2 and label, got {', '.join(found.columns)}.")
    return found[(found["sentence1"] != "") & (found["sentence2"] != "") & found["label"].isin(["0", "1"])]
