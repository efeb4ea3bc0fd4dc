"""The one list of options: the flags of `train` and `compare` and the keywords of `mt.train` and `mt.compare`.

Nothing heavy is imported here, so that --help is quick. Options of one part have dotted names: `method.temperature`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]  # what a user wrote, not checked: an option, or a dotted option of a part, and its value
PARTS = ("data", "method", "mixer", "encoder", "views", "training", "evaluation")  # sections that have dotted options


@dataclass(frozen=True)
class Option:
    """One option.

    Args:
        name: the keyword; the flag has hyphens: skip_bad is --skip-bad.
        section: of a recipe where its value goes; empty where it is no setting of a recipe.
        help: of the flag.
        metavar: of its value.
        choices: the values allowed.
        many: whether it takes several values.
        switch: whether the flag has no value.
        type: of its value; text is converted later, by the part that takes it.
    """

    name: str
    section: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    many: bool = False
    switch: bool = False
    type: type = str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


DATA = (
    Option("label", "data", "column (or key of the .npz) that holds the label; also 'first' or 'last'", "COL"),
    Option("groups", "data", "column of groups: rows of one group stay in one split", "COL"),
    Option("drop", "data", "columns to leave out", "COL", many=True),
    Option(
        "task",
        "data",
        "what the label is (default: decided from the label)",
        choices=("auto", "classes", "number", "multilabel"),
    ),
    Option("header", "data", "whether the first row of a table names its columns", choices=("auto", "yes", "no")),
    Option("window", "data", "cut a long recording into series of this many rows", "ROWS"),
    Option("stride", "data", "rows from one window to the next (default: the window, no overlap)", "ROWS"),
    Option("size", "data", "resize every image to a square of this side", "PIXELS"),
    Option("skip_bad", "data", "leave out images that cannot be read, and name them", switch=True),
    Option("data_dir", "data", "folder of the named datasets (default: MIXTRAST_DATA, or the cache)", "DIR"),
    Option("test", "data", "a test set (default: a quarter of the data)", "DATA"),
    Option("labels", "data", "labels of each class that the run may use (default: all)", "N", type=int),
    Option("examples", "data", "training examples to use, in proportion to the classes (default: all)", "N", type=int),
)
SELECTION = (
    Option("method", "method", "default: mixsupcon where most examples are labelled, else imix"),
    Option("mixer", "mixer", "such as mixup, cutmix, mixup+cutmix (default: the one of the method's paper)"),
    Option(
        "encoder", "encoder",
        "default: mlp for tables, resnet8 for images, resnet1d for series, logmel for sounds, smalltransformer for text",
    ),
    Option("views", "views", "such as mask+noise, a pipeline (simclr, supcon, ...), or none (default: mild ones for the data)"),
    Option("evaluation", "evaluation", "such as linear+knn, or default+finetune (default: all that apply to the data)"),
)  # fmt: skip
TRAINING = (
    Option("epochs", "training", "default: about 1,500 steps, fewer for a large encoder without a GPU", "N"),
    Option("batch", "training", "examples of a batch (default: 256, or 128 or 64 for a large encoder without a GPU)", "N"),
    Option(
        "lr", "training", "learning rate (default: by encoder, 0.001 or 0.003; for 256 examples, .05 for SGD, .3 for LARS)", "X"
    ),
)
RUN = (
    Option(
        "seed",
        "seed",
        "seed of the split, the weights and every draw; several seeds are several runs",
        "S",
        many=True,
        type=int,
    ),
    Option("out", "", "run folder; nothing is overwritten (default: a new folder under runs/)", "DIR"),
    Option("resume", "", "continue the run in --out", switch=True),
    Option(
        "recipe",
        "",
        "settings by name (mixtrast list recipes) or from a YAML file, such as a run's; flags override them",
        "FILE",
    ),
    Option("no_maps", "", "draw no t-SNE maps, which take some seconds", switch=True),
    Option("quiet", "", "print nothing but errors", switch=True),
)
SETTINGS = (*DATA, *SELECTION, *TRAINING)  # what a recipe is made of: those of every configuration of a comparison
TRAIN = (*SETTINGS, *RUN)
BY_NAME = {option.name: option for option in TRAIN}
