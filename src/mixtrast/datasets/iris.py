from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._table import TableDataset


class Iris(TableDataset):
    """Iris: 150 flowers, four measures, three species. A quarter is split off as test.

    Args:
        data_dir: a folder that has iris.data, or has it in a folder `iris`. None: MIXTRAST_DATA, else the cache.
        task: what the label is.

    Reference: Fisher, Annals of Eugenics 7, 1936.
    """

    info = DatasetInfo(
        "iris",
        ("iris", ""),
        (Remote("iris.data", "https://archive.ics.uci.edu/dataset/53/iris", 4_551),),
        "R. A. Fisher; UCI repository, CC BY 4.0",
    )
