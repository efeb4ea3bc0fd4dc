"""The two common kinds of evaluation: probes of features, and evaluations of the examples themselves."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from mixtrast.encoders import Encoder
from mixtrast.evaluation._contract import Context, Evaluation, Task
from mixtrast.evaluation._examples import Examples
from mixtrast.evaluation._features import Features, FeatureSplit
from mixtrast.evaluation._multilabel import score_each_label
from mixtrast.evaluation._score import Array, score
from mixtrast.records import Score
from mixtrast.spec import Spec


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """A probe after fitting; predict: (N,D) standardised -> (N,); choice: of its options, on validation."""

    predict: Callable[[Array], Array]
    choice: Score

    def score(self, test: FeatureSplit, classes: int) -> Score:
        """The scores of test, with the choice."""
        found = score(test.label, self.predict(test.features), classes)
        return replace(self.choice, values={**found.values, **self.choice.values}, examples=found.examples)


class FeatureProbe(Evaluation):
    """Base of probes of features. They are fitted on train and chosen on val; `fit` never sees test."""

    def __call__(self, features: Features, *, seed: int) -> Score:
        """The scores of test: accuracy and balanced accuracy, or r² and mean absolute error, and what was chosen."""
        if not isinstance(features, Features):
            raise TypeError(f"{type(self).__name__} takes `Features`, got {type(features).__name__}. Use `Features.of(...)`.")
        train, val, test = features.scaled()
        return self.fit(train, val, classes=features.classes, seed=seed).score(test, features.classes)

    @abstractmethod
    def fit(self, train: FeatureSplit, val: FeatureSplit, *, classes: int, seed: int) -> FittedProbe:
        """Fit on train and choose on val, both standardised; val may be empty."""

    def fit_score(self, context: Context) -> dict[str, Score]:
        probe = partial(self, seed=context.seed)

        def compute(row: str) -> Score:
            features = context.features[row]
            return probe(features) if context.label_sets is None else score_each_label(probe, features, context.label_sets)

        return context.each_row(self, compute)


class ExampleProbe(Evaluation):
    """Base of evaluations that need the examples and the encoder. They predict test once, and leave the encoder as it was."""

    rows: ClassVar[tuple[str, ...]]

    @staticmethod
    def applies_to(spec: Spec, task: Task) -> bool:
        return False

    @staticmethod
    def refusal(spec: Spec, task: Task) -> str:
        return "it needs one class per example, and here examples have several" if task == "multilabel" else ""

    @abstractmethod
    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> Score:
        """The scores of test, and what was chosen. `encoder`: None for raw input."""

    def fit_score(self, context: Context) -> dict[str, Score]:
        def compute(row: str) -> Score:
            return self(context.examples, context.encoders.get(row), seed=context.seed)

        # Not only features count: an encoder's dropout, for one, is off where features are computed.
        return context.each_row(self, compute, key=lambda row: repr(context.encoders.get(row)))
