"""The command door. Nothing heavy is imported before work starts, so that --help answers at once.

Exit codes: 0 done; 2 wrong usage or input, nothing written; 1 a run that failed; 130 interrupted, 143 terminated (saved).
"""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PARTS = ("data", "method", "mixer", "encoder", "views", "training", "evaluation")
LISTS = ("methods", "mixers", "views", "encoders", "domains", "datasets", "evaluations")
INPUT = (ValueError, TypeError, LookupError, OSError, ImportError)

EPILOG = """\
options of a part are flags: --method.temperature 0.1 --mixer.alpha 0.2 --encoder.width 16 --views.mask.p 0.3
--training.clip 1 --evaluation.linear.protocol sgd; `mixtrast list methods imix` shows those of one part, with their meaning.

examples:
  mixtrast train digits                                    real scans, built in: try this first
  mixtrast train table.csv --label species                 a table, one column the label
  mixtrast train table.csv --label species --labels 10     as if only 10 labels a class were known
  mixtrast train windows.npz --method imix --seed 0 1 2    without labels, three seeds, one report
  mixtrast train --out runs/digits-imix --resume           go on with a run that was stopped
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    if not given:
        parser.print_help()
        return 2
    known, rest = parser.parse_known_args(given)
    command: Callable[..., int] = known.run
    takes_parts = command in (_train, _evaluate)
    try:
        options = _dotted(rest) if takes_parts else _none_left(rest, parser)
        return command(known, options, given)
    except INPUT as error:
        return _wrong(error)
    except KeyboardInterrupt:
        print("\ninterrupted.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="mixtrast",
        description="Learn representations by mixing examples and contrasting the mixtures; see what they are worth.",
        epilog="Start with: mixtrast train digits     Help on a command: mixtrast train --help",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

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
    train.set_defaults(run=_train)

    evaluate = commands.add_parser(
        "evaluate", help="other evaluations of a run", epilog="example: mixtrast evaluate runs/digits-imix "
        "--evaluation.linear.protocol sgd", allow_abbrev=False,
    )  # fmt: skip
    evaluate.add_argument("folder", metavar="RUN", help="a run folder")
    evaluate.add_argument("--evaluation", help="such as linear+knn (default: all)")
    evaluate.set_defaults(run=_evaluate)

    embed = commands.add_parser("embed", help="features of more data, by a run's encoder", allow_abbrev=False)
    embed.add_argument("folder", metavar="RUN", help="a run folder")
    embed.add_argument("data", metavar="DATA", help="data like those of the run; a label column may be missing")
    embed.add_argument("-o", "--out", required=True, metavar="FILE", help="a new .npz, .csv or .parquet")
    embed.set_defaults(run=_embed)

    report = commands.add_parser("report", help="the page of a run made anew, or one page of several runs", allow_abbrev=False)
    report.add_argument("folders", nargs="+", metavar="RUN", help="run folders")
    report.add_argument("-o", "--out", metavar="FILE", help="the page (needed for several runs)")
    report.add_argument("--png", action="store_true", help="also save its pictures under figures/ of the first run")
    report.set_defaults(run=_report)

    listing = commands.add_parser("list", help="what there is: methods, mixers, views, encoders, ...", allow_abbrev=False)
    listing.add_argument("what", choices=LISTS)
    listing.add_argument("name", nargs="?", help="one of them, with its options")
    listing.set_defaults(run=_list)
    return parser


# --- commands -------------------------------------------------------------------------------------------------------------


def _train(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import recipe, run

    flags = _flags(known, options)
    seeds = known.seed or [None]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"--seed names a seed twice, got {' '.join(map(str, seeds))}. The same seed twice is no spread.")
    file = recipe.read(Path(known.recipe)) if known.recipe else {}
    jobs, done = [], None
    for seed in seeds:
        out, base = _folder(known, seed, len(seeds) > 1), file
        if known.resume and out is not None and (out / "recipe.yaml").is_file():
            base = recipe.read(out / "recipe.yaml")
        settings = run.merge(base, flags | ({} if seed is None else {"seed": seed}))
        if known.resume and out is None:
            raise ValueError("--resume goes on with a run folder. Name it: --out DIR.")
        jobs.append((settings, out))
    if len(jobs) > 1 and jobs[0][1] is None:
        first = run.prepare(jobs[0][0], known.data, known.test)
        group = run.free_folder(first)
        jobs = [(settings, group / f"seed-{settings['seed']}") for settings, _ in jobs]
    for at, (settings, out) in enumerate(jobs):
        code, done = _one(known, settings, out, first=at == 0, several=len(jobs) > 1)
        if code:
            if code in (130, 143):
                _go_on(given, jobs[0][1] if len(jobs) == 1 else Path(jobs[0][1] or "").parent, known)
            return code
    if len(jobs) > 1 and done is not None:
        _together([Path(out or "") for _, out in jobs], known.quiet)
    return 0


def _one(
    known: argparse.Namespace, settings: dict[str, Any], out: Path | None, *, first: bool, several: bool
) -> tuple[int, Path | None]:
    """One run: exit code and folder."""
    from mixtrast import run
    from mixtrast.training import CheckpointError, Interrupted, TrainingError

    say: Callable[[str], None] = (lambda text: None) if known.quiet else print
    ready = run.ready(settings, known.data, known.test, out=out, resume=known.resume)
    if not known.quiet:
        from mixtrast import show

        show.settings(ready.prepared, brief=not first)
    try:
        done = ready.go(quiet=known.quiet, maps=first, say=say)
    except (TrainingError, OSError) as error:
        print(f"mixtrast: failed: {error}", file=sys.stderr)
        print(f"What was saved is in {ready.folder}, and its last checkpoint is whole.", file=sys.stderr)
        return 1, ready.folder
    except CheckpointError as error:
        return _wrong(error), ready.folder
    except Interrupted as stop:
        print(f"mixtrast: {stop}", file=sys.stderr)
        known.out = known.out or str(ready.folder)
        return stop.code, ready.folder
    except KeyboardInterrupt:
        print("mixtrast: interrupted while evaluating; the trained encoder is saved.", file=sys.stderr)
        known.out = known.out or str(ready.folder)
        return 130, ready.folder
    if not known.quiet:
        from mixtrast import show

        (show.brief if several else show.outcome)(done)
    return 0, done.folder


def _together(folders: list[Path], quiet: bool) -> None:
    """One page and one table of several seeds."""
    from mixtrast import report

    page = folders[0].parent / "report.html"
    report.write(folders, page)
    if not quiet:
        from mixtrast import show

        show.together(folders, page)


def _evaluate(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import run, show

    chosen: Any = known.evaluation
    details = options.get("evaluation", {})
    if set(options) - {"evaluation"}:
        raise ValueError(f"evaluate takes options of evaluations only, got --{next(iter(set(options) - {'evaluation'}))}....")
    if details:
        names = chosen.split("+") if chosen else []
        chosen = {**{name: {} for name in names}, **details}
    done = run.Run(Path(known.folder))
    done.evaluate(chosen or "linear+knn+labels")
    show.outcome(done)
    return 0


def _embed(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import run

    out = Path(known.out)
    written = run.write_features(run.Run(Path(known.folder)), known.data, out)
    print(f"{written.rows:,} x {written.columns:,} features in {out}")
    return 0


def _report(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import report

    folders = [Path(folder) for folder in known.folders]
    if known.out is None and len(folders) > 1:
        raise ValueError("a page of several runs belongs to none of them. Name it: -o page.html.")
    out = Path(known.out) if known.out else folders[0] / "report.html"
    if known.out and out.exists():
        raise FileExistsError(f"{out} exists already, and nothing is overwritten. Choose another -o.")
    print(report.write(folders, out, png=known.png))
    return 0


def _list(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import show

    show.listing(known.what, known.name)
    return 0


# --- flags ----------------------------------------------------------------------------------------------------------------


def _flags(known: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    """The sections of a recipe that were given on the command line."""
    plain = {"label": known.label, "groups": known.groups, "drop": known.drop, "task": known.task, "labels": known.labels}
    flags: dict[str, Any] = {"data": {key: value for key, value in plain.items() if value is not None}}
    numbers = {"epochs": known.epochs, "batch": known.batch, "lr": known.lr}
    flags["training"] = {key: value for key, value in numbers.items() if value is not None}
    for part in ("method", "mixer", "encoder"):
        if getattr(known, part) is not None:
            flags[part] = {"name": getattr(known, part)}
    if known.views is not None:
        flags["views"] = {} if known.views == "none" else {name.strip(): {} for name in known.views.split("+")}
    for part, details in options.items():
        if part == "views" and not set(details) <= set(flags.get("views", {})):
            raise ValueError(
                f"--views.{next(iter(details))} is an option of a view; name the views too, as in --views mask+noise."
            )
        if part == "evaluation":
            from mixtrast import evaluate

            details = {**{name: {} for name in evaluate.names()}, **details}
        if part == "views":
            flags["views"] = {name: details.get(name, {}) for name in flags["views"]}
        else:
            flags[part] = {**flags.get(part, {}), **details}
    return flags


def _dotted(tokens: list[str]) -> dict[str, Any]:
    """`--method.temperature 0.1` -> {"method": {"temperature": "0.1"}}; what is no such flag is an error."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if not token.startswith("--"):
            raise ValueError(f"{token!r} is not understood here. Options of a part are flags: --method.temperature 0.1.")
        name, equals, value = token[2:].partition("=")
        keys = name.split(".")
        if keys[0] not in PARTS or len(keys) < 2:
            raise ValueError(_unknown_flag(token))
        if not equals:
            at += 1
            if at >= len(tokens) or tokens[at].startswith("--"):
                raise ValueError(f"{token} needs a value, as in {token} 0.1.")
            value = tokens[at]
        inner = found
        for key in keys[:-1]:
            inner = inner.setdefault(key.replace("-", "_"), {})
        numbers = re.fullmatch(r"[\d.eE+-]+(,[\d.eE+-]+)+", value)
        inner[keys[-1].replace("-", "_")] = f"[{value}]" if numbers else value
        at += 1
    return found


