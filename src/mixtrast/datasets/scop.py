import json

import numpy as np

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._letters import part_masks, sequences
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers.fasta import ALPHABETS
from mixtrast.text import count
from mixtrast.validation import check_whole

FILES = tuple(f"remote_homology_{part}.json" for part in ("train", "valid", "test_fold_holdout"))


class Scop(NamedDataset):
    """SCOP 1.75, remote homology: 12,312 proteins to train, 736 to validate, 718 to test, 1,195 folds.

    TAPE's split, in which test proteins are of superfamilies that are not in training; its first test file, the fold holdout.

    Args:
        data_dir: a folder that has the three files, or has them in a folder `scop` or `remote_homology`. None: MIXTRAST_DATA,
            else the cache.
        length: residues of an example, as DABS has it.

    Reference: Fox, Brenner, Chandonia, Nucleic Acids Research 42, 2013; Rao et al., TAPE, 2019, arXiv:1906.08230.
    """

    info = DatasetInfo(
        "scop",
        ("scop", "remote_homology", "scop/remote_homology", ""),
        tuple(
            Remote(name, "http://s3.amazonaws.com/songlabdata/proteindata/data_raw_pytorch/remote_homology.tar.gz", 0)
            for name in FILES
        ),
        "SCOP, MRC Laboratory of Molecular Biology; prepared by TAPE, BSD-3",
        unpack=True,
    )

    def __init__(self, *, data_dir: str | None = None, length: int = 128) -> None:
        super().__init__(data_dir=data_dir)
        check_whole("Scop", length=length)
        self.length = length

    def read(self, schema: Schema | None) -> Dataset:
        alphabet = ALPHABETS["residues"]
        code = np.full(256, len(alphabet), dtype=np.int64)
        code[[ord(letter) for letter in alphabet]] = np.arange(1, len(alphabet) + 1)
        ids, label, sizes = [], [], []
        for name in FILES:
            path = self.find(name)
            try:
                rows = json.loads(path.read_text(encoding="utf-8"))
                ids += [code[np.frombuffer(row["primary"].encode("ascii"), np.uint8)] for row in rows]
                label += [str(row["fold_label"]) for row in rows]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path} must be a list of proteins with `primary` and `fold_label`: {error}.") from error
            sizes.append(len(rows))
        long = sum(len(each) > self.length for each in ids)
        notes = [f"{count(len(ids), 'protein')}, the first {self.length} residues of each; {long:,} are longer."]
        _, val, test = part_masks(sizes)
        return self.named(sequences("residues", ids, label, self.length, notes, schema), test=test, validation=val)
