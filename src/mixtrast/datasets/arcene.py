import numpy as np
import torch

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers.arrays import Arrays

NAMES = {"-1": "healthy", "1": "cancer"}


class Arcene(NamedDataset):
    """Arcene: mass spectra of 200 people, 10,000 columns, cancer or not; the owner's validation set of 100 is the test set.

    The labels of the owner's test set were never published.

    Args:
        data_dir: a folder that has arcene_train.data, .labels and arcene_valid.data, .labels, or has them in a folder `arcene`
            or `ARCENE`. None: MIXTRAST_DATA, else the cache.

    Reference: Guyon et al., Result analysis of the NIPS 2003 feature selection challenge, NeurIPS 2004.
    """

    info = DatasetInfo(
        "arcene",
        ("arcene", "ARCENE", "arcene/ARCENE", ""),
        tuple(
            Remote(name, "https://archive.ics.uci.edu/dataset/167/arcene", size)
            for name, size in (
                ("arcene_train.data", 2_600_000),
                ("arcene_train.labels", 300),
                ("arcene_valid.data", 2_600_000),
                ("arcene_valid.labels", 300),
            )
        ),
        "National Cancer Institute and Eastern Virginia Medical School, prepared by I. Guyon; UCI repository, CC BY 4.0",
    )

    def read(self, schema: Schema | None) -> Dataset:
        x, label = [], []
        for part in ("train", "valid"):
            data, labels = self.find(f"arcene_{part}.data"), self.find(f"arcene_{part}.labels")
            try:
                x.append(np.loadtxt(data, dtype=np.float32, ndmin=2))
            except ValueError as error:
                raise ValueError(f"{data} must be rows of as many numbers each: {error}.") from error
            label.append(np.array([NAMES.get(word, word) for word in labels.read_text(encoding="ascii").split()]))
            if len(x[-1]) != len(label[-1]) or x[-1].shape[1] != x[0].shape[1]:
                raise ValueError(f"{labels} must have one label for each row of {data.name}, got {len(label[-1])}.")
        found = Arrays().load((np.concatenate(x), np.concatenate(label)), schema=schema)
        return self.named(found, test=torch.arange(len(found.x)) >= len(x[0]))
