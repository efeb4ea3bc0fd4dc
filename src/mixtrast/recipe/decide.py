"""What a request leaves open is decided here, once the data are known, each with its reason."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from mixtrast import encoders, evaluation, methods, mixers, registry, views
from mixtrast.evaluation import Task
from mixtrast.methods import Method
from mixtrast.recipe import cost
from mixtrast.recipe.check import part
from mixtrast.recipe.errors import RecipeError, collected
from mixtrast.recipe.recipe import DEFAULT, OWN, Options, Part, Recipe, Request, Value
from mixtrast.recipe.training import Training
from mixtrast.spec import Image, Series, Spec, Tokens, is_plain

Reasons = dict[str, str]
_ENCODERS = {Image: ("resnet8", "images"), Series: ("resnet1d", "series"), Tokens: ("smalltransformer", "token sequences")}
# Learning rate for each 256 examples of a batch. LARS: Chen et al., SimCLR, arXiv:2002.05709, section 2.2.
_RATES = {"sgd": 0.05, "lars": 0.3, "larc": 0.3}


@dataclass(frozen=True)
class DataSummary:
    """What the decisions need to know of the data.

    Args:
        rows: training examples.
        labelled: how many of them have a label that training may use.
        classes: how many (quantile bins, where the label is a number).
        views: the default views of such data.
        encoder: the default encoder of such data, name and options, where it has one of its own.
        task: what is predicted.
    """

    spec: Spec
    rows: int
    labelled: int
    classes: int
    views: Mapping[str, Options]
    encoder: tuple[str, Options] | None = None
    task: Task = "classes"


def decide(request: Request, data: DataSummary) -> Recipe:
    """Return the full recipe, every option of every part in it, with the reason of each decision.

    Raises: RecipeError with all problems, where the parts do not fit each other or the data.
    """
    method = request.method or Part()
    name, reasons = (method.name, {}) if method.name else _default_method(data)
    kind: type[Method] = registry.find(methods, name)
    found = collected(
        {
            "method": partial(_method, method, name, kind, data),
            "mixer": partial(_mixer, request.mixer, name, kind),
            "encoder": partial(_encoder, request.encoder or Part(), data, kind),
            "views": partial(_views, request.views, data),
            "evaluation": partial(_evaluation, request.evaluation, data),
            "data": partial(_check_data, request.training.get("batch"), name, kind, data),
        }
    )
    parts = {section: found[section][0] for section in ("method", "mixer", "encoder", "views")}
    training, why_training = _training(request.training, parts["method"], parts["encoder"], kind, data)
    chosen, why_chosen = found["evaluation"]
    for each in (*(found[section][1] for section in parts), why_training, why_chosen):
        reasons |= each
    seed = request.seed or 0
    return Recipe(data=request.data, training=training, evaluation=chosen, seed=seed, reasons=reasons, **parts)


# --- method and mixer -----------------------------------------------------------------------------------------------------


def _default_method(data: DataSummary) -> tuple[str, Reasons]:
    name = "mixsupcon" if data.classes >= 2 and data.labelled > data.rows / 2 else "imix"
    reason = f"{data.labelled:,} of {data.rows:,} training examples have a label"
    if not data.labelled:
        reason = "no label is known in training"
    elif data.classes < 2:
        reason = f"{data.labelled:,} training examples have a label, and all the same one"
    return name, {"method": reason}


def _method(requested: Part, name: str, kind: type[Method], data: DataSummary) -> tuple[Part, Reasons]:
    options = dict(_named(requested, "method", methods, name).options)
    reasons: Reasons = {}
    for option, (value, reason) in kind.data_defaults(options, data.rows).items():
        options[option], reasons[f"method.{option}"] = value, reason
    if registry.options(kind).get("depth") and options.get("depth") is None and not is_plain(data.spec):
        options["depth"] = 1
        reasons["method.depth"] = "ids, categories and missing values are mixed as embeddings, not as they are read"
    return Part(name, with_defaults(kind, options)), reasons


def _mixer(requested: Part | None, method: str, kind: type[Method]) -> tuple[Part | None, Reasons]:
    if not _mixes(kind):
        if requested is None:
            return None, {}
        mixing = ", ".join(name for name in methods.names() if _mixes(registry.find(methods, name)))
        raise ValueError(f"method {method} does not mix, but a mixer was given. Leave it out, or use {mixing}.")
    if requested is not None and requested.name == OWN:
        return _present(requested, "mixer"), {}
    own, requested = kind.default_mixer, requested or Part()
    if not requested.name and own is None:
        if requested.options:
            raise ValueError(f"method {method} mixes only where a mixer is named, got options alone. Add --mixer mixup.")
        return None, {}
    reasons = {} if requested.name else {"mixer": f"the one of {method}'s paper"}
    chosen = _named(requested, "mixer", mixers, requested.name or (own.name if own else ""))
    kinds = [registry.find(mixers, one.strip()) for one in chosen.name.split("+")]
    shared = [option for option in registry.options(kinds[0]) if all(option in registry.options(each) for each in kinds)]
    default = {option: value for option, value in (own.options if own else {}).items() if option in shared}
    if "alpha" in chosen.options and "weight" in default and "weight" not in chosen.options:
        raise ValueError(f"method {method} draws λ evenly from mixer.weight {default['weight']}, not by alpha. Set that.")
    options = with_defaults(kinds[0], {**default, **chosen.options})
    return Part(chosen.name, {option: options[option] for option in shared}), reasons


def _mixes(kind: type[Method]) -> bool:
    return registry.takes(kind, "mixer")


# --- encoder and views ----------------------------------------------------------------------------------------------------


def _encoder(requested: Part, data: DataSummary, method: type[Method]) -> tuple[Part, Reasons]:
    if requested.name == OWN:
        return _present(requested, "encoder"), {}
    reasons: Reasons = {}
    name, options = requested.name, dict(requested.options)
    if not name:
        name, own, reasons["encoder"] = _default_encoder(data, method)
        options = {**own, **_named(requested, "encoder", encoders, name).options}
    elif data.encoder is not None and name.startswith(data.encoder[0]):
        options = {**data.encoder[1], **options}  # what the encoder must know of the data
    kind, preset = registry.resolve(encoders, name)
    return Part(name, with_defaults(kind, {**preset, **options})), reasons


def _default_encoder(data: DataSummary, method: type[Method]) -> tuple[str, Options, str]:
    """Name, options, and reason."""
    if method.prefers_transformer:
        return "smalltransformer", {}, f"{method.__name__} works on tokens"
    if data.encoder is not None:
        return *data.encoder, "default for such data"
    name, what = _ENCODERS.get(type(data.spec), ("mlp", "tables"))
    return name, {}, f"default for {what}"


def _views(requested: Mapping[str, Part] | None, data: DataSummary) -> tuple[dict[str, Part], Reasons]:
    reasons = {"views": "default for such data"} if requested is None else {}
    requested = {name: Part(name, options) for name, options in data.views.items()} if requested is None else requested
    chosen = {
        name: _present(view, f"view {name}")
        if view.name == OWN
        else Part(name, with_defaults(registry.find(views, name), {**data.views.get(name, {}), **view.options}))
        for name, view in requested.items()
    }
    if any(getattr(data.spec, "levels", ())) and (wrong := [name for name, view in chosen.items() if not _for_codes(view)]):
        raise RecipeError(
            [
                f"view {name} changes numbers, and this table has categories. Use swap, mask with fill .nan, or none."
                for name in wrong
            ]
        )
    return chosen, reasons


def _for_codes(view: Part) -> bool:
    """Whether a view is good for codes of categories, which are no numbers."""
    fill: Any = view.options.get("fill", 0.0)
    return view.name in (OWN, "swap") or (view.name == "mask" and fill != fill)


# --- training and evaluation ----------------------------------------------------------------------------------------------


def _training(
    requested: Options, method: Part, encoder: Part, kind: type[Method], data: DataSummary
) -> tuple[Training, Reasons]:
    found: dict[str, Any] = with_defaults(Training, requested)
    rows, reasons = _rows(kind, data), Reasons()
    splits: Any = method.options.get("splits") or 1
    price = cost.per_example(encoder, data.spec, found["device"])
    if found["batch"] is None:
        found["batch"], reasons["training.batch"] = _batch(rows, splits, cost.most(price))
    if found["epochs"] is None and found["steps"] is None:
        steps, reasons["training.epochs"] = cost.steps_for(price, found["batch"])
        found["epochs"] = max(1, round(steps / max(1, rows // found["batch"])))
    if found["lr"] is None:
        found["lr"], reasons["training.lr"] = _rate(found["optimizer"], found["batch"], encoder)
    if found["log_every"] is None:
        found["log_every"] = max(1, round(steps_of(Training.of(found), rows) / 100))
        reasons["training.log_every"] = "some 100 lines in all"
    return Training.of(found), reasons


def _batch(rows: int, splits: int, most: int) -> tuple[int, str]:
    """Equal batches that leave out few rows; with splits, a multiple of them, and of as many for half as many mixtures."""
    parts = max(1, math.ceil(rows / most))
    batch = max(2, rows // parts)
    reason = f"{rows:,} training examples in {parts:,} equal batches of at most {most}"
    reason += "" if most == cost.BATCH else ": small ones, for more steps at the same cost"
    if splits > 1:
        batch = max(2, rows // parts // (2 * splits)) * 2 * splits if rows >= 4 * splits else batch
        reason += f", a multiple of {splits}"
    return batch, reason


def _rate(optimizer: str, batch: int, encoder: Part) -> tuple[float, str]:
    if optimizer in _RATES:
        each = _RATES[optimizer]
        return each * batch / 256, f"{each} for each 256 examples of a batch"
    kind = encoders.Encoder if encoder.name == OWN else registry.find(encoders, encoder.name)
    return kind.lr, "default for such encoders"


def steps_of(training: Training, rows: int) -> int:
    """Return how many steps a decided training has: as it says, or its epochs in batches of these rows."""
    return training.steps or (training.epochs or 1) * max(1, rows // (training.batch or 1))


def chosen_evaluations(requested: Mapping[str, Options], spec: Spec, task: Task) -> dict[str, Options]:
    """Return evaluations by name, with all their options; "default" among the names stands for the default ones of such data.

    Raises: RecipeError where one that was named cannot be computed on such data.
    """
    if problems := evaluation.refusals([name for name in requested if name != DEFAULT], spec, task):
        raise RecipeError(problems)
    default = evaluation.default_evaluations(spec, task)
    names = [each for name in requested for each in (default if name == DEFAULT else (name,))]
    return {name: with_defaults(registry.find(evaluation, name), requested.get(name, {})) for name in dict.fromkeys(names)}


def _evaluation(requested: Mapping[str, Options] | None, data: DataSummary) -> tuple[dict[str, Options], Reasons]:
    requested = {DEFAULT: {}} if requested is None else requested
    reasons = {"evaluation": "all that apply to such data"} if DEFAULT in requested else {}
    return chosen_evaluations(requested, data.spec, data.task), reasons


def _rows(kind: type[Method], data: DataSummary) -> int:
    return data.labelled if kind.labelled_only else data.rows


def _check_data(batch: Value, name: str, kind: type[Method], data: DataSummary) -> None:
    """Whether there are the labels and the examples that the method needs. Raises: RecipeError."""
    rows, problems = _rows(kind, data), []
    if rows < 2 and not (kind.labelled_only and not rows):
        problems.append(f"training takes two examples or more, and there are {rows}.")
    if isinstance(batch, int) and batch > rows:
        problems.append(f"`batch` must be at most the {rows:,} training examples, got {batch:,}. Leave it out.")
    if kind.uses_labels and not (data.labelled and data.classes >= 2):
        without = ", ".join(name for name in methods.names() if not registry.find(methods, name).uses_labels)
        lack = "there is only one" if data.labelled else "no training example has a label"
        problems.append(f"method {name} tells classes apart, but {lack}. Name them with --label, or use one of {without}.")
    if problems:
        raise RecipeError(problems)


# --- parts ----------------------------------------------------------------------------------------------------------------


def _named(requested: Part, section: str, package: ModuleType, name: str) -> Part:
    """The part by that name. Options that were given without a name are checked now that it is known."""
    return requested if requested.name else part(section, package, name, requested.options)


def _present(requested: Part, section: str) -> Part:
    """The caller's own object, which a file cannot hold. Raises: ValueError where it is not there."""
    if requested.instance is None:
        raise ValueError(f"{section} was an object of your own, {requested.options.get('made')}. Give it again: {section}=...")
    return requested


def with_defaults(kind: type[Any], options: Options) -> dict[str, Value]:
    """Return all options of a class, at their defaults where they are not given."""
    return {name: options.get(name, p.default) for name, p in registry.options(kind).items()}