def _unknown_flag(token: str) -> str:
    flags = [
        "label",
        "groups",
        "drop",
        "task",
        "test",
        "labels",
        "method",
        "mixer",
        "encoder",
        "views",
        "epochs",
        "batch",
        "lr",
    ]
    flags += ["seed", "out", "resume", "recipe", "quiet", *(f"{part}." for part in PARTS)]
    near = difflib.get_close_matches(token[2:], flags, 1, 0.5)
    hint = f" Did you mean --{near[0]}?" if near else ""
    return f"there is no option {token}.{hint} See mixtrast train --help."


def _none_left(rest: list[str], parser: argparse.ArgumentParser) -> dict[str, Any]:
    if rest:
        raise ValueError(f"{' '.join(rest)} is not understood. See mixtrast --help.")
    return {}


def _folder(known: argparse.Namespace, seed: int | None, several: bool) -> Path | None:
    if known.out is None:
        return None
    return Path(known.out) / f"seed-{seed}" if several else Path(known.out)


def _go_on(given: list[str], folder: Path | None, known: argparse.Namespace) -> None:
    words = list(given)
    if "--out" not in " ".join(words):
        words += ["--out", str(folder or known.out)]
    if "--resume" not in words:
        words.append("--resume")
    print(f"Go on with: mixtrast {shlex.join(words)}", file=sys.stderr)


def _wrong(error: BaseException) -> int:
    text = str(error) if not isinstance(error, KeyError) else str(error.args[0])
    print(f"mixtrast: error: {text}", file=sys.stderr)
    return 2


def _version() -> str:
    from mixtrast.version import __version__

    return f"mixtrast {__version__}"
