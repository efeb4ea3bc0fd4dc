from __future__ import annotations

import math
from typing import Any

Record = dict[str, Any]
Verdict = tuple[str, str]

LEARNED = 0.05  # of the way from chance to the floor: below that a loss has not left chance
FEW_DIRECTIONS = 2.0  # effective rank of features that have collapsed
ALIKE = -0.05  # uniformity: a mean squared distance of 0.025 between unit rows, a cosine of 0.99
KEPT = 0.5  # of the gain on training examples must also be there on others
SURE = 2.0  # standard errors: a smaller difference may be the luck of which examples were drawn
LUCK_NUMBER = 0.02  # r² where the number of test examples is not known: a smaller difference is not told apart
FEW_STEPS = 100  # of training: with fewer, nothing but that is to be said against a method

GRAVITY = (
    "diverged",
    "collapsed",
    "identifier",
    "too early",
    "at chance",
    "stuck",
    "worse than untrained",
    "memorising",
    "no better than majority",
    "no better than raw",
    "no better than untrained",
    "trees do as well",
    "convolutions do as well",
    "plain labels do better",
    "learning",
    "worth it with few labels",
    "worth it",
)


WORTH_IT = ("worth it", "worth it with few labels")

EARLY = (
    "Training took only {}: too few to judge the method by. Train for longer (--epochs) before anything else is changed; some "
    "thousand steps are usual."
)
IDENTIFIER = (
    "A column may give the answer away: {} Where rows are sorted, who a row is tells its label, and every score here, that of "
    "the raw data too, may come from it. Leave it out and train again."
)
WORSE = "Training has made the features worse than those of the same encoder with random weights. {}"
NO_ANSWER = "With the features a simple model does {} the answer that needs no features{}. {}"
RAW = "A simple model does better on your data as they are: the features do not pay here. {}"
NOT_RAW = "A simple model does no better on the features than on your data as they are{}. {}"
UNTRAINED = "Training has shown no gain over the same encoder with random weights{}. {}"
PLAIN = (
    "The features are better than what you had, but the same encoder trained with plain labels does better still: {}. {} Where "
    "all rows have labels, take --method supervised; mixing and contrast pay when labels are few or missing."
)
TUNED = ("finetune", "dabs")  # say nothing of features as they are, or too little
# Evaluations of raw input that are hard to beat: the verdict, and what they are.
BASELINES = {
    "boosting": ("trees do as well", "Boosted trees"),
    "convolutions": ("convolutions do as well", "Random convolutions"),
}
BASELINE = (
    "{} on your data as they are {} ({}): {} Where all rows have labels, use those; mixing and contrast pay when "
    "labels are few or missing, or where features are wanted that other programs can use."
)
WORTH = "{} features are worth it: a simple model does better on them than on anything it was compared with. {}"
ADVICE = {
    "worse than untrained": (
        "What the encoder is asked to learn does not fit the labels: views or mixing may wipe out what tells the classes "
        "apart. Make them milder."
    ),
    "no better than majority": (
        "Either the inputs do not hold the answer, or labels are wrong or too few: check how rows and labels were matched, and "
        "label more."
    ),
    "no better than raw": "Train for longer or on more unlabelled examples, try other views, or keep the raw data.",
    "no better than untrained": "Train for longer, or try stronger views or another method.",
}
EARLY_ADVICE = "Train for longer first."


