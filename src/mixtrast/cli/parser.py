"""The commands and their plain flags; what a part takes is in `flags.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import NoReturn

from mixtrast.version import __version__

LISTS = ("methods", "mixers", "views", "encoders", "domains", "datasets", "evaluations", "recipes", "training")
Command = Callable[..., int]

EPILOG = """\
options of a part are flags: --method.temperature 0.1 --mixer.alpha 0.2 --encoder.width 16 --views.mask.p 0.3
--training.clip 1 --evaluation.linear.protocol sgd; `mixtrast list methods imix` and
`mixtrast list training` show them with their meaning.

examples:
  mixtrast train digits                                    real scans, built in: try this first
  mixtrast train table.csv --label species                 a table, one column the label
  mixtrast train table.csv --label species --labels 10     as if only 10 labels a class were known
  mixtrast train windows.npz --method imix --seed 0 1 2    without labels, three seeds, one report
  mixtrast train --out runs/digits-imix --resume           go on with a run that was stopped
"""

COMPARED = """\
a cell is a set of train's own flags, over those that stand beside it and are common to all cells:

  mixtrast compare digits --cell "--method simclr" --cell "--method supervised --mixer mixup"
  mixtrast compare digits --vary method=imix,mixsupcon --vary mixer.alpha=0.2,0.5,1 --epochs 30
  mixtrast compare table.csv --label species --grid grid.yaml --seed 0 1 2 3 4
  mixtrast compare --out runs/compare-digits --resume      go on with what was stopped

grid.yaml:
  common: {epochs: 30}
  plain:  {method: simclr}
  warm:   "--method simclr --method.temperature 0.8"
"""


def settings(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The flags that a run is made of: those of `train`, and of every cell of a comparison. Returns the training's."""
    data = command.add_argument_group("data")
    data.add_argument("--label", help="column (or key of the .npz) of the label; also 'first' or 'last'")
    data.add_argument("--groups", help="column of groups: rows of one group stay in one split")
    data.add_argument("--drop", nargs="+", metavar="COL", help="columns to leave out")
    data.add_argument(
        "--task", choices=("auto", "classes", "number", "several"), help="what the label is (default: decided, and said)"
    )
    data.add_argument("--header", choices=("auto", "yes", "no"), help="whether a table's first row names its columns")
    data.add_argument("--window", metavar="ROWS", help="cut a long recording into series of so many rows")
    data.add_argument("--stride", metavar="ROWS", help="from one window to the next (default: the window, no overlap)")
    data.add_argument("--size", metavar="PIXELS", help="side of the square that every image becomes")
    data.add_argument("--skip-bad", action="store_true", help="leave out and name images that cannot be read")
    data.add_argument("--data-dir", metavar="DIR", help="where named sets lie (default: MIXTRAST_DATA, or the cache)")
    data.add_argument("--test", metavar="DATA", help="a test set; else a quarter is split off")
    data.add_argument("--labels", type=int, metavar="N", help="labels of each class that the whole run may see (default: all)")
    data.add_argument("--examples", type=int, metavar="N", help="training examples to use, drawn by class (default: all)")
    parts = command.add_argument_group("parts (mixtrast list methods, ...)")
    parts.add_argument("--method", help="default: mixsupcon where most rows are labelled, else imix")
    parts.add_argument("--mixer", help="such as mixup, cutmix, mixup+cutmix (default: the one of the method's paper)")
    parts.add_argument(
        "--encoder",
        help="default: mlp for tables, resnet8 for images, resnet1d for series, logmel for sounds, smalltransformer for text",
    )
    parts.add_argument(
        "--views", help="such as mask+noise, a pipeline (simclr, supcon, ...), or none (default: mild ones by kind of data)"
    )
    parts.add_argument("--evaluation", help="such as linear+knn, or usual+finetune (default: usual, all that suit such data)")
    training = command.add_argument_group("training")
    training.add_argument("--epochs", help="default: about 1,500 steps, fewer where an encoder costs much and there is no GPU")
    training.add_argument("--batch", help="default: 256, or 128 or 64 where an encoder costs much and there is no GPU")
    training.add_argument("--lr", help="default: by encoder, 0.001 or 0.003; of SGD .05 and of LARS .3 by 256 of a batch")
    return training


class _CellParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def cell_parser() -> argparse.ArgumentParser:
    """What stands in --cell: the flags of a run. What is wrong is a ValueError."""
    cell = _CellParser(prog="--cell", add_help=False, allow_abbrev=False)
    settings(cell)
    return cell


