from __future__ import annotations

from typing import ClassVar

from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._table import NamedTable


class HTRU2(NamedTable):
    """HTRU2: 17,898 candidates for pulsars, eight columns, one in eleven is one. A quarter is split off as test.

    Args:
        data_dir: a folder that has HTRU_2.csv, or has it in a folder `htru2`. None: MIXTRAST_DATA, else the user's cache.
        task: what the label is.

    Reference: Lyon et al., Monthly Notices of the Royal Astronomical Society 459, 2016, arXiv:1603.05166.
    """

    about: ClassVar[Set] = Set(
        "htru2",
        ("htru2", ""),
        (Remote("HTRU_2.csv", "https://archive.ics.uci.edu/dataset/372/htru2", None, 1662000),),
        "R. J. Lyon, University of Manchester; UCI repository, CC BY 4.0",
    )
