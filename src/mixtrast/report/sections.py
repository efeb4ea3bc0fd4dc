"""What the page says of one recipe, section by section; a part that is missing says why."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mixtrast.records import Map, Missing, Results, Strip
from mixtrast.report import maps, strips, training_curves
from mixtrast.report.groups import Group
from mixtrast.report.headlines import headline
from mixtrast.report.label_curves import label_curve
from mixtrast.report.pictures import Picture
from mixtrast.report.score_table import score_table
from mixtrast.report.tables import Table
from mixtrast.report.training_section import seed_names

UNFINISHED = "No results are recorded yet, so the features cannot be judged."
OTHER_DATA = (
    "The encoder was trained on the run's own data; probes are fitted to the labels of these data, with their own split."
)


@dataclass(frozen=True)
class Drawn:
    """A picture on the page, or the sentence that replaces it."""

    svg: str = ""
    caption: str = ""
    why: str = ""


@dataclass(frozen=True)
class Drawing:
    """Draws pictures for the section `key` of a page, and saves them as files where there is a folder."""

    key: str
    folder: Path | None = None

    def __call__(self, picture: Picture | str | None) -> Drawn:
        if not isinstance(picture, Picture):
            return Drawn(why=picture or "")
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{picture.name}.png").write_bytes(picture.png())
        return Drawn(picture.svg(self.key), picture.caption)


class Section:
    """The parts of a page about one recipe, for its template; `key` is the anchor of the section."""

    def __init__(self, group: Group, key: str, png: bool = False) -> None:
        self.key, self.name, self.runs, self.results = key, group.name, group.runs, group.results
        self.data = self.results[0].data if self.results else self.runs[0].data
        self.draw = Drawing(key, self.runs[0].folder / "figures" if png else None)  # also files in the first run
        reasons = dict.fromkeys(run.results.reason for run in self.runs if isinstance(run.results, Missing))
        self.notes = (*group.notes, *reasons)
        self.own_splits = len({result.data.split for result in self.results}) > 1
        self.next = dict.fromkeys(command for result in self.results[:1] for command in result.next)

    @property
    def seeds(self) -> str:
        known = [str(run.seed) for run in self.runs if run.seed is not None]
        number = "one seed" if len(self.runs) == 1 else f"{len(self.runs)} seeds"
        return number + (f" ({', '.join(known)})" if known else "")

    @property
    def subtitle(self) -> str:
        sizes = f" of {self.data.examples:,} examples" if self.data.examples is not None else ""
        return f"{self.data.name}{sizes}; {self.seeds}"

    @property
    def folders(self) -> str:
        return ", ".join(run.folder.resolve().name for run in self.runs)

    @property
    def headline(self) -> str:
        return headline(*self.results) if self.results else UNFINISHED

    @cached_property
    def table(self) -> Table:
        return score_table(self.results)

    @property
    def other_data(self) -> list[tuple[str, str, Table]]:
        """Other data that runs were evaluated on: their name, what to say of them, the table."""
        found: dict[str, list[Results]] = {}
        trained_on: dict[str, int] = {}
        for result in self.results:
            for key, other in result.other_data.items():
                found.setdefault(key, []).append(result.on(key))
                trained_on[key] = max(other.trained_on, trained_on.get(key, 0))
        warning = " The run trained on {:,} of their test examples, so these scores are too high."
        notes = {key: OTHER_DATA + (warning.format(number) if number else "") for key, number in trained_on.items()}
        return [(others[0].data.name, notes[key], score_table(others)) for key, others in found.items()]

    @cached_property
    def labels(self) -> Drawn:
        """The label-efficiency curve."""
        withheld = dict.fromkeys(result.labels.withheld.rstrip(".") for result in self.results if result.labels.withheld)
        if withheld:
            return Drawn(why=f"There is no label-efficiency curve: {'; '.join(withheld)}.")
        if self.results and self.data.task == "none":
            return Drawn(why="The data have no labels, so there is no label-efficiency curve.")
        return self.draw(label_curve(self.results))

    @cached_property
    def curves(self) -> list[Drawn]:
        """The loss, and what was measured on validation examples during training."""
        metrics = {name: run.metrics for name, run in seed_names(self.runs)}
        curves = {name: training_curves.Curves.of(lines) for name, lines in metrics.items() if not isinstance(lines, Missing)}
        if not curves:
            return [Drawn(why=next(run.metrics.reason for run in self.runs if isinstance(run.metrics, Missing)))]
        evaluations = {name: record for result in self.results for name, record in result.evaluations.items()}
        share, keys = self.data.task == "classes", training_curves.monitored_keys(curves)
        pictures = [training_curves.monitored(curves, key, evaluations, share) for key in keys]
        return [self.draw(training_curves.loss(curves)), *(self.draw(picture) for picture in pictures if picture)]

    @cached_property
    def maps(self) -> tuple[list[Drawn], str]:
        """The maps of the first run that has them, and how to read them."""
        run = next((run for run in self.runs if isinstance(run.map, Map)), self.runs[0])
        if isinstance(run.map, Missing):
            return [Drawn(why=run.map.reason)], ""
        seed = f" of seed {run.seed}" if len(self.runs) > 1 and run.seed is not None else ""
        return [self.draw(picture) for picture in maps.maps(run.map, self.data)], maps.caption(run.map, self.data, seed)

    @cached_property
    def strips(self) -> list[Drawn]:
        """Examples with their views, and mixtures."""
        run = next((run for run in self.runs if isinstance(run.strip, Strip)), self.runs[0])
        if isinstance(run.strip, Missing):
            return [Drawn(why=run.strip.reason)]
        mixer = run.results.mixer if isinstance(run.results, Results) else None
        return [self.draw(strips.views(run.strip)), self.draw(strips.mixtures(run.strip, mixer or ""))]
