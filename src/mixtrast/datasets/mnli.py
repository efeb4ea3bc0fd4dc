import json
from pathlib import Path
from typing import Any

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._pairs import PAIR, PairsDataset
from mixtrast.readers._sheet import load_pandas

COLUMNS = (*PAIR, "gold_label")


class MNLI(PairsDataset):
    """MultiNLI: 392,702 pairs of sentences; the second follows from the first, contradicts it, or neither.

    The matched development set tests, as the labels of the test set were never published. Pairs on which the writers did not
    agree ("-") are left out.

    Args:
        data_dir: a folder that has multinli_1.0, or has it in a folder `mnli`. None: MIXTRAST_DATA, else the cache.
        tokenizer: a tokenizer.json, see `Text`; None: one is learned.
        vocab: word pieces to learn.
        length: tokens of a pair, see `Text`.

    Reference: Williams, Nangia, Bowman, NAACL 2018, arXiv:1704.05426.
    """

    info = DatasetInfo(
        "mnli",
        ("mnli", ""),
        (Remote("multinli_1.0.zip", "https://cims.nyu.edu/~sbowman/multinli/multinli_1.0.zip", 226_850_426),),
        "A. Williams, N. Nangia, S. Bowman, New York University; mostly the licence of the Open American National Corpus",
        ("multinli_1.0",),
        unpack=True,
    )

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find("multinli_1.0")
        train, tested = (frame(root / f"multinli_1.0_{part}.jsonl") for part in ("train", "dev_matched"))
        return self.named(self.text(COLUMNS[2]).load(train, test=tested, schema=schema))


def frame(path: Path) -> Any:
    """Return the pairs that have a label. Raises: ValueError with the line."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: mnli is incomplete. Unpack it again.")
    rows = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                rows.append([row[name] for name in COLUMNS])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path} must have {', '.join(COLUMNS)} in line {number}: {error}.") from error
    return load_pandas().DataFrame([row for row in rows if row[2] != "-"], columns=COLUMNS)
