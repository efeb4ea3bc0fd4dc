"""What the page shows of one recipe, section by section, as words, tables and pictures; a section that is absent says why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixtrast.report import curves, maps, strips
from mixtrast.report.groups import Group
from mixtrast.report.pictures import Picture
from mixtrast.report.records import Map, Metrics, Run, Strip
from mixtrast.report.results import Data, Results
from mixtrast.report.spread import Spread, count, figures, spread
from mixtrast.report.tables import Table, rows
from mixtrast.report.values import flat, in_words
from mixtrast.report.words import headline

UNFINISHED = "No results were written yet, so nothing can be said of these features."
OTHERS = (
    "The encoder as it was trained on the run's own data; probes are fitted to the labels of these, with a split of their own."
)
# What the loss and the geometry of the features say: key, name, how to read it.
LEARNING = (
    ("loss", "loss at the end", "mean of the last tenth of training"),
    ("chance", "chance level", "the loss of features that say nothing"),
    ("floor", "lowest attainable", "by any features: mixed labels leave more than zero"),
    ("train_loss", "loss on training examples", ""),
    ("val_loss", "loss on validation examples", ""),
    ("gain_train", "better than chance, training examples", "by so much is the loss below chance"),
    ("gain_val", "better than chance, validation examples", "far less than on training examples: memorised"),
    ("alignment", "alignment", "of the embeddings: mean squared distance of two views of an example, 0 is the same"),
    ("uniformity", "uniformity", "of the embeddings: 0 is all alike, about −4 well spread"),
    ("online", "online probe, accuracy", "of a linear layer that learned along, on validation examples"),
    ("rank", "effective rank", "directions the features use"),
    ("rank_untrained", "effective rank, untrained", "the same encoder before training"),
    ("dim", "dimensions of the features", ""),
    ("within", "similarity within classes", "mean cosine of the features of two examples of one class"),
    ("between", "similarity between classes", "of two examples of different classes"),
)


@dataclass(frozen=True)
class Shown:
    """A picture on the page, or why there is none."""

    svg: str = ""
    caption: str = ""
    why: str = ""


@dataclass(frozen=True)
class Setting:
    key: str
    value: str
    why: str


@dataclass(frozen=True)
class Section:
    """One recipe on the page."""

    key: str  # anchor
    name: str
    finished: bool
    data: Data
    seeds: str
    folders: str
    headline: str
    notes: tuple[str, ...]
    diagnosis: list[tuple[str, str, str]]  # verdict, seeds it was given for, what it says
    table: Table
    elsewhere: list[tuple[str, str, Table]]  # other data, what to say of them, what the features are worth there
    labels: Shown
    loss: Shown
    looks: list[Shown]
    learning: list[tuple[str, str, str]]
    maps: list[Shown]
    map_caption: str
    strips: list[Shown]
    cost: list[tuple[str, str]]
    facts: list[tuple[str, str]]
    counts: list[tuple[str, list[str]]]  # class, examples in each of `splits`
    splits: list[str]
    next: tuple[str, ...]
    recipe: list[Setting]
    versions: list[tuple[str, str]]


def section(group: Group, key: str, png: bool = False) -> Section:
    """Everything the page says of one recipe.

    Args:
        group: its runs.
        key: the anchor of the section.
        png: also saves each picture into figures/ of the group's first run.
    """
    results, first = group.results, group.runs[0]
    data = results[0].data if results else first.data
    drawn = Drawing(key, first.folder / "figures" if png else None)
    held = next((run for run in group.runs if isinstance(run.map, Map)), first)
    counts, splits = _counts(data)
    return Section(
        key=key,
        name=group.name,
        finished=bool(results),
        data=data,
        seeds=_seeds(group.runs),
        folders=", ".join(run.folder.resolve().name for run in group.runs),
        headline=headline(*results) if results else UNFINISHED,
        notes=(*group.notes, *dict.fromkeys(run.results for run in group.runs if isinstance(run.results, str))),
        diagnosis=_diagnosis(group.runs),
        table=rows(results),
        elsewhere=_elsewhere(results),
        labels=_labels(results, drawn),
        loss=_loss(group.runs, drawn),
        looks=_looks(group.runs, drawn),
        learning=_learning(results),
        maps=[drawn(picture) for picture in maps.maps(held.map, data)] if isinstance(held.map, Map) else [Shown(why=held.map)],
        map_caption=maps.caption(held.map, data, _of_seed(held, group)) if isinstance(held.map, Map) else "",
        strips=_strips(group.runs, drawn),
        cost=_cost(results),
        facts=list(_facts(data, len({result.data.split for result in results}) > 1)) if results else [],
        counts=counts,
        splits=splits,
        next=tuple(dict.fromkeys(command for result in results[:1] for command in result.next)),
        recipe=recipe(group.runs),
        versions=_versions(group.runs),
    )


@dataclass(frozen=True)
class Drawing:
    """Pictures for the page, and as files where asked."""

    key: str  # of the section: what its pictures refer to is theirs alone
    folder: Path | None

    def __call__(self, picture: Picture | str | None) -> Shown:
        if not isinstance(picture, Picture):
            return Shown(why=picture or "")
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{picture.name}.png").write_bytes(picture.png())
        return Shown(picture.svg(self.key), picture.caption)


def _seeds(runs: Sequence[Run]) -> str:
    known = [str(run.seed) for run in runs if run.seed is not None]
    if len(runs) == 1:
        return f"one seed ({known[0]}): no spread" if known else "one seed: no spread"
    return f"{len(runs)} seeds" + (f" ({', '.join(known)})" if known else "")


def _of_seed(run: Run, group: Group) -> str:
    return f" of seed {run.seed}" if len(group.runs) > 1 and run.seed is not None else ""


def _named(runs: Sequence[Run]) -> Iterator[tuple[str, Run]]:
    for at, run in enumerate(runs):
        yield (f"seed {run.seed}" if run.seed is not None else f"run {at + 1}"), run


# --- what was learned ----------------------------------------------------------------------------------------------------


def _diagnosis(runs: Sequence[Run]) -> list[tuple[str, str, str]]:
    """Each verdict once, with the seeds that it was given for, in the words (and numbers) of the first of them."""
    said: dict[str, list[tuple[str, str]]] = {}
    for name, run in _named(runs):
        for item in run.results.diagnosis if isinstance(run.results, Results) else ():
            said.setdefault(item.verdict, []).append((name, item.says))
    found = []
    for verdict, given in said.items():
        names, words = [name for name, _ in given], {says for _, says in given}
        which = f"all {len(runs)} seeds" if len(names) == len(runs) else ", ".join(names)
        numbers = f"; numbers of {names[0]}" if len(words) > 1 else ""
        found.append((verdict, which + numbers if len(runs) > 1 else "", given[0][1]))
    return found


def _elsewhere(results: Sequence[Results]) -> list[tuple[str, str, Table]]:
    """Each set of other data, over the runs that were evaluated on it: its name, what to say, the table."""
    found: dict[str, list[Results]] = {}
    for result in results:
        for key, other in result.elsewhere.items():
            found.setdefault(key, []).append(other)
    return [(others[0].data.name, _said_of(others), rows(others)) for others in found.values()]


def _said_of(others: Sequence[Results]) -> str:
    most = max(other.trained_on for other in others)
    return f"{OTHERS} Of the test examples {most:,} trained the encoder, so these scores flatter it." if most else OTHERS


def _labels(results: Sequence[Results], drawn: Drawing) -> Shown:
    withheld = list(dict.fromkeys(result.withheld for result in results if result.withheld))
    if withheld:
        reasons = "; ".join(reason.rstrip(".") for reason in withheld)
        return Shown(why=f"There is no curve over few labels: {reasons}.")
    if results and results[0].data.task == "none":
        return Shown(why="There are no labels, so there are no scores over their number.")
    return drawn(curves.few_labels(results))


def _loss(runs: Sequence[Run], drawn: Drawing) -> Shown:
    seen = {name: run.metrics for name, run in _named(runs) if isinstance(run.metrics, Metrics)}
    if not seen:
        return Shown(why=next(run.metrics for run in runs if isinstance(run.metrics, str)))
    return drawn(curves.loss(seen))


def _looks(runs: Sequence[Run], drawn: Drawing) -> list[Shown]:
    share = runs[0].data.task == "classes"
    seen = {name: run.metrics for name, run in _named(runs) if isinstance(run.metrics, Metrics)}
    return [drawn(picture) for key in curves.LOOKS if (picture := curves.look(seen, key, share))]


def _learning(results: Sequence[Results]) -> list[tuple[str, str, str]]:
    found = [(name, _over(results, key), how) for key, name, how in LEARNING]
    return [
        (name, figures(value, 3) if name != "dimensions of the features" else count(value.mean), how)
        for name, value, how in found
        if value
    ]


def _over(results: Sequence[Results], key: str) -> Spread | None:
    return spread(result.learning[key] for result in results if key in result.learning)


def _strips(runs: Sequence[Run], drawn: Drawing) -> list[Shown]:
    run = next((run for run in runs if isinstance(run.strip, Strip)), runs[0])
    if not isinstance(run.strip, Strip):
        return [Shown(why=run.strip)]
    mixer = run.results.mixer if isinstance(run.results, Results) else ""
    return [drawn(strips.views(run.strip)), drawn(strips.mixtures(run.strip, mixer))]


def _cost(results: Sequence[Results]) -> list[tuple[str, str]]:
    kinds = (
        ("seconds", "training time", 1.0, " s"),
        ("evaluation_seconds", "evaluation time", 1.0, " s"),
        ("examples_per_second", "speed", 1.0, " examples a second"),
        ("peak_memory_bytes", "peak memory", 2.0**20, " MiB"),
    )
    found = []
    for key, name, unit, words in kinds:
        if value := spread(result.cost[key] / unit for result in results if key in result.cost):
            found.append((name, figures(value, 3) + words))
    for key, name in (("steps", "training steps"), ("parameters", "parameters")):
        if value := spread(result.cost[key] for result in results if key in result.cost):
            found.append((name, count(value.mean)))
    devices = dict.fromkeys(result.device for result in results if result.device)
    return found + ([("device", "; ".join(devices))] if devices else [])


# --- what it was learned from --------------------------------------------------------------------------------------------


def _facts(data: Data, splits: bool) -> Iterator[tuple[str, str]]:
    if data.spec:
        rest = ", ".join(f"{key} {value}" for key, value in data.spec.items() if key != "kind")
        yield "an example is", f"{str(data.spec.get('kind', 'a tensor')).lower()}{': ' if rest else ''}{rest}"
    each = ", several an example" if data.several else ""
    tasks = {"classes": f"{len(data.classes)} classes{each}" if data.classes else "classes", "number": "a number to predict"}
    if data.task:
        yield "labels are", tasks.get(data.task, "none: this data has no labels")
    names = {"examples": "examples", "train": "of them for training", "val": "for validation", "test": "for the test"}
    yield from ((name, f"{data.sizes[key]:,}") for key, name in names.items() if key in data.sizes)
    if data.unlabelled is not None:
        yield "without a label", f"{data.unlabelled:,}"
    if data.task in tasks:
        granted = f"{data.labels_granted:,} per class" if data.labels_granted is not None else "all of them"
        yield "labels the whole run was allowed to see", granted
    if data.labels_seen is not None:
        yield "labels that training saw", f"{data.labels_seen:,}"
    if data.split:
        yield "split", data.split + (" (this is the first seed's: each has its own)" if splits else "")


def _counts(data: Data) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Class -> examples in each split."""
    splits = list(data.counts)
    rows = max((len(held) for held in data.counts.values()), default=0)
    names = [data.classes[at] if at < len(data.classes) else f"class {at}" for at in range(rows)]
    table = [
        (name, [f"{data.counts[s][at]:,}" if at < len(data.counts[s]) else "–" for s in splits])
        for at, name in enumerate(names)
    ]
    return table, splits


