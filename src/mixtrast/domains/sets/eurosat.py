from __future__ import annotations

from typing import Any, ClassVar

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._named import Named
from mixtrast.domains.tiles import Tiles

FOLDERS = ("EuroSAT_MS", "ds/images/remote_sensing/otherDatasets/sentinel_2/tif")


class EuroSAT(Named):
    """EuroSAT: 27,000 tiles of 64 × 64 in the 13 bands of Sentinel-2, ten uses of land. A quarter is split off as test.

    It has no split of its own, and where a tile lies on the map is not looked at: neighbours may be in both parts.

    Args:
        data_dir: a folder that has EuroSAT_MS (or the folders of the older archive, ds/images/...), or has it in a folder
            `eurosat`. None: MIXTRAST_DATA, else the user's cache.

    Reference: Helber et al., IEEE JSTARS 12, 2019, arXiv:1709.00029.
    Differs: from DABS, whose test set is 270 tiles.
    """

    about: ClassVar[Set] = Set(
        "eurosat",
        ("eurosat", ""),
        (Remote("EuroSAT_MS.zip", "https://zenodo.org/records/7711810", None, 2_067_725_275),),
        "P. Helber et al., DFKI; MIT",
        FOLDERS,
    )
    unpack: ClassVar[str] = ", unpacked,"

    def read(self, like: dict[str, Any] | None) -> Data:
        return self.whole(Tiles().load(self.place(*FOLDERS), like=like))
