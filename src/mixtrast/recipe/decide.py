"""What a recipe leaves open is decided here, once the data are known, each with its reason."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mixtrast import encoders, methods, mixers, registry, views
from mixtrast.recipe import cost
from mixtrast.recipe.check import USUAL, RecipeError
from mixtrast.recipe.check import part as checked
from mixtrast.recipe.training import Training
from mixtrast.spec import Image, Series, Spec, Tokens, is_plain


@dataclass(frozen=True)
class Facts:
    """What the data say.

    Args:
        rows: training examples.
        labelled: how many of them have a label that training may see.
        classes: how many (quantile bins, where the label is a number).
        views: the domain's default views.
        encoder: the domain's own default encoder, name and options, where it has one.
    """

    spec: Spec
    rows: int
    labelled: int
    classes: int
    views: Mapping[str, Mapping[str, Any]]
    encoder: tuple[str, Mapping[str, Any]] | None = None


def decide(given: Mapping[str, Any], facts: Facts, evaluations: ModuleType) -> tuple[dict[str, Any], dict[str, str]]:
    """The full recipe, every option of every part in it, and the reason of each decision.

    Args:
        given: from `check`.

    Raises: RecipeError where the parts do not go together or not with the data, all problems at once.
    """
    why: dict[str, str] = {}
    problems: list[str] = []
    method = _method(given.get("method", {}), facts, why, problems)
    kind = registry.find(methods, method["name"])
    encoder = _encoder(given.get("encoder", {}), facts, kind, why, problems)
    recipe = {
        "data": dict(given["data"]),
        "method": method,
        "mixer": _mixer(given.get("mixer"), kind, method["name"], why, problems),
        "encoder": encoder,
        "views": _views(given.get("views"), facts, why, problems),
        "training": _training(given["training"], method, encoder, facts, kind, why, problems),
        "evaluation": _evaluation(given.get("evaluation"), facts.spec, evaluations, why),
        "seed": given["seed"],
    }
    _fits(kind, method["name"], facts, problems)
    if problems:
        raise RecipeError(problems)
    return recipe, why


def _method(part: Mapping[str, Any], facts: Facts, why: dict[str, str], problems: list[str]) -> dict[str, Any]:
    part = dict(part)
    name = part.pop("name", None)
    if name is None:
        enough = facts.classes >= 2 and facts.labelled > facts.rows / 2
        name = "mixsupcon" if enough else "imix"
        share = f"{facts.labelled:,} of {facts.rows:,} training examples have a label"
        one = f"{facts.labelled:,} training examples have a label, and all the same one"
        why["method"] = "no label is known in training" if not facts.labelled else one if facts.classes < 2 else share
        part = _unnamed("method", methods, name, part, problems)
    kind = registry.find(methods, name)
    for option, (value, reason) in kind.usual(part, facts.rows).items():
        part[option], why[f"method.{option}"] = value, reason
    if registry.options(kind).get("depth") and part.get("depth") is None and not is_plain(facts.spec):
        part["depth"] = 1
        why["method.depth"] = "ids, categories and missing values are mixed as embeddings, not as they are read"
    return {"name": name, **full(kind, part)}


def _mixer(part: Any, kind: type[Any], method: str, why: dict[str, str], problems: list[str]) -> Any:
    default = dict(kind.mixing or {})
    if not _mixes(kind):
        if part is not None:
            mixing = [name for name in methods.names() if _mixes(registry.find(methods, name))]
            problems.append(f"method {method} does not mix, but a mixer was given. Leave it out, or use {', '.join(mixing)}.")
        return None
    if part is not None and not isinstance(part, Mapping):
        return part  # an object of the user's own
    part = dict(part or {})
    name = part.pop("name", None)
    if name is None:
        name = default.get("name")
        if name is None:
            if part:
                problems.append(f"method {method} mixes only where a mixer is named, got options alone. Add --mixer mixup.")
            return None
        why["mixer"] = f"the one of {method}'s paper"
        part = _unnamed("mixer", mixers, name, part, problems)
    kinds = [registry.find(mixers, one.strip()) for one in str(name).split("+")]
    usual = {key: value for key, value in default.items() if key != "name" and all(key in registry.options(k) for k in kinds)}
    if "alpha" in part and "weight" in usual and "weight" not in part:
        low, high = usual["weight"]
        problems.append(f"method {method} draws its shares evenly from --mixer.weight {low},{high}, not by alpha. Set that.")
    shared = {
        key: value for key, value in full(kinds[0], {**usual, **part}).items() if all(key in registry.options(k) for k in kinds)
    }
    return {"name": name, **shared}


def _unnamed(section: str, room: ModuleType, name: str, part: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Options that were given without a name, checked now that it is known."""
    found = checked(section, room, {"name": name, **part}, problems)
    return {key: value for key, value in found.items() if key != "name"}


def _encoder(part: Any, facts: Facts, method: type[Any], why: dict[str, str], problems: list[str]) -> Any:
    if not isinstance(part, Mapping):
        return part  # a module of the user's own
    part = dict(part)
    name = part.pop("name", None)
    if name is None:
        name = {Image: "resnet8", Series: "resnet1d", Tokens: "smalltransformer"}.get(type(facts.spec), "mlp")
        spec, kind = facts.spec, type(facts.spec).__name__.lower()
        why["encoder"] = f"the usual one for {'an' if kind[0] in 'aeiou' else 'a'} {kind} of shape {spec.shape}"
        if method.on_tokens:
            name, why["encoder"] = "smalltransformer", f"{method.__name__} is about tokens"
        elif facts.encoder is not None:
            (name, own), why["encoder"] = facts.encoder, "the usual one for such data"
            part = {**own, **part}
        part = _unnamed("encoder", encoders, name, part, problems)
    elif facts.encoder is not None and name.startswith(facts.encoder[0]):
        part = {**facts.encoder[1], **part}  # what the encoder must know of the data
    made, preset = registry.resolve(encoders, name)
    return {"name": name, **full(made, preset | part)}


