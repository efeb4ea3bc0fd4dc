from __future__ import annotations

import math
from typing import Any

Record = dict[str, Any]
Verdict = tuple[str, str]

LEARNED = 0.05  # of the way from chance to the floor: below that a loss has not left chance
FEW_DIRECTIONS = 2.0  # effective rank of features that have collapsed
ALIKE = -0.05  # uniformity: a mean squared distance of 0.025 between unit rows, a cosine of 0.99
KEPT = 0.5  # of the gain on training examples must also be there on others
LUCK_NUMBER = 0.02  # r²: a smaller difference is not told apart

GRAVITY = (
    "diverged",
    "collapsed",
    "at chance",
    "stuck",
    "worse than untrained",
    "memorising",
    "no better than majority",
    "no better than raw",
    "no better than untrained",
    "plain labels do better",
    "too early",
    "learning",
    "worth it with few labels",
    "worth it",
)


WORSE = (
    "Training has made the features worse than those of the same encoder with random weights. {} What the encoder is asked to "
    "learn does not fit the labels: views or mixing may wipe out what tells the classes apart. Make them milder."
)
NO_ANSWER = (
    "With the features a simple model does not beat the answer that needs no features. {} Either the inputs do not hold the "
    "answer, or labels are wrong or too few: check how rows and labels were matched, and label more."
)
RAW = (
    "A simple model does {} on your data as they are: the features do not pay here. {} Train for longer or on more unlabelled "
    "examples, try other views, or keep the raw data."
)
UNTRAINED = (
    "The same encoder with random weights does as well, so training has added nothing. {} Train for longer, or try stronger "
    "views or another method."
)
PLAIN = (
    "The features are better than what you had, but the same encoder trained with plain labels does better still: {}. {} Where "
    "all rows have labels, take --method supervised; mixing and contrast pay when labels are few or missing."
)
WORTH = "The features are worth it: a simple model does better on them than on anything it was compared with. {}"


def diagnose(record: Record) -> list[dict[str, str]]:
    """What the numbers of a run mean, in plain words: [{"verdict", "says"}], the gravest first. Pure, and no number is needed.

    Args:
        record: what is missing, None or NaN is not judged.
            loss: mean of the last tenth of training (else `loss_last`, its last value); loss_first: at the start; chance: its
            value when nothing is learned; floor: the lowest it can be; warmup_done: False before the learning rate has
            reached its height.
            rank, rank_untrained, dim: effective rank of the encoder's features, before training, and how many there are.
            uniformity, alignment: of the embeddings.
            gain_train, gain_val: chance less loss, on examples trained on and on others.
            probes: {name: {"metric": "accuracy" or "r2", "trained", "untrained", "raw", "majority", "n_test"}}; of several,
            "linear" is judged, else the first.
            few: {"per_class", "trained", "untrained", "raw"}: accuracies with few labels, a list of draws each, the same draws.

    Verdicts: "learning": the loss has gone 5 % of the way from chance to the floor (0 where the floor is not known), else "at
    chance", "stuck" if it was as low at the start, or "too early" before warm-up is done. "diverged": a number is not finite.
    "collapsed": features have an effective rank below 2 (of more than 4), or a uniformity above -0.05. "memorising": less than
    half of the gain on training examples is there on others. The probe: "worth it", "worse than untrained", "no better than
    untrained", "... raw", "... majority", "plain labels do better" (its row "supervised"), or "worth it with few labels"
    (`few`). Accuracies closer than a standard error of their difference, √(p(1-p)/n + q(1-q)/n), count as equal; r² closer
    than 0.02.
    """
    record = record | {key: None for key, value in record.items() if _broken(value) and not key.startswith("loss")}
    found = [verdict for judge in (_loss, _collapse, _memory, _probe) if (verdict := judge(record)) is not None]
    found.sort(key=lambda verdict: GRAVITY.index(verdict[0]))
    return [{"verdict": name, "says": says} for name, says in found]


def _loss(record: Record) -> Verdict | None:
    loss = record.get("loss") if record.get("loss") is not None else record.get("loss_last")
    if any(_broken(record.get(key)) for key in ("loss", "loss_last")):
        return "diverged", (
            "The loss is no longer a number: training blew up, and the features are worth nothing. Lower the learning rate (a "
            "tenth of it), and look for extreme or missing values in the data."
        )
    chance, floor = record.get("chance"), record.get("floor")
    if loss is None or chance is None:
        return None
    floor = 0.0 if floor is None else floor
    if chance <= floor:
        return None
    done = (chance - loss) / (chance - floor)
    where = f"The loss is {loss:.2f}; it is {chance:.2f} when nothing has been learned, and {floor:.2f} at the very best"
    first = record.get("loss_first")
    if done >= LEARNED and first is not None and first - loss < LEARNED * (chance - floor) and first < chance:
        return "stuck", (
            f"{where}, but it was {first:.2f} at the start: training has changed next to nothing, and was better than chance "
            "before. Train for longer, or raise the learning rate three times."
        )
    if done >= LEARNED:
        return "learning", f"{where}: {_percent(done)} of the way is done, so it is learning what it is asked."
    if record.get("warmup_done") is False:
        return "too early", f"{where}, but the learning rate is still rising, so this says nothing yet. Train for longer."
    return "at chance", (
        f"{where}: the encoder has learned next to nothing. Train for longer, raise the learning rate three times, or make the "
        "views milder, so that two views of an example still look alike; check that the data are scaled."
    )


