from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._table import TableDataset


class Arrhythmia(TableDataset):
    """Arrhythmia: 452 electrocardiograms, 279 columns with missing values, 13 of 16 kinds of rhythm. A quarter is split off as
    test.

    Args:
        data_dir: a folder that has arrhythmia.data, or has it in a folder `arrhythmia`. None: MIXTRAST_DATA, else the cache.
        task: what the label is.

    Reference: Guvenir et al., Computers in Cardiology, 1997.
    """

    info = DatasetInfo(
        "arrhythmia",
        ("arrhythmia", ""),
        (Remote("arrhythmia.data", "https://archive.ics.uci.edu/dataset/5/arrhythmia", 402_355),),
        "H. A. Guvenir et al., Bilkent University; UCI repository, CC BY 4.0",
    )
