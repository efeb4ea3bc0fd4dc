from __future__ import annotations

from typing import ClassVar

from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._table import NamedTable


class Iris(NamedTable):
    """Iris: 150 flowers, four measures, three species. A quarter is split off as test.

    Args:
        data_dir: a folder that has iris.data, or has it in a folder `iris`. None: MIXTRAST_DATA, else the user's cache.
        task: what the label is.

    Reference: Fisher, Annals of Eugenics 7, 1936.
    """

    about: ClassVar[Set] = Set(
        "iris",
        ("iris", ""),
        (Remote("iris.data", "https://archive.ics.uci.edu/dataset/53/iris", None, 4551),),
        "R. A. Fisher; UCI repository, CC BY 4.0",
    )
