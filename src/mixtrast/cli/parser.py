"""The commands and their plain flags; what a part takes is in `flags.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from mixtrast.version import __version__

LISTS = ("methods", "mixers", "views", "encoders", "domains", "datasets", "evaluations", "training")
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
    train.add_argument("data", nargs="?", metavar="DATA", help="a built-in name (digits), a .csv/.tsv (.gz) table, or an .npz")
    data = train.add_argument_group("data")
    data.add_argument("--label", help="column (or key of the .npz) of the label; also 'first' or 'last'")
    data.add_argument("--groups", help="column of groups: rows of one group stay in one split")
    data.add_argument("--drop", nargs="+", metavar="COL", help="columns to leave out")
    data.add_argument("--task", choices=("auto", "classes", "number"), help="what the label is (default: decided, and said)")
    data.add_argument("--test", metavar="DATA", help="a test set; else a quarter is split off")
    data.add_argument("--labels", type=int, metavar="N", help="labels of each class that the whole run may see (default: all)")
    parts = train.add_argument_group("parts (mixtrast list methods, ...)")
    parts.add_argument("--method", help="default: mixsupcon where most rows are labelled, else imix")
    parts.add_argument("--mixer", help="such as mixup, cutmix, mixup+cutmix")
    parts.add_argument("--encoder", help="default: mlp for tables, resnet8 for images")
    parts.add_argument("--views", help="such as mask+noise, or none")
    parts.add_argument("--evaluation", help="such as linear+knn (default: all of them)")
    training = train.add_argument_group("training")
    training.add_argument("--epochs", help="default: about 1,500 steps")
    training.add_argument("--batch", help="default: 256, or a little less so that all rows are used")
    training.add_argument("--lr", help="default: 0.001 for AdamW")
    training.add_argument("--seed", nargs="+", type=int, metavar="S", help="several give several runs and one report")
    run = train.add_argument_group("run")
    run.add_argument("--out", metavar="DIR", help="run folder; nothing is overwritten (default: a free name under runs/)")
    run.add_argument("--resume", action="store_true", help="go on with the run in --out")
    run.add_argument("--recipe", metavar="FILE", help="settings from a YAML file, such as a run's recipe.yaml; flags go first")
    run.add_argument("--quiet", action="store_true", help="print nothing but errors")
    train.set_defaults(run=commands_by_name["train"])

    evaluate = commands.add_parser(
        "evaluate", help="other evaluations of a run", epilog="example: mixtrast evaluate runs/digits-imix "
        "--evaluation.linear.protocol sgd", allow_abbrev=False,
    )  # fmt: skip
    evaluate.add_argument("folder", metavar="RUN", help="a run folder")
    evaluate.add_argument("--evaluation", help="such as linear+knn (default: all)")
    evaluate.set_defaults(run=commands_by_name["evaluate"])

    embed = commands.add_parser("embed", help="features of more data, by a run's encoder", allow_abbrev=False)
    embed.add_argument("folder", metavar="RUN", help="a run folder")
    embed.add_argument("data", metavar="DATA", help="data like those of the run; a label column may be missing")
    embed.add_argument("-o", "--out", required=True, metavar="FILE", help="a new .npz, .csv or .parquet")
    embed.set_defaults(run=commands_by_name["embed"])

    report = commands.add_parser("report", help="the page of a run made anew, or one page of several runs", allow_abbrev=False)
    report.add_argument("folders", nargs="+", metavar="RUN", help="run folders")
    report.add_argument("-o", "--out", metavar="FILE", help="the page (needed for several runs)")
    report.add_argument("--png", action="store_true", help="also save its pictures under figures/ of the first run")
    report.set_defaults(run=commands_by_name["report"])

    listing = commands.add_parser("list", help="what there is: methods, mixers, views, encoders, ...", allow_abbrev=False)
    listing.add_argument("what", choices=LISTS)
    listing.add_argument("name", nargs="?", help="one of them, with its options")
    listing.set_defaults(run=commands_by_name["list"])
    return door
