"""What a report says of the data: sizes, labels, split, examples of each class."""

from collections.abc import Iterator

from mixtrast.records import DataRecord

SIZES = {"examples": "examples", "train": "training examples", "val": "validation examples", "test": "test examples"}


def data_pairs(data: DataRecord, own_splits: bool) -> Iterator[tuple[str, str]]:
    """Name and value of each fact; `own_splits`: every seed has its own split."""
    if data.spec:
        rest = ", ".join(f"{key} {value}" for key, value in data.spec.items() if key != "kind")
        yield "example", f"{str(data.spec.get('kind', 'a tensor')).lower()}{': ' if rest else ''}{rest}"
    several = ", several for an example" if data.multilabel else ""
    tasks = {"classes": f"{len(data.classes)} classes{several}" if data.classes else "classes", "number": "a number"}
    if data.task:
        yield "labels", tasks.get(data.task, "none")
    yield from ((name, f"{size:,}") for key, name in SIZES.items() if (size := getattr(data, key)) is not None)
    if data.unlabelled is not None:
        yield "training examples without a label", f"{data.unlabelled:,}"
    if data.task in tasks:
        yield "labels the run may use", "all" if data.labels_per_class is None else f"{data.labels_per_class:,} per class"
    if data.labels_used is not None:
        yield "labels used in training", f"{data.labels_used:,}"
    if data.split:
        yield "split", data.split + (" (of the first seed; each has its own)" if own_splits else "")


def class_counts(data: DataRecord) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Class and its examples in each split, and the splits."""
    splits = list(data.counts)
    rows = max((len(counts) for counts in data.counts.values()), default=0)
    names = [data.classes[at] if at < len(data.classes) else f"class {at}" for at in range(rows)]
    return [(name, [_count(data.counts[split], at) for split in splits]) for at, name in enumerate(names)], splits


def _count(counts: tuple[int, ...], at: int) -> str:
    return f"{counts[at]:,}" if at < len(counts) else "–"
