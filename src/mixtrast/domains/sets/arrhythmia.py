from __future__ import annotations

from typing import ClassVar

from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._table import NamedTable


class Arrhythmia(NamedTable):
    """Arrhythmia: 452 electrocardiograms, 279 columns with missing values, 13 of 16 kinds of rhythm. A quarter is split off as
    test.

    Args:
        data_dir: a folder that has arrhythmia.data, or has it in a folder `arrhythmia`. None: MIXTRAST_DATA, else the user's
            cache.
        task: what the label is.

    Reference: Guvenir et al., Computers in Cardiology, 1997.
    """

    about: ClassVar[Set] = Set(
        "arrhythmia",
        ("arrhythmia", ""),
        (Remote("arrhythmia.data", "https://archive.ics.uci.edu/dataset/5/arrhythmia", None, 402355),),
        "H. A. Guvenir et al., Bilkent University; UCI repository, CC BY 4.0",
    )
