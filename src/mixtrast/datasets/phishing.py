from pathlib import Path
from typing import Any

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._table import TableDataset
from mixtrast.readers._sheet import load_pandas

FILE = "Training Dataset.arff"
RESULT = {"-1": "phishing", "1": "legitimate"}


class Phishing(TableDataset):
    """Phishing websites: 11,055 addresses, 30 marks of -1, 0 and 1, phishing or legitimate. A quarter is split off as test.

    Args:
        data_dir: a folder that has "Training Dataset.arff", or has it in a folder `phishing`. None: MIXTRAST_DATA, else the
            cache.
        task: what the label is.

    Reference: Mohammad, Thabtah, McCluskey, ICITST, 2012.
    """

    info = DatasetInfo(
        "phishing",
        ("phishing", ""),
        (Remote(FILE, "https://archive.ics.uci.edu/dataset/327/phishing+websites", 860_000),),
        "R. Mohammad, L. McCluskey, F. Thabtah; UCI repository, CC BY 4.0",
    )

    def read(self, schema: Schema | None) -> Dataset:
        return self.named(self.table(frame(self.find(FILE)), schema))


def frame(path: Path) -> Any:
    """Return the table of an ARFF file of integers, with the label as its last column. Raises: ValueError."""
    names: list[str] = []
    rows: list[list[str]] = []
    data = False
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("%"):
            continue
        if data:
            fields = [field.strip() for field in line.split(",")]
            if len(fields) != len(names) or fields[-1] not in RESULT:
                raise ValueError(f"{path} must have {len(names)} values in line {number}, the last -1 or 1, got {line!r}.")
            rows.append(fields)
        elif line.lower().startswith("@attribute"):
            names.append(line.split()[1])
        data = data or line.lower().startswith("@data")
    if not rows:
        raise ValueError(f"{path} has no rows after a line @data. Get the dataset again.")
    table = load_pandas().DataFrame(rows, columns=names)
    table[names[-1]] = table[names[-1]].map(RESULT)
    for name in names[:-1]:
        table[name] = table[name].astype("float64")
    return table
