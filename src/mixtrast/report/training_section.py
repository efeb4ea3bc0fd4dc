"""What a report says of training: its verdicts, the loss and the geometry of the features, the cost."""

from collections.abc import Iterator, Sequence

from mixtrast.records import Results, RunRecord
from mixtrast.report.numbers import figures, integer, spread

# Field of `Learning`, its name, how to read it.
LEARNING = (
    ("loss", "loss at the end", "mean of the last tenth of training"),
    ("chance", "chance level", "the loss of features without information"),
    ("floor", "lowest possible loss", "mixed labels cannot be predicted exactly"),
    ("train_loss", "loss on training examples", ""),
    ("val_loss", "loss on validation examples", ""),
    ("gain_train", "gain on training examples", "chance level less loss"),
    ("gain_val", "gain on validation examples", "far below the gain on training examples: memorised"),
    ("alignment", "alignment", "mean squared distance of the embeddings of two views of an example; 0: the same"),
    ("uniformity", "uniformity", "of the embeddings; 0: all the same, about −4: evenly spread"),
    ("online", "online probe, accuracy", "a linear layer trained along with the encoder; validation examples"),
    ("rank", "effective rank", "the number of directions that the features use"),
    ("rank_untrained", "effective rank before training", ""),
    ("dim", "number of features", ""),
    ("within", "similarity within classes", "mean cosine of the features of two examples of one class"),
    ("between", "similarity between classes", "of two examples of different classes"),
)
# Field of `Cost`, its name, unit in words, size of the unit; without a unit a whole number.
COSTS = (
    ("seconds", "training time", " s", 1.0),
    ("evaluation_seconds", "evaluation time", " s", 1.0),
    ("examples_per_second", "speed", " examples/s", 1.0),
    ("peak_memory_bytes", "peak memory", " MiB", 2.0**20),
    ("steps", "training steps", "", 1.0),
    ("parameters", "parameters", "", 1.0),
)


def diagnosis(runs: Sequence[RunRecord]) -> list[tuple[str, str, str]]:
    """Each verdict once: its name, the seeds that have it, and its sentence with the numbers of the first of them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, run in seed_names(runs):
        for verdict in run.results.diagnosis if isinstance(run.results, Results) else ():
            found.setdefault(verdict.verdict, []).append((name, verdict.says))
    return [(verdict, _which(said, len(runs)), said[0][1]) for verdict, said in found.items()]


def seed_names(runs: Sequence[RunRecord]) -> Iterator[tuple[str, RunRecord]]:
    """Each run with its seed in words."""
    for at, run in enumerate(runs):
        yield (f"seed {run.seed}" if run.seed is not None else f"run {at + 1}"), run


def learning(results: Sequence[Results]) -> list[tuple[str, str, str]]:
    """Name, value and how to read it, of what was measured."""
    found = []
    for key, name, how in LEARNING:
        if value := spread(getattr(result.learning, key) for result in results):
            found.append((name, integer(value.mean) if key == "dim" else figures(value, 3), how))
    return found


def costs(results: Sequence[Results]) -> list[tuple[str, str]]:
    """Name and value of what the runs took."""
    found = []
    for key, name, unit, size in COSTS:
        if value := spread(getattr(result.cost, key) for result in results):
            found.append((name, figures(value.times(1 / size), 3) + unit if unit else integer(value.mean)))
    devices = dict.fromkeys(result.cost.device for result in results if result.cost.device)
    return found + ([("device", "; ".join(devices))] if devices else [])


def _which(said: Sequence[tuple[str, str]], runs: int) -> str:
    """The seeds of a verdict, and whose numbers stand in its sentence."""
    if runs == 1:
        return ""
    names = [name for name, _ in said]
    which = f"all {runs} seeds" if len(names) == runs else ", ".join(names)
    return which + (f"; numbers of {names[0]}" if len({says for _, says in said}) > 1 else "")
