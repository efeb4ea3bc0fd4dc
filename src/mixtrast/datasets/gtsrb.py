import csv

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._photos import PhotoDataset

ADDRESS = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/published-archive.html"
LABELS = "GT-final_test.csv"


class GTSRB(PhotoDataset):
    """German traffic signs: 39,209 + 12,630 photographs of 43 signs, in the owner's split.

    Training images come in tracks of 30 of one sign that a car passes by: a track stays in one part of the split.
    GT-final_test.csv, with the labels of the test images, is looked for in GTSRB/Final_Test/Images, in GTSRB and in its folder.

    Args:
        data_dir: a folder that has GTSRB, or has it in a folder `gtsrb`. None: MIXTRAST_DATA, else the cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle taken.
        memory: see `Images`.

    Reference: Stallkamp et al., IJCNN 2011.
    Differs: from DABS, which splits the training images at random, so that images of one track are in both parts.
    """

    info = DatasetInfo(
        "gtsrb",
        ("gtsrb", ""),
        tuple(
            Remote(f"GTSRB_Final_{part}.zip", ADDRESS, size)
            for part, size in (("Training_Images", 276_294_756), ("Test_Images", 88_978_620), ("Test_GT", 99_620))
        ),
        "J. Stallkamp et al., Ruhr-Universität Bochum; CC0",
        ("GTSRB",),
        unpack=True,
    )

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find("GTSRB")
        files, groups = [], []
        for folder in sorted(self.find("GTSRB/Final_Training/Images").iterdir()):
            for path in sorted(folder.glob("*.ppm")):
                files.append((str(path), str(int(folder.name)), "train"))
                groups.append(f"{folder.name}/{path.stem.split('_')[0]}")
        images = root / "Final_Test/Images"
        truth = [folder / LABELS for folder in (images, root, root.parent) if (folder / LABELS).is_file()]
        if not truth:
            raise FileNotFoundError(
                f"{root} lacks {LABELS}, which has the labels of the test images. Unpack {self.info.files[2].name}."
            )
        with truth[0].open(encoding="ascii", newline="") as text:
            for row in csv.DictReader(text, delimiter=";"):
                files.append((str(images / row["Filename"]), str(int(row["ClassId"])), "test"))
                groups.append(f"test/{row['Filename']}")
        return self.photos(root, files, schema, groups)
