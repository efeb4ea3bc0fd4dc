import torch

from mixtrast.data import Dataset
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._table import TableDataset

TRAIN_TO, VAL_TO = 11_340, 15_120  # rows


class Covtype(TableDataset):
    """Forest CoverType: 581,012 places of 30 × 30 m, 54 columns of cartography, seven kinds of forest.

    The owner's split: rows 1 to 11,340 train, to 15,120 validate, both balanced; all others test. A shorter file is split at
    the same rows.

    Args:
        data_dir: a folder that has covtype.data.gz, or has it in a folder `covtype`. None: MIXTRAST_DATA, else the cache.
        task: what the label is.

    Reference: Blackard, Dean, Computers and Electronics in Agriculture 24, 1999.
    """

    info = DatasetInfo(
        "covtype",
        ("covtype", ""),
        (Remote("covtype.data.gz", "https://archive.ics.uci.edu/dataset/31/covertype", 11_240_707),),
        "J. A. Blackard, Colorado State University; UCI repository, CC BY 4.0",
    )

    def with_split(self, data: Dataset) -> Dataset:
        row = torch.arange(len(data.x))
        if len(row) <= VAL_TO:
            return self.named(data)
        return self.named(data, test=row >= VAL_TO, validation=(row >= TRAIN_TO) & (row < VAL_TO))
