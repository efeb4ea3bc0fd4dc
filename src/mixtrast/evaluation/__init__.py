"""Evaluations of features: probes, baselines and the label-efficiency curve. One file each; the file name is the name.

    features = Features.of(train=(z, y), val=..., test=..., classes=10)     features that are computed already, and labels
    linear(features, seed=0).values                                         {"accuracy": 0.97, "balanced_accuracy": ...}

The rules are the same for every row of a table, trained, untrained or raw: features are standardised with training statistics,
options are chosen for each row on the validation split over a wide grid, or by cross-validation within the training labels
where there is none, and the test split is predicted and scored once, after that: fitting never sees it. The majority-class
baseline is always computed too. `diagnose` explains the numbers of a run; `tsne` draws a map.

A new evaluation is one file with a subclass of `FeatureProbe`, `ExampleProbe` or `Evaluation`; nothing else names it.
"""

from mixtrast import registry
from mixtrast.evaluation._contract import Cache as Cache
from mixtrast.evaluation._contract import Context as Context
from mixtrast.evaluation._contract import Evaluation as Evaluation
from mixtrast.evaluation._contract import Task as Task
from mixtrast.evaluation._diagnosis import diagnose as diagnose
from mixtrast.evaluation._evaluate import Measured as Measured
from mixtrast.evaluation._evaluate import default_evaluations as default_evaluations
from mixtrast.evaluation._evaluate import evaluate as evaluate
from mixtrast.evaluation._evaluate import get as get
from mixtrast.evaluation._evaluate import own_data_only as own_data_only
from mixtrast.evaluation._evaluate import progress_steps as progress_steps
from mixtrast.evaluation._evaluate import refusals as refusals
from mixtrast.evaluation._evaluate import task_of as task_of
from mixtrast.evaluation._examples import Examples as Examples
from mixtrast.evaluation._examples import features as features
from mixtrast.evaluation._features import Features as Features
from mixtrast.evaluation._features import FeatureSplit as FeatureSplit
from mixtrast.evaluation._features import majority as majority
from mixtrast.evaluation._few_labels import probe_few_labels as probe_few_labels
from mixtrast.evaluation._geometry import alignment as alignment
from mixtrast.evaluation._geometry import rank as rank
from mixtrast.evaluation._geometry import similarity as similarity
from mixtrast.evaluation._geometry import uniformity as uniformity
from mixtrast.evaluation._map import tsne as tsne
from mixtrast.evaluation._multilabel import LabelSets as LabelSets
from mixtrast.evaluation._probes import ExampleProbe as ExampleProbe
from mixtrast.evaluation._probes import FeatureProbe as FeatureProbe
from mixtrast.evaluation._probes import FittedProbe as FittedProbe
from mixtrast.evaluation._score import score as score

names, __getattr__, __dir__ = registry.exports(__name__)
