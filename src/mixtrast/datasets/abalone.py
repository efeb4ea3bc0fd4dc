from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._table import TableDataset


class Abalone(TableDataset):
    """Abalone: 4,177 shells, seven measures and the sex, and the number of rings, which tells the age. A quarter is split off
    as test.

    Args:
        data_dir: a folder that has abalone.data, or has it in a folder `abalone`. None: MIXTRAST_DATA, else the cache.
        task: what the label is: "classes", each number of rings one, as mixup's paper has it, or "number".

    Reference: Nash et al., technical report 48, Sea Fisheries Division, Tasmania, 1994.
    """

    info = DatasetInfo(
        "abalone",
        ("abalone", ""),
        (Remote("abalone.data", "https://archive.ics.uci.edu/dataset/1/abalone", 191_873),),
        "W. Nash et al., Tasmania; UCI repository, CC BY 4.0",
    )
