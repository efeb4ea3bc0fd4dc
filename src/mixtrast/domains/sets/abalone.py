from __future__ import annotations

from typing import ClassVar

from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._table import NamedTable


class Abalone(NamedTable):
    """Abalone: 4,177 shells, seven measures and the sex, and the number of rings, which tells the age. A quarter is split off
    as test.

    Args:
        data_dir: a folder that has abalone.data, or has it in a folder `abalone`. None: MIXTRAST_DATA, else the user's cache.
        task: what the label is: "classes", each number of rings one, as mixup's paper has it, or "number".

    Reference: Nash et al., technical report 48, Sea Fisheries Division, Tasmania, 1994.
    """

    about: ClassVar[Set] = Set(
        "abalone",
        ("abalone", ""),
        (Remote("abalone.data", "https://archive.ics.uci.edu/dataset/1/abalone", None, 191873),),
        "W. Nash et al., Tasmania; UCI repository, CC BY 4.0",
    )