# --- how it was learned --------------------------------------------------------------------------------------------------


def recipe(runs: Sequence[Run]) -> list[Setting]:
    """Every setting with its value, and the reason of those that were chosen automatically."""
    settings = flat(runs[0].settings)
    stated = runs[0].recipe.get("why")
    reasons = (
        {_whose(name, settings): in_words(why) for name, why in flat(stated).items()} if isinstance(stated, Mapping) else {}
    )
    found = [Setting(key, in_words(value), reasons.pop(key, "")) for key, value in settings.items()]
    found += [Setting(name, "–", why) for name, why in reasons.items()]
    seeds = ", ".join(str(run.seed) for run in runs if run.seed is not None)
    return [*found, Setting("seed", seeds, "")] if seeds else found


def _whose(name: str, settings: Mapping[str, Any]) -> str:
    """The setting that a reason is of: the one of that name, or the first of a part ("views"), or one that ends so."""
    fits = (
        *(key for key in settings if key in (name, f"{name}.name")),
        *(key for key in settings if key.startswith(f"{name}.")),
        *(key for key in settings if key.endswith(f".{name}")),
    )
    return fits[0] if fits else name


def _versions(runs: Sequence[Run]) -> list[tuple[str, str]]:
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        stated = run.recipe.get("versions")
        for name, version in flat(stated).items() if isinstance(stated, Mapping) else ():
            found.setdefault(name, {})[in_words(version)] = None
    return [(name, " and ".join(versions)) for name, versions in found.items()]


def subtitle(section: Section) -> str:
    """One line under the title."""
    sizes = f" of {section.data.sizes['examples']:,} examples" if "examples" in section.data.sizes else ""
    return f"{section.data.name}{sizes}; {section.seeds}"
