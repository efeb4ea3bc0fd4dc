"""The command `evaluate`: other evaluations of a run, or evaluations on other data."""

import argparse
from pathlib import Path

from mixtrast.cli._flags import Call

HELP = "other evaluations of a run, or of its encoder on other data"
EPILOG = "example: mixtrast evaluate runs/digits-imix --evaluation.linear.protocol sgd"
PARTS = ("evaluation", "data")
_OTHER = ("test", "label", "groups")  # flags that are about other data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("--evaluation", help="such as linear+knn+finetune (default: linear+knn+labels, linear+knn on others)")
    parser.add_argument("--on", metavar="DATA", help="other data that look like those of the run; the classes may be others")
    parser.add_argument("--test", metavar="DATA", help="with --on: a test set")
    parser.add_argument("--label", metavar="COL", help="with --on: the column, or key, of their label")
    parser.add_argument("--groups", metavar="COL", help="with --on: rows of one group stay in one split")


def run(call: Call) -> int:
    """Evaluate, and print the table."""
    from mixtrast.cli import _run_output as output
    from mixtrast.recipe import sections
    from mixtrast.run import Run

    arguments = call.arguments
    other = [name for name in _OTHER if getattr(arguments, name)]
    other += [name for name in call.options if name.startswith("data.")]
    if other and not arguments.on:
        raise ValueError(f"--{other[0]} is about other data. Name them: --on DATA.")
    found = sections({"evaluation": arguments.evaluation or "none", **call.options})
    trained, chosen = Run(Path(arguments.folder)), found["evaluation"]
    if arguments.on:
        trained.transfer(
            arguments.on, test=arguments.test, label=arguments.label, groups=arguments.groups,
            evaluation=chosen or "linear+knn", options=found.get("data"),
        )  # fmt: skip
        output.print_other_data(trained)
    else:
        trained.evaluate(chosen or "linear+knn+labels")
        output.print_outcome(trained)
    return 0
