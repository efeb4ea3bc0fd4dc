import torch

from mixtrast.data import Dataset
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._table import TableDataset

TESTED = 500_000


class Higgs(TableDataset):
    """HIGGS: 11,000,000 simulated collisions, 28 columns, signal (1) or background (0) as the first column.

    The owner's split: the last 500,000 rows test. Reading all of it takes about 6 GB of memory. Of a file of its first
    rows a quarter is split off.

    Args:
        data_dir: a folder that has HIGGS.csv.gz, or has it in a folder `higgs`. None: MIXTRAST_DATA, else the cache.
        task: what the label is.

    Reference: Baldi, Sadowski, Whiteson, Nature Communications 5, 2014, arXiv:1402.4735.
    """

    info = DatasetInfo(
        "higgs",
        ("higgs", ""),
        (Remote("HIGGS.csv.gz", "https://archive.ics.uci.edu/dataset/280/higgs", 2_816_407_858),),
        "P. Baldi, P. Sadowski, D. Whiteson; UCI repository, CC BY 4.0",
    )
    label = "first"

    def with_split(self, data: Dataset) -> Dataset:
        rows = len(data.x)
        return self.named(data, test=torch.arange(rows) >= rows - TESTED if rows > 2 * TESTED else None)
