from __future__ import annotations

import csv
from typing import Any, ClassVar

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.images import Memory
from mixtrast.domains.sets._photos import NamedPhotos

ADDRESS = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/published-archive.html"
LABELS = "GT-final_test.csv"


class GTSRB(NamedPhotos):
    """German traffic signs: 39,209 + 12,630 photographs of 43 signs, in the owner's split.

    Training images come in tracks of 30 of one sign that a car passes by: a track stays in one split. GT-final_test.csv, which
    has the labels of the test images, is looked for in GTSRB/Final_Test/Images, in GTSRB and beside it.

    Args:
        data_dir: a folder that has GTSRB, or has it in a folder `gtsrb`. None: MIXTRAST_DATA, else the user's cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle taken.
        memory: see `Images`.

    Reference: Stallkamp et al., IJCNN 2011.
    Differs: from DABS, which splits the training images at random, so that images of one track are in both parts.
    """

    about: ClassVar[Set] = Set(
        "gtsrb",
        ("gtsrb", ""),
        tuple(
            Remote(f"GTSRB_Final_{part}.zip", ADDRESS, None, size)
            for part, size in (("Training_Images", 276_294_756), ("Test_Images", 88_978_620), ("Test_GT", 99_620))
        ),
        "J. Stallkamp et al., Ruhr-Universität Bochum; CC0",
        ("GTSRB",),
    )
    unpack: ClassVar[str] = ", unpacked,"

    def __init__(self, *, data_dir: str | None = None, size: int | None = 32, memory: Memory = "auto") -> None:
        super().__init__(data_dir=data_dir, size=size, memory=memory)

    def read(self, like: dict[str, Any] | None) -> Data:
        root = self.place("GTSRB")
        files, groups = [], []
        for folder in sorted(self.place("GTSRB/Final_Training/Images").iterdir()):
            for path in sorted(folder.glob("*.ppm")):
                files.append((str(path), str(int(folder.name)), "train"))
                groups.append(f"{folder.name}/{path.stem.split('_')[0]}")
        images = root / "Final_Test/Images"
        truth = [folder / LABELS for folder in (images, root, root.parent) if (folder / LABELS).is_file()]
        if not truth:
            raise FileNotFoundError(
                f"{root} lacks {LABELS}, which has the labels of the test images. Unpack {self.about.files[2].name}."
            )
        with truth[0].open(encoding="ascii", newline="") as text:
            for row in csv.DictReader(text, delimiter=";"):
                files.append((str(images / row["Filename"]), str(int(row["ClassId"])), "test"))
                groups.append(f"test/{row['Filename']}")
        return self.listed(root, files, like, groups)