def diagnose(record: Record) -> list[dict[str, str]]:
    """What the numbers of a run mean, in plain words: [{"verdict", "says"}], the gravest first. Pure, and no number is needed.

    Args:
        record: what is missing, None or NaN is not judged.
            loss: mean of the last tenth of training (else `loss_last`, its last value); loss_first: at the start; chance: its
            value when nothing is learned; floor: the lowest it can be; warmup_done: False before the learning rate has
            reached its height; steps: how many training took.
            rank, rank_untrained, dim: effective rank of the encoder's features, before training, and how many there are.
            uniformity, alignment: of the embeddings.
            gain_train, gain_val: chance less loss, on examples trained on (a mean over batches) and on as many others;
            gain_train_before, gain_val_before: before training, 0 if not known; gain_margin: how far one more such batch may
            be from that mean.
            probes: {name: {"metric": "accuracy" or "r2", "trained", "untrained", "raw", "majority", "n_test"}}; of several,
            "linear" is judged, else the first.
            few: {"per_class", "trained", "untrained", "raw"}: accuracies with few labels, a list of draws each, the same draws.
            warned: sentences about columns that look like an identifier.

    Verdicts: "learning": the loss has gone 5 % of the way from chance to the floor (0 where the floor is not known), else "at
    chance", "stuck" if it was as low at the start. "too early": before warm-up is done, and with fewer than 100 steps where
    the features are not worth it; then the only advice is to train for longer. "diverged": a number is not finite.
    "collapsed": features have an effective rank below 2 (of more than 4), or a uniformity above -0.05. "memorising": less than
    half of the gain on training examples, and of what training added to it, is there on others, and more than `gain_margin`
    of what it added is missing. "identifier": as warned. The probe: "worth it", "worse than untrained", "no better than
    untrained", "... raw", "... majority", "trees do as well" (`boosting`, its row "raw"), "convolutions do as well" (likewise),
    "plain labels do better" (its row "supervised"), or "worth it with few labels" (`few`).

    Two scores p and q on n test examples are told apart by two standard errors of their difference as if each had examples
    of its own: √(p(1-p)/n + q(1-q)/n) of accuracies, √(2/n) √((1-p)² + (1-q)²) of r² with normal errors; the majority is a
    constant and has none. Less than one example counts for nothing, and "no better" means that no more was shown.
    """
    record = record | {key: None for key, value in record.items() if _broken(value) and not key.startswith("loss")}
    judges = (_loss, _collapse, _memory, _identifier, _probe)
    found = [verdict for judge in judges if (verdict := judge(record)) is not None]
    if _early(record) and not {name for name, _ in found} & {*WORTH_IT, "too early"}:
        steps = record["steps"]
        found.append(("too early", EARLY.format("1 step" if steps == 1 else f"{steps} steps")))
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


def _early(record: Record) -> bool:
    return record.get("steps") is not None and record["steps"] < FEW_STEPS


def _identifier(record: Record) -> Verdict | None:
    return ("identifier", IDENTIFIER.format(" ".join(record["warned"]))) if record.get("warned") else None


def _memory(record: Record) -> Verdict | None:
    ours, theirs, margin, chance = (record.get(key) for key in ("gain_train", "gain_val", "gain_margin", "chance"))
    if ours is None or theirs is None or margin is None:
        return None
    added, elsewhere = ours - (record.get("gain_train_before") or 0.0), theirs - (record.get("gain_val_before") or 0.0)
    if added <= LEARNED * abs(chance if chance is not None else 1.0) or theirs >= KEPT * ours or elsewhere >= KEPT * added:
        return None
    if added - elsewhere <= margin:
        return None
    return "memorising", (
        f"On the examples it was trained on, the encoder is {ours:.2f} better than chance, on others only {theirs:.2f}, and "
        f"training has added {added:.2f} to the one and {elsewhere:.2f} to the other: it learns them by heart. Use more "
        "examples, stronger views or mixing, a smaller encoder, or stop earlier."
    )