def _collapse(record: Record) -> Verdict | None:
    rank, dim, before, spread = (record.get(key) for key in ("rank", "dim", "rank_untrained", "uniformity"))
    way_out = (
        "Lower the learning rate, train with larger batches or a higher temperature, and check that the data are scaled and "
        "that examples differ."
    )
    if rank is not None and rank < FEW_DIRECTIONS and (dim is None or dim > 2 * FEW_DIRECTIONS):
        of = "" if dim is None else f" of {dim}"
        was = "" if before is None else f" (before training: {before:.1f})"
        return (
            "collapsed",
            f"The features vary in only {rank:.1f} directions{of}{was}: all examples get nearly one answer. {way_out}",
        )
    if spread is not None and spread > ALIKE:
        return "collapsed", (
            f"The embeddings of all examples are nearly one and the same (uniformity {spread:.3f}, where 0 is all alike and "
            f"about -4 well spread). {way_out}"
        )
    return None


def _memory(record: Record) -> Verdict | None:
    ours, theirs, chance = record.get("gain_train"), record.get("gain_val"), record.get("chance")
    if ours is None or theirs is None or ours <= LEARNED * abs(chance if chance is not None else 1.0):
        return None
    if theirs >= KEPT * ours:
        return None
    return "memorising", (
        f"On the examples it was trained on, the encoder is {ours:.2f} better than chance, on others only {theirs:.2f}: it "
        "learns them by heart. Use more examples, stronger views or mixing, a smaller encoder, or stop earlier."
    )


def _probe(record: Record) -> Verdict | None:
    probes = record.get("probes") or {}
    probe = probes.get("linear") or next(iter(probes.values()), None)
    if not probe or probe.get("trained") is None or _broken(probe["trained"]):
        return None
    trained, rows, numbers = probe["trained"], probe.get("n_test"), _numbers(probe)
    share = probe.get("metric", "accuracy") == "accuracy"

    def ahead(other: str) -> int | None:
        """1: better than that row, -1: worse, 0: too close to tell. None: there is no such row."""
        value = probe.get(other)
        if value is None:
            return None
        noise = math.sqrt((trained * (1 - trained) + value * (1 - value)) / rows) if share and rows else 0.0
        noise = noise if share else LUCK_NUMBER
        return int(trained > value + noise) - int(trained < value - noise)

    untrained, raw, majority = (ahead(other) for other in ("untrained", "raw", "majority"))
    few = _few(record.get("few"))
    if few and (raw != 1 or untrained != 1) and untrained != -1:
        return "worth it with few labels", f"{few} With all labels it makes no clear difference: {numbers}"
    if untrained == -1:
        return "worse than untrained", WORSE.format(numbers)
    if majority is not None and majority < 1:
        return "no better than majority", NO_ANSWER.format(numbers)
    if raw is not None and raw < 1:
        return "no better than raw", RAW.format("as well" if raw == 0 else "better", numbers)
    if ahead("supervised") == -1:
        return "plain labels do better", PLAIN.format(_percent(probe["supervised"]) if share else probe["supervised"], numbers)
    if untrained == 0:
        return "no better than untrained", UNTRAINED.format(numbers)
    return ("worth it", WORTH.format(numbers)) if raw or untrained else None


def _broken(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _few(few: Record | None) -> str | None:
    """That with few labels the features beat everything else by more than the spread of the difference, or nothing."""
    if not few:
        return None
    for other in ("raw", "untrained"):
        gains = [a - b for a, b in zip(few["trained"], few[other], strict=True)]
        mean = sum(gains) / len(gains)
        if len(gains) < 2 or mean <= math.sqrt(sum((gain - mean) ** 2 for gain in gains) / (len(gains) - 1)):
            return None
    trained, untrained, raw = (_percent(sum(few[row]) / len(few[row])) for row in ("trained", "untrained", "raw"))
    return (
        f"With {few['per_class']} labels a class the features are worth it: {trained}, untrained {untrained}, raw data {raw}; "
        "draw by draw, more than the spread."
    )


def _numbers(probe: Record) -> str:
    """ "Trained 97.1 %, untrained 95.0 %, on 449 test examples." """
    share = probe.get("metric", "accuracy") == "accuracy"
    words = {"trained": "trained", "untrained": "untrained", "raw": "raw data"}
    words["majority"] = "always the most frequent answer" if share else "always the mean"
    given = [
        f"{word} {_percent(probe[key]) if share else f'r² {probe[key]:.2f}'}"
        for key, word in words.items()
        if probe.get(key) is not None
    ]
    rows = "" if probe.get("n_test") is None else f", on {probe['n_test']} test examples"
    text = f"{', '.join(given)}{rows}."
    return text[:1].upper() + text[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
