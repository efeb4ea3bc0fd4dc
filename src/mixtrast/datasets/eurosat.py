from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers.tiles import Tiles

FOLDERS = ("EuroSAT_MS", "ds/images/remote_sensing/otherDatasets/sentinel_2/tif")


class EuroSAT(NamedDataset):
    """EuroSAT: 27,000 tiles of 64 × 64 in the 13 bands of Sentinel-2, ten uses of land. A quarter is split off as test.

    It has no split of its own, and positions on the map are not read: neighbours may be in both parts.

    Args:
        data_dir: a folder that has EuroSAT_MS (or the folders of the older archive, ds/images/...), or has it in a folder
            `eurosat`. None: MIXTRAST_DATA, else the cache.

    Reference: Helber et al., IEEE JSTARS 12, 2019, arXiv:1709.00029.
    Differs: from DABS, whose test set is 270 tiles.
    """

    info = DatasetInfo(
        "eurosat",
        ("eurosat", ""),
        (Remote("EuroSAT_MS.zip", "https://zenodo.org/records/7711810", 2_067_725_275),),
        "P. Helber et al., DFKI; MIT",
        FOLDERS,
        unpack=True,
    )

    def read(self, schema: Schema | None) -> Dataset:
        return self.named(Tiles().load(self.find(*FOLDERS), schema=schema))