def parser(commands_by_name: Mapping[str, Command]) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    door = argparse.ArgumentParser(
        prog="mixtrast",
        description="Learn representations by mixing examples and contrasting the mixtures; see what they are worth.",
        epilog="Start with: mixtrast train digits     Help on a command: mixtrast train --help",
        allow_abbrev=False,
    )
    door.add_argument("--version", action="version", version=f"mixtrast {__version__}")
    commands = door.add_subparsers(title="commands", metavar="COMMAND", required=True)

    train = commands.add_parser(
        "train", help="data in, a trained encoder and a report out", epilog=EPILOG, formatter_class=raw, allow_abbrev=False
    )
    train.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="a table (.csv, .parquet, ...), .npz, .ts, .fasta, text, a folder of images, tiles or sounds, hf:owner/name, or a "
        "set by name (mixtrast list datasets)",
    )
    training = settings(train)
    training.add_argument("--seed", nargs="+", type=int, metavar="S", help="several give several runs and one report")
    run = train.add_argument_group("run")
    run.add_argument("--out", metavar="DIR", help="run folder; nothing is overwritten (default: a free name under runs/)")
    run.add_argument("--resume", action="store_true", help="go on with the run in --out")
    run.add_argument(
        "--recipe",
        metavar="FILE",
        help="settings by name (mixtrast list recipes) or from a YAML file, such as a run's; flags override it",
    )
    run.add_argument("--no-maps", action="store_true", help="draw no t-SNE maps, which take some seconds")
    run.add_argument("--quiet", action="store_true", help="print nothing but errors")
    train.set_defaults(run=commands_by_name["train"])

    compare = commands.add_parser(
        "compare", help="several methods or settings, several seeds, one table", epilog=COMPARED, formatter_class=raw,
        allow_abbrev=False,
    )  # fmt: skip
    compare.add_argument("data", nargs="?", metavar="DATA", help="as of train")
    grid = compare.add_argument_group("cells")
    grid.add_argument(
        "--cell", action="append", default=[], metavar="FLAGS", help="flags of one cell, in quotes; may be repeated"
    )
    grid.add_argument("--vary", action="append", default=[], metavar="KEY=V1,V2", help="all cells with each value of a flag")
    grid.add_argument("--grid", metavar="FILE", help="cells by name from a YAML file")
    grid.add_argument("--against", metavar="CELL", help="a cell that all others are compared with too, besides the best")
    grid.add_argument("--seed", nargs="+", type=int, metavar="S", help="of each cell (default: 0 1 2)")
    settings(compare)
    many = compare.add_argument_group("run")
    many.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: from cores and memory, and said)")
    many.add_argument("--out", metavar="DIR", help="a new folder (default: a free name under runs/)")
    many.add_argument(
        "--resume", action="store_true", help="go on with the comparison in --out; more cells and seeds may be given"
    )
    many.add_argument("--quiet", action="store_true", help="print nothing but errors")
    compare.set_defaults(run=commands_by_name["compare"])

    evaluate = commands.add_parser(
        "evaluate", help="other evaluations of a run", epilog="example: mixtrast evaluate runs/digits-imix "
        "--evaluation.linear.protocol sgd", allow_abbrev=False,
    )  # fmt: skip
    evaluate.add_argument("folder", metavar="RUN", help="a run folder")
    evaluate.add_argument("--evaluation", help="such as linear+knn+finetune (default: linear+knn+labels, linear+knn on others)")
    evaluate.add_argument("--on", metavar="DATA", help="other data, of other classes, that look like those of the run")
    evaluate.add_argument("--test", metavar="DATA", help="with --on: a test set")
    evaluate.add_argument("--label", metavar="COL", help="with --on: the column, or key, of their label")
    evaluate.add_argument("--groups", metavar="COL", help="with --on: what stays in one split")
    evaluate.set_defaults(run=commands_by_name["evaluate"])

    embed = commands.add_parser("embed", help="features of more data, by a run's encoder", allow_abbrev=False)
    embed.add_argument("folder", metavar="RUN", help="a run folder")
    embed.add_argument("data", metavar="DATA", help="data like those of the run; a label column may be missing")
    embed.add_argument("-o", "--out", required=True, metavar="FILE", help="a new .npz, .csv or .parquet")
    embed.set_defaults(run=commands_by_name["embed"])

    export = commands.add_parser(
        "export", help="the encoder of a run as a file for others: .onnx, .pt2 or .safetensors", allow_abbrev=False,
        epilog="The file is run and compared with the encoder before it is kept. .onnx and .pt2 hold the scaling too: they "
        "take images as intensities in 0 to 1, all else as it was read.",
    )  # fmt: skip
    export.add_argument("folder", metavar="RUN", help="a run folder")
    export.add_argument("-o", "--out", metavar="FILE", help="a new file; its ending names the format")
    export.add_argument(
        "--format", choices=("safetensors", "onnx", "torch"), help="without -o the file is called like the run, in this folder"
    )
    export.set_defaults(run=commands_by_name["export"])

    report = commands.add_parser("report", help="the page of a run made anew, or one page of several runs", allow_abbrev=False)
    report.add_argument("folders", nargs="+", metavar="RUN", help="run folders")
    report.add_argument("-o", "--out", metavar="FILE", help="the page (needed for several runs)")
    report.add_argument("--png", action="store_true", help="also save its pictures under figures/ of the first run")
    report.set_defaults(run=commands_by_name["report"])

    listing = commands.add_parser("list", help="what there is: methods, mixers, views, encoders, ...", allow_abbrev=False)
    listing.add_argument(
        "what", choices=LISTS, nargs="?", metavar="WHAT", help=f"one of {', '.join(LISTS)} (default: all in short)"
    )
    listing.add_argument("name", nargs="?", metavar="NAME", help="one of them, with its options")
    listing.set_defaults(run=commands_by_name["list"])
    return door
