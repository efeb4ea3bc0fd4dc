from __future__ import annotations

from typing import ClassVar

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._table import NamedTable, last

TESTED = 500_000


class Higgs(NamedTable):
    """HIGGS: 11,000,000 simulated collisions, 28 columns, signal (1) or background (0) as the first column.

    The owner's split: the last 500,000 rows test. Whole it takes some 6 GB of memory while it is read; a file of its first rows
    will do, of which a quarter is split off.

    Args:
        data_dir: a folder that has HIGGS.csv.gz, or has it in a folder `higgs`. None: MIXTRAST_DATA, else the user's cache.
        task: what the label is.

    Reference: Baldi, Sadowski, Whiteson, Nature Communications 5, 2014, arXiv:1402.4735.
    """

    about: ClassVar[Set] = Set(
        "higgs",
        ("higgs", ""),
        (Remote("HIGGS.csv.gz", "https://archive.ics.uci.edu/dataset/280/higgs", None, 2816407858),),
        "P. Baldi, P. Sadowski, D. Whiteson; UCI repository, CC BY 4.0",
    )
    label: ClassVar[str] = "first"

    def parted(self, data: Data) -> Data:
        return self.whole(data, test=last(len(data.x), TESTED)) if len(data.x) > 2 * TESTED else self.whole(data)
