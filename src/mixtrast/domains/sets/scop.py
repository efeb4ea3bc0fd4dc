from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains._words import count
from mixtrast.domains.fasta import ALPHABETS
from mixtrast.domains.sets._letters import letters, parts
from mixtrast.domains.sets._named import Named

FILES = tuple(f"remote_homology_{part}.json" for part in ("train", "valid", "test_fold_holdout"))


class Scop(Named):
    """SCOP 1.75, remote homology: 12,312 proteins to train, 736 to validate, 718 to test, 1,195 folds.

    TAPE's split, in which test proteins are of superfamilies that are not in training; its first file of test sets, the fold
    holdout.

    Args:
        data_dir: a folder that has the three files, or has them in a folder `scop` or `remote_homology`. None: MIXTRAST_DATA,
            else the user's cache.
        length: residues of an example, as DABS has it.

    Reference: Fox, Brenner, Chandonia, Nucleic Acids Research 42, 2013; Rao et al., TAPE, 2019, arXiv:1906.08230.
    """

    about: ClassVar[Set] = Set(
        "scop",
        ("scop", "remote_homology", "scop/remote_homology", ""),
        tuple(
            Remote(name, "http://s3.amazonaws.com/songlabdata/proteindata/data_raw_pytorch/remote_homology.tar.gz", None, 0)
            for name in FILES
        ),
        "SCOP, MRC Laboratory of Molecular Biology; prepared by TAPE, BSD-3",
    )
    unpack: ClassVar[str] = ", unpacked,"

    def __init__(self, *, data_dir: str | None = None, length: int = 128) -> None:
        super().__init__(data_dir=data_dir)
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            raise ValueError(f"`length` of Scop must be a whole number, 1 or more, got {length!r}.")
        self.length = length

    def read(self, like: dict[str, Any] | None) -> Data:
        alphabet = ALPHABETS["residues"]
        code = np.full(256, len(alphabet), dtype=np.int64)
        code[[ord(letter) for letter in alphabet]] = np.arange(1, len(alphabet) + 1)
        ids, label, sizes = [], [], []
        for name in FILES:
            path = self.place(name)
            try:
                rows = json.loads(path.read_text(encoding="utf-8"))
                ids += [code[np.frombuffer(row["primary"].encode("ascii"), np.uint8)] for row in rows]
                label += [str(row["fold_label"]) for row in rows]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path} must be a list of proteins with `primary` and `fold_label`: {error}.") from error
            sizes.append(len(rows))
        long = sum(len(each) > self.length for each in ids)
        notes = [f"{count(len(ids), 'protein')}, the first {self.length} residues of each; {long:,} are longer."]
        _, val, test = parts(sizes)
        return self.whole(letters("residues", ids, label, self.length, notes, like), test=test, val=val)