def _probe(record: Record) -> Verdict | None:
    probes = record.get("probes") or {}
    of_features = (probe for name, probe in probes.items() if name not in TUNED and probe.get("trained") is not None)
    found = probes.get("linear") or next(of_features, None)
    if not found or found.get("trained") is None or _broken(found["trained"]):
        return None
    strong = {name: probes[name]["raw"] for name in BASELINES if (probes.get(name) or {}).get("raw") is not None}
    probe: Record = {**found, **strong}
    trained, rows, numbers = probe["trained"], probe.get("n_test"), _numbers(probe)
    share = probe.get("metric", "accuracy") == "accuracy"

    def ahead(other: str) -> int | None:
        """1: better than that row, -1: worse, 0: too close to tell. None: there is no such row."""
        value = probe.get(other)
        if value is None:
            return None
        noise = _noise(probe, other)
        return int(trained > value + noise) - int(trained < value - noise)

    def far(other: str) -> str:
        """How much a tie with that row says."""
        if ahead(other) != 0 or not rows:
            return ""
        noise = _noise(probe, other)
        size = f"{100 * noise:.1f} points" if share else f"{noise:.2g} of r²"
        return f", as far as {rows:,} test examples can tell (two standard errors: {size})"

    def told(name: str, says: str) -> Verdict:
        return name, f"{says} {EARLY_ADVICE if _early(record) else ADVICE[name]}"

    untrained, raw, majority = (ahead(other) for other in ("untrained", "raw", "majority"))
    few = _few(record.get("few"), rows)
    if few and (raw != 1 or untrained != 1) and untrained != -1:
        return "worth it with few labels", f"{few} With all labels it makes no clear difference: {numbers}"
    if untrained == -1:
        return told("worse than untrained", WORSE.format(numbers))
    if majority is not None and majority < 1:
        than = "worse than" if majority < 0 else "no better than"
        return told("no better than majority", NO_ANSWER.format(than, far("majority"), numbers))
    if raw is not None and raw < 1:
        return told("no better than raw", RAW.format(numbers) if raw < 0 else NOT_RAW.format(far("raw"), numbers))
    for name, value in strong.items():
        if ahead(name) != 1:
            verdict, who = BASELINES[name]
            better = "do better" if ahead(name) == -1 else "do as well"
            return verdict, BASELINE.format(who, better, _percent(value) if share else f"r² {value:.2f}", numbers)
    if ahead("supervised") == -1:
        return "plain labels do better", PLAIN.format(_percent(probe["supervised"]) if share else probe["supervised"], numbers)
    if untrained == 0:
        return told("no better than untrained", UNTRAINED.format(far("untrained"), numbers))
    if raw is None and untrained is None:
        return None
    return "worth it", WORTH.format("With all labels the" if record.get("few") else "The", numbers)


def _noise(probe: Record, other: str) -> float:
    """By how much a score must differ from that row's to be told apart."""
    rows, share = probe.get("n_test"), probe.get("metric", "accuracy") == "accuracy"
    if not rows:
        return 0.0 if share else LUCK_NUMBER
    of = [probe["trained"], *([probe[other]] if other != "majority" else [])]
    error = math.sqrt(sum(p * (1 - p) if share else 2 * (1 - p) ** 2 for p in of) / rows)
    return max(SURE * error, 1 / rows if share else 0.0)


def _broken(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _few(few: Record | None, rows: int | None) -> str | None:
    """That with few labels the features beat everything else by more than the spread and the choice of examples, or nothing."""
    if not few:
        return None
    means = {row: sum(few[row]) / len(few[row]) for row in ("trained", "untrained", "raw")}
    for other in ("raw", "untrained"):
        gains = [a - b for a, b in zip(few["trained"], few[other], strict=True)]
        mean, noise = sum(gains) / len(gains), _noise({**means, "n_test": rows}, other)
        if len(gains) < 2 or mean <= max(noise, math.sqrt(sum((gain - mean) ** 2 for gain in gains) / (len(gains) - 1))):
            return None
    trained, untrained, raw = (_percent(means[row]) for row in ("trained", "untrained", "raw"))
    return (
        f"With {few['per_class']} labels a class the features are worth it: {trained}, untrained {untrained}, raw data {raw}; "
        "draw by draw, more than the spread."
    )


def _numbers(probe: Record) -> str:
    """ "Trained 97.1 %, untrained 95.0 %, on 449 test examples." """
    share = probe.get("metric", "accuracy") == "accuracy"
    words = {"trained": "trained", "untrained": "untrained", "raw": "raw data"}
    words["majority"] = "always the most frequent answer" if share else "always the mean"
    if probe.get("several"):
        words["majority"] = "always the same answer"
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
