from __future__ import annotations

from typing import ClassVar

import torch

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._table import NamedTable

TRAIN_TO, VAL_TO = 11_340, 15_120  # rows


class Covtype(NamedTable):
    """Forest CoverType: 581,012 places of 30 × 30 m, 54 columns of cartography, seven kinds of forest.

    The owner's split: rows 1 to 11,340 train, to 15,120 validate, both balanced; all others test. A shorter file is split at
    the same rows.

    Args:
        data_dir: a folder that has covtype.data.gz, or has it in a folder `covtype`. None: MIXTRAST_DATA, else the user's
            cache.
        task: what the label is.

    Reference: Blackard, Dean, Computers and Electronics in Agriculture 24, 1999.
    """

    about: ClassVar[Set] = Set(
        "covtype",
        ("covtype", ""),
        (Remote("covtype.data.gz", "https://archive.ics.uci.edu/dataset/31/covertype", None, 11240707),),
        "J. A. Blackard, Colorado State University; UCI repository, CC BY 4.0",
    )

    def parted(self, data: Data) -> Data:
        row = torch.arange(len(data.x))
        if len(row) <= VAL_TO:
            return self.whole(data)
        return self.whole(data, test=row >= VAL_TO, val=(row >= TRAIN_TO) & (row < VAL_TO))
