"""results.json of the first edition (version 1), with the keys and names of version 2."""

from collections.abc import Mapping

from mixtrast.records._json import Json, items, mapping

_EVALUATIONS = {  # title, phrase and kind, which version 1 did not write
    "linear": ("linear probe", "a linear probe", "probe"),
    "knn": ("kNN", "a kNN probe", "probe"),
    "boosting": ("boosted trees", "boosted trees on raw input", "baseline"),
    "convolutions": ("random convolutions", "random convolutions of raw input", "baseline"),
    "finetune": ("fine-tuned", "fine-tuning", "finetune"),
    "dabs": ("DABS probe", "the DABS probe", "weak probe"),
    "labels": ("few labels", "a linear probe", "curve"),
}
_DATA = {"several": "multilabel", "labels_granted": "labels_per_class", "labels_seen": "labels_used"}
_RUN = {"elsewhere": "other_data", "evaluation": "evaluations"}
_VERDICTS = {
    "identifier": "possible leak",
    "stuck": "no progress",
    "worse than untrained": "worse than before training",
    "memorising": "overfitting",
    "no better than raw": "no better than raw input",
    "no better than untrained": "no better than before training",
    "trees do as well": "no better than baseline",
    "convolutions do as well": "no better than baseline",
    "plain labels do better": "worse than supervised",
    "worth it with few labels": "better with few labels",
    "worth it": "better than baselines",
}


def migrated(written: Mapping[str, Json]) -> dict[str, Json]:
    """The same content with the keys of version 2."""
    found = {_RUN.get(key, key): value for key, value in _measured(written).items()}
    return {**found, "other_data": {key: _measured(mapping(value)) for key, value in mapping(written.get("elsewhere")).items()}}


def _measured(written: Mapping[str, Json]) -> dict[str, Json]:
    """Data and evaluations, of the run's own data or of others."""
    options, probes = mapping(written.get("evaluation")), mapping(written.get("probes"))
    there = {**options, **probes, **({"labels": None} if written.get("labels") else {})}
    names = [name for name in dict.fromkeys([*_EVALUATIONS, *there]) if name in there]
    return {
        **written,
        "diagnosis": [_verdict(mapping(each)) for each in items(written.get("diagnosis"))],
        "data": {_DATA.get(key, key): value for key, value in mapping(written.get("data")).items()},
        "evaluations": {name: _evaluation(name, mapping(options.get(name))) for name in names},
    }


def _verdict(written: Mapping[str, Json]) -> dict[str, Json]:
    return {**written, "verdict": _VERDICTS.get(str(written.get("verdict")), written.get("verdict"))}


def _evaluation(name: str, options: Mapping[str, Json]) -> dict[str, Json]:
    title, phrase, kind = _EVALUATIONS.get(name, (name, name, "probe"))
    order = [*_EVALUATIONS, name].index(name)
    return {"title": title, "phrase": phrase, "kind": kind, "order": order, "options": options}
