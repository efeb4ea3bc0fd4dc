from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._table import TableDataset


class HTRU2(TableDataset):
    """HTRU2: 17,898 candidates for pulsars, eight columns, one in eleven is one. A quarter is split off as test.

    Args:
        data_dir: a folder that has HTRU_2.csv, or has it in a folder `htru2`. None: MIXTRAST_DATA, else the cache.
        task: what the label is.

    Reference: Lyon et al., Monthly Notices of the Royal Astronomical Society 459, 2016, arXiv:1603.05166.
    """

    info = DatasetInfo(
        "htru2",
        ("htru2", ""),
        (Remote("HTRU_2.csv", "https://archive.ics.uci.edu/dataset/372/htru2", 1_662_000),),
        "R. J. Lyon, University of Manchester; UCI repository, CC BY 4.0",
    )