def _views(given: Mapping[str, Any] | None, facts: Facts, why: dict[str, str], problems: list[str]) -> dict[str, Any]:
    if given is None:
        why["views"] = "the usual ones for such data"
        given = facts.views
    if any(getattr(facts.spec, "levels", ())):  # codes are no numbers
        for name, options in given.items():
            fill = {**facts.views.get(name, {}), **options}.get("fill", 0.0) if isinstance(options, Mapping) else math.nan
            if isinstance(options, Mapping) and name != "swap" and not (name == "mask" and fill != fill):
                problems.append(
                    f"view {name} changes numbers, and this table has categories. Use swap, mask with fill nan, or none."
                )
    return {
        name: options
        if not isinstance(options, Mapping)
        else full(registry.find(views, name), {**facts.views.get(name, {}), **options})
        for name, options in given.items()
    }


def _training(
    given: Mapping[str, Any],
    method: Mapping[str, Any],
    encoder: Any,
    facts: Facts,
    kind: type[Any],
    why: dict[str, str],
    problems: list[str],
) -> dict[str, Any]:
    found, splits = full(Training, given), method.get("splits") or 1
    rows = facts.labelled if kind.labelled_only else facts.rows
    if rows < 2 and not (kind.labelled_only and not rows):
        problems.append(f"training takes two examples or more, and there are {rows}.")
    price = cost.per_example(encoder, facts.spec, found["device"])
    if found["batch"] is None:
        most = cost.most(price)
        parts = max(1, math.ceil(rows / most))
        found["batch"] = max(2, rows // parts)
        why["training.batch"] = f"{rows:,} training examples in {parts:,} like batches of at most {most}"
        why["training.batch"] += "" if most == cost.BATCH else ": small ones, for more steps at the same cost"
        if splits > 1:  # and of half as many mixtures beside them
            found["batch"] = max(2, rows // parts // (2 * splits)) * 2 * splits if rows >= 4 * splits else found["batch"]
            why["training.batch"] += f", in whole parts of {splits}"
    elif found["batch"] > rows:
        problems.append(f"`batch` must be at most the {rows:,} training examples, got {found['batch']:,}. Leave it out.")
    if found["epochs"] is None and found["steps"] is None:
        steps, why["training.epochs"] = cost.steps_for(price, found["batch"])
        found["epochs"] = max(1, round(steps / max(1, rows // found["batch"])))
    if found["lr"] is None:
        usual = {"sgd": 0.05, "lars": 0.3, "larc": 0.3}  # LARS: Chen et al., SimCLR, arXiv:2002.05709, section 2.2
        each = usual.get(found["optimizer"])
        maker = registry.resolve(encoders, encoder["name"])[0] if isinstance(encoder, Mapping) else encoders.Encoder
        found["lr"] = maker.lr if each is None else each * found["batch"] / 256
        why["training.lr"] = "the usual one of such encoders" if each is None else f"{each} for each 256 examples of a batch"
    if found["log_every"] is None:
        found["log_every"] = max(1, round(steps_of(found, rows) / 100))
        why["training.log_every"] = "some 100 lines in all"
    return found


def steps_of(training: Mapping[str, Any], rows: int) -> int:
    """How many steps the run has: as said, or the epochs in whole batches of these many rows."""
    return int(training["steps"] or training["epochs"] * max(1, rows // training["batch"]))


def chosen_evaluations(given: Mapping[str, Any], spec: Spec, room: ModuleType) -> dict[str, dict[str, Any]]:
    """Evaluations by name, with all their options; "usual" among the names are all that suit such data."""
    suit = [name for name in registry.names(room) if getattr(registry.find(room, name), "suits", lambda _: True)(spec)]
    names = [each for name in given for each in (suit if name == USUAL else (name,))]
    return {name: full(registry.find(room, name), given.get(name, {})) for name in dict.fromkeys(names)}


def _evaluation(given: Mapping[str, Any] | None, spec: Spec, room: ModuleType, why: dict[str, str]) -> dict[str, Any]:
    if given is None or USUAL in given:
        why["evaluation"] = "all that suit such data"
    return chosen_evaluations({USUAL: {}} if given is None else given, spec, room)


def _fits(kind: type[Any], method: str, facts: Facts, problems: list[str]) -> None:
    """Whether there are the labels that the method needs."""
    if not kind.uses_labels or (facts.labelled and facts.classes >= 2):
        return
    without = ", ".join(name for name in methods.names() if not registry.find(methods, name).uses_labels)
    lack = "there is only one" if facts.labelled else "no training example has a label"
    problems.append(f"method {method} tells classes apart, but {lack}. Name them with --label, or use one of {without}.")


def full(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a class, those not given at their defaults: what a run keeps."""
    return {name: given.get(name, p.default) for name, p in registry.options(kind).items() if name != "mixer"}


def _mixes(method: type[Any]) -> bool:
    return "mixer" in inspect.signature(method).parameters
