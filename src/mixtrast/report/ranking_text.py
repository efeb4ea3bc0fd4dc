"""The headline of a comparison, and the notes under its tables."""

from collections.abc import Iterator

from mixtrast.records import ROW_NAMES
from mixtrast.report.columns import Column
from mixtrast.report.numbers import Spread, fixed, percent, spread
from mixtrast.report.ranking import Ranked, Ranking
from mixtrast.significance import difference, legend
from mixtrast.text import count

MANY = 3  # configurations beyond which a sentence does not name them all
REPEAT = "Each configuration ran once; repeat with --seed 0 1 2."


def ranking_headline(found: Ranking) -> str:
    """Which configuration scores highest, which are not clearly worse, and what all of them have to beat."""
    return " ".join(_headline(found))


def chosen_by_validation(found: Ranking) -> str:
    """Which configuration the validation scores choose: the choice that does not use the test set."""
    scored = [
        (value.mean, each) for each in found.configurations if (value := spread(each.validation.values())) and each.scores
    ]
    if found.column is None or len(scored) < 2:
        return ""
    best = max(scored, key=lambda pair: pair[0])[1]
    if best.rank == 1:
        return f"The validation scores choose the same configuration, {best.name}."
    test = found.column.text(spread(best.scores.values()))
    return f"The validation scores choose {best.name}, with {test} on the test set: report that score."


def ranking_legend(found: Ranking, best: str = "*") -> str:
    """What the signs of the table mean, with the test behind them; `best`: the sign of the best."""
    if not found.tested:
        return ""
    said = legend(found.tested)
    if not said:
        return f"Differences of one run cannot be tested. {REPEAT}"
    return f"{best} the highest mean. {said}"


def ranking_notes(found: Ranking) -> Iterator[str]:
    """What the numbers of the table mean, and what they do not."""
    most = max((len(each.scores) for each in found.configurations), default=0)
    yield (
        f"Mean ± sample standard deviation over {count(most, 'seed')} on the test set. Every seed has its own split, the same "
        "for all configurations, so configurations are compared seed by seed."
    )
    if said := ranking_legend(found, "Bold:"):
        yield said
    if most < 2:
        yield f"The interval covers the choice of test examples, not the seed. {REPEAT}"
    elif any(each.standing == "not worse" for each in found.configurations):
        yield "Not clearly worse does not mean equal." + (f" With {most} seeds intervals are wide." if most < 10 else "")
    if len(found.configurations) > 2:
        yield (
            f"Each run used its test set once. The best of {len(found.configurations)} configurations by test score is still "
            "optimistic, and no correction is made for their number: choose by validation, and report the test score of that."
        )


def _headline(found: Ranking) -> Iterator[str]:
    column, configurations = found.column, [each for each in found.configurations if each.scores]
    if column is None or not configurations:
        yield "No run has scores yet, so nothing can be compared."
        return
    best = configurations[0]
    reached = f"{best.name} reaches {column.text(spread(best.scores.values()))} on {found.data.name}"
    over = f"({column.title}, {count(len(best.scores), 'seed')})"
    yield f"{reached} {over}, the highest of {count(len(configurations), 'configuration')}."
    yield from _others(column, configurations[1:])
    beaten = [(row, value) for row in ("untrained", "raw") if (value := found.row(row))]
    if beaten:
        names = {"untrained": "encoders before training", "raw": found.row_name("raw", ROW_NAMES["raw"])}
        yield f"For comparison: {', '.join(f'{names[row]} {_mean(column, value)}' for row, value in beaten)}."
    yield from _not_better(best, column)


def _others(column: Column, others: list[Ranked]) -> Iterator[str]:
    near = [each.name for each in others if each.standing == "not worse"]
    worse = [each for each in others if each.standing == "worse"]
    if near:
        yield f"Not clearly worse: {', '.join(near)}."
    if len(worse) > MANY:
        ends = [f"{each.name} ({column.gain(each.to_best)})" for each in (worse[0], worse[-1])]
        yield f"Clearly worse: the other {len(worse)}, from {ends[0]} to {ends[1]}."
    elif worse:
        yield f"Clearly worse: {', '.join(f'{each.name} ({column.gain(each.to_best)})' for each in worse)}."
    if any(each.standing == "unknown" for each in others):
        yield f"One run cannot tell which configuration is better. {REPEAT}"


def _not_better(best: Ranked, column: Column) -> Iterator[str]:
    """Where even the best is not clearly worth its training."""
    found: dict[str, list[str]] = {}
    for row, words in (("untrained", "its encoder before training"), ("raw", "raw input")):
        gain = difference(column.sample(best.results, "trained"), column.sample(best.results, row))
        if gain and gain.clarity in ("worse", "unclear"):
            verb = "is clearly worse than" if gain.clarity == "worse" else "is not clearly better than"
            found.setdefault(verb, []).append(words)
    for verb, others in found.items():
        yield f"Even the best {verb} {' or '.join(others)}."


def _mean(column: Column, value: Spread) -> str:
    mean = Spread(value.mean, None, value.n)
    return percent(mean) if column.share else f"R² {fixed(mean, 3)}"
