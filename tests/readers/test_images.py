"""Folders of images: classes, sets to train and to test, and what cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mixtrast import datasets, spec
from mixtrast.data import files as _files
from mixtrast.data import pixels as _pixels
from mixtrast.data.files import Files
from mixtrast.data.split import split
from support.images import broken, one, oracle, pixels, save, write_folder
from support.messages import refused, said
from support.sequences import photo

pytestmark = pytest.mark.usefixtures("no_network")


def test_images_that_cannot_be_used(tmp_path):
    good = datasets.open(write_folder(tmp_path / "good"))
    reasons = broken(write_folder(tmp_path / "bad"))
    named = r"cats/cut\.jpg \(it is cut off or damaged\), cats/cut\.png \(it.*\), cats/text\.png \(.*\), \.\.\. \(7 in all\)"
    with refused(rf"^7 of 28 images in .*bad cannot be used: {named}\. .* `--skip-bad`"):
        datasets.open(tmp_path / "bad")
    for name, reason in reasons.items():
        assert _files.headers([str(tmp_path / "bad" / name)])[0] in (reason, ("RGB", 10, 8, ""))  # the header may be whole
        with pytest.raises(_pixels.UnusableError, match=reason.replace("(", r"\(")):
            _pixels.decode(str(tmp_path / "bad" / name), _pixels.Form(3, 8, 10))
    for memory in ("yes", "no"):
        data = datasets.open(tmp_path / "bad", skip_bad=True, memory=memory)
        assert data.x[torch.arange(21)].equal(good.x)
        assert data.label.equal(good.label)
        assert "left out, as they cannot be used: cats/cut.jpg (it is cut off or damaged)" in said(data)
        assert "(7 in all)" in said(data)
    for path in (tmp_path / "bad").glob("*/0*"):
        path.unlink()
    with refused("7 of 7 images in .* cannot be used"):
        datasets.open(tmp_path / "bad", skip_bad=True)


def test_a_photo_with_a_preview_is_one_image(tmp_path):
    path = save(
        tmp_path / "a.jpg", Image.fromarray(pixels()), format="MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))]
    )
    assert np.array_equal(one(path), oracle(path))


def test_a_folder_with_classes(tmp_path):
    root = write_folder(tmp_path / "pets", {"dogs": 3, "cats": 4})
    for junk in (".DS_Store", "Thumbs.db", "cats/.hidden.png", "__MACOSX/._1.png", "desktop.ini", "dogs/.git/a.png"):
        (root / junk).parent.mkdir(exist_ok=True)
        (root / junk).write_bytes(b"?")
    data = datasets.open(str(root))
    assert (data.name, data.reader, data.spec, data.task) == ("pets", "images", spec.Image(3, 8, 10), "classes")
    assert (data.classes, data.label.tolist()) == (("cats", "dogs"), [0] * 4 + [1] * 3)
    assert (data.test_rows, data.validation_rows, data.groups, data.scaling) == (None, None, None, "channel")
    assert data.schema.to_dict() == {
        "version": 2, "reader": "images", "options": {"size": None, "memory": "auto", "skip_bad": False}, "task": "classes",
        "spec": {"kind": "Image", "channels": 3, "height": 8, "width": 10}, "classes": ["cats", "dogs"], "intensities": True,
    }  # fmt: skip
    for row, (name, number) in enumerate([("cats", k) for k in range(4)] + [("dogs", k) for k in range(3)]):
        assert np.array_equal(data.x[row].numpy().transpose(1, 2, 0), oracle(root / name / f"{number:03}.png"))
    assert data.notes[:2] == (f"{root}: 7 images, colour, 10 × 8.", "2 classes of 3 to 4 images, by subfolder: cats, dogs.")
    assert len(data.notes) == 3
    assert list(data.views) == ["crop", "flip", "color", "gray"]
    assert list(datasets.open(write_folder(tmp_path / "grey", shape=(8, 8))).views) == ["crop", "flip"]


def test_what_else_lies_in_a_folder(tmp_path):
    root = write_folder(tmp_path, {"10": 2, "9": 2, "9/more/deep": 3})
    (root / "empty").mkdir()
    save(root / "loose.png", pixels(5))
    (root / "labels.csv").write_text("a,b")
    (root / "9" / "notes.txt").write_text("hm")
    (root / "9" / "more" / "README").write_text("hm")
    (root / "11").symlink_to(root / "9" / "more", target_is_directory=True)
    (root / "9" / "back").symlink_to(root, target_is_directory=True)
    (root / "10" / "again.png").symlink_to(root / "9" / "000.png")
    (root / "10" / "gone.txt").symlink_to(root / "nowhere")
    data = datasets.open(root)
    assert data.classes == ("9", "10", "11")  # numbers by value
    assert data.label.tolist() == [0] * 5 + [1] * 3 + [2] * 3 + [-1]
    assert data.x[7].equal(data.x[0])
    assert np.array_equal(data.x[11].numpy().transpose(1, 2, 0), pixels(5))
    assert "6 images in deeper folders: they belong to the class folder above." in data.notes
    assert "1 image lies next to the class folders and has no label." in data.notes
    assert "no image in: empty." in data.notes
    assert all(
        told in said(data) for told in ("not read, as they are not images: 2 ", "2 .txt", "1 .csv", "2 without an ending")
    )
    assert "1 row of train without a label" in split(data, seed=0).description


def test_a_folder_without_classes(tmp_path):
    root = tmp_path / "data" / "photos"
    write_folder(root, {".": 12})
    for source in (root, tmp_path / "data", tmp_path):  # an archive unpacks to one folder in another
        data = datasets.open(source)
        assert (data.label, data.task, data.classes, data.name) == (None, "none", (), "photos")
        assert len(data.x) == 12
        assert split(data, seed=0).description == "10 train, 2 validation, 0 test; random, seed 0"


def test_folders_that_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with refused(r"empty is a folder without images: there is no file in it\. Images end in \.png, .*\.jpg"):
        datasets.open(tmp_path / "empty")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("1")
    with refused(r"tables is a folder without images: it holds 1 \.csv"):
        datasets.open(tmp_path / "tables")
    path = save(tmp_path / "one" / "a.png", pixels())
    with refused(r"a\.png is one file\. Give its folder, .*one"):
        datasets.open(path)
    with refused(r"there is no folder or file .*b\.png\. Did you mean 'a\.png'\?", FileNotFoundError):
        datasets.open(tmp_path / "one" / "b.png")
    with refused("a split needs 10 or more rows, got 1"):
        split(datasets.open(tmp_path / "one"), seed=0)
    with refused("a folder of images must be given by its path, got int"):
        datasets.open(tmp_path / "one", test=3)
    write_folder(tmp_path / "many", {f"class{number}": 1 for number in range(100)}, (1, 1))
    many = datasets.open(tmp_path / "many")
    assert "100 classes of 1 image each" in said(many)
    with refused("part would be empty: there are too few rows, or too few of each class: training keeps one of each"):
        split(many, seed=0)


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Train", "valid", "Test"), ("training", "validation", "testing")])
def test_train_val_and_test(tmp_path, names):
    sizes = {"cats": 6, "dogs": 5}
    for name, more in zip(names, (4, 0, 2), strict=True):
        write_folder(tmp_path / name, {kind: many + more for kind, many in sizes.items()})
    data = datasets.open(tmp_path)
    parts = split(data, seed=0)
    assert [len(rows) for rows in (parts.train, parts.val, parts.test)] == [19, 11, 15]
    assert parts.description == "19 train, 11 validation, 15 test; validation and test sets of the dataset"
    for rows, folder in zip((parts.train, parts.val, parts.test), names, strict=True):
        assert data.x[rows].equal(datasets.open(tmp_path / folder).x)
        assert data.label[rows].equal(datasets.open(tmp_path / folder).label)
    assert "45 images (19 to train, 11 to validate, 15 to test)" in said(data)
    assert "2 classes of 9 to 10 images" in said(data)
    assert split(data, seed=5).train.equal(parts.train)
    with refused("has its own test set, .* Leave `test` out"):
        datasets.open(tmp_path, test=tmp_path / names[2])


def test_some_sets_are_given(tmp_path):
    write_folder(tmp_path / "a" / "train", {"cats": 20, "dogs": 20})
    assert datasets.open(tmp_path / "a").test_rows is datasets.open(tmp_path / "a").validation_rows is None
    assert datasets.open(tmp_path / "a").classes == ("cats", "dogs")
    write_folder(tmp_path / "a" / "val", {"cats": 2, "dogs": 3})
    parts = split(datasets.open(tmp_path / "a"), seed=0)
    assert (len(parts.train), parts.val.tolist(), len(parts.test)) == (30, [40, 41, 42, 43, 44], 10)
    assert parts.description.endswith("validation set of the dataset, test random, stratified by class, seed 0")
    write_folder(tmp_path / "b", {"cats": 2, "dogs": 3})
    given = datasets.open(tmp_path / "a", test=tmp_path / "b")
    assert split(given, seed=0).test.tolist() == [45, 46, 47, 48, 49]
    write_folder(tmp_path / "c", {"train": 3, "bus": 3})  # what one travels by
    assert datasets.open(tmp_path / "c").classes == ("bus", "train")
    write_folder(tmp_path / "d" / "train", {".": 12})
    write_folder(tmp_path / "d" / "val", {".": 3})
    assert (
        split(datasets.open(tmp_path / "d"), seed=0).description
        == "12 train, 3 validation, 0 test; validation set of the dataset"
    )


def test_sets_that_do_not_fit(tmp_path):
    write_folder(tmp_path / "train", {"cats": 12, "dogs": 12})
    write_folder(tmp_path / "test", {"cats": 3})
    assert "test has no example of: dogs." in said(datasets.open(tmp_path))
    write_folder(tmp_path / "test", {"dgos": 3})
    with refused(r"test has the folders 'dgos', but the classes of .*train are: cats, dogs\. Did you mean 'dogs'\? Rename"):
        datasets.open(tmp_path)
    with refused("test2 has no class folders, .*train has. Sort"):
        datasets.open(tmp_path / "train", test=write_folder(tmp_path / "test2", {".": 3}))
    with refused("has the folders 'cats', 'dogs', but the classes of .* are: none"):
        datasets.open(tmp_path / "test2", test=write_folder(tmp_path / "test3", {"cats": 2, "dogs": 2}))
    (tmp_path / "nothing").mkdir()
    with refused("nothing is a folder without images"):
        datasets.open(tmp_path / "train", test=tmp_path / "nothing")


def test_like_earlier_images(tmp_path):
    first = datasets.open(write_folder(tmp_path / "first"), memory="no", size=8)
    new = datasets.open(write_folder(tmp_path / "new", {".": 1}), schema=first.schema)
    assert isinstance(new.x, Files)  # read with the same options
    assert (new.label, new.task, new.schema.task, new.schema.classes) == (None, "none", "classes", ("cats", "dogs"))
    one = datasets.open(write_folder(tmp_path / "one", {"dogs": 2}), schema=first.schema)
    assert (one.classes, one.label.tolist()) == (("cats", "dogs"), [1, 1])
    dates = datasets.open(write_folder(tmp_path / "dates", {"2024": 2, "2025": 2}), schema=first.schema)
    assert dates.label is None
    assert "no subfolder has the name of a class, cats, dogs: read without labels." in dates.notes
    with refused("has the folders 'birds', but the classes of the earlier data are: cats, dogs"):
        datasets.open(write_folder(tmp_path / "birds", {"cats": 1, "birds": 1}), schema=first.schema)
    plain = datasets.open(tmp_path / "first").schema
    with refused(
        "examples must look like those of the earlier data, an image of 3 channels, 8 × 10, got an image of 3 channels, 9 × 10"
    ):
        datasets.open(write_folder(tmp_path / "large", shape=(9, 10, 3)), schema=plain)
    grey = datasets.open(write_folder(tmp_path / "grey", shape=(8, 10)), schema=plain)
    assert (grey.spec.channels, grey.classes) == (3, ("cats", "dogs"))
    with refused("1 channel, 8 × 10, got an image of 3 channels"):
        datasets.open(tmp_path / "first", schema=datasets.open(tmp_path / "grey").schema)
    unlabelled = datasets.open(tmp_path / "new").schema
    assert datasets.open(tmp_path / "first", schema=unlabelled).classes == ("cats", "dogs")


def test_folders_beside_train_and_test_are_named(tmp_path):
    for part in ("train", "test", "spare"):
        for kind in "ab":
            for number in range(2):
                photo(tmp_path / "im" / part / kind / f"{number}.png")
    assert "not read, as they are neither training nor test set: spare" in said(datasets.open(tmp_path / "im"))
    (tmp_path / "im/spare").rename(tmp_path / "im/val")
    (tmp_path / "im/valid").mkdir()
    with refused("has two folders for val, val and valid. Leave one out"):
        datasets.open(tmp_path / "im")
