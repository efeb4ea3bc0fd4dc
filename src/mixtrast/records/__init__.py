"""Records of a run: typed, with a version, written and read in this one place. No torch.

    results = read_results(folder)                     results.json and examples.npz
    results.probes["linear"]["raw"].values["accuracy"]
    write_results(folder, results)

All records are dataclasses; what the first edition wrote (version 1) is read as well.
"""

from mixtrast.records._json import Json as Json
from mixtrast.records.comparison import ComparisonRecord as ComparisonRecord
from mixtrast.records.comparison import ConfigurationRecord as ConfigurationRecord
from mixtrast.records.comparison import SessionRecord as SessionRecord
from mixtrast.records.comparison import append_session as append_session
from mixtrast.records.comparison import read_comparison as read_comparison
from mixtrast.records.comparison import read_sessions as read_sessions
from mixtrast.records.comparison import write_comparison as write_comparison
from mixtrast.records.figures import Map as Map
from mixtrast.records.figures import Missing as Missing
from mixtrast.records.figures import Strip as Strip
from mixtrast.records.figures import write_figure as write_figure
from mixtrast.records.folder import read_results as read_results
from mixtrast.records.folder import write_json as write_json
from mixtrast.records.folder import write_results as write_results
from mixtrast.records.metrics import MetricsLine as MetricsLine
from mixtrast.records.metrics import append_metrics as append_metrics
from mixtrast.records.metrics import last_step as last_step
from mixtrast.records.metrics import read_metrics as read_metrics
from mixtrast.records.metrics import write_metrics as write_metrics
from mixtrast.records.results import BETTER_VERDICTS as BETTER_VERDICTS
from mixtrast.records.results import GOOD_VERDICTS as GOOD_VERDICTS
from mixtrast.records.results import Cost as Cost
from mixtrast.records.results import DataRecord as DataRecord
from mixtrast.records.results import Learning as Learning
from mixtrast.records.results import OtherData as OtherData
from mixtrast.records.results import Results as Results
from mixtrast.records.results import Verdict as Verdict
from mixtrast.records.run_record import RecipeRecord as RecipeRecord
from mixtrast.records.run_record import RunRecord as RunRecord
from mixtrast.records.run_record import read_run as read_run
from mixtrast.records.scores import ROW_NAMES as ROW_NAMES
from mixtrast.records.scores import ROWS as ROWS
from mixtrast.records.scores import EvaluationRecord as EvaluationRecord
from mixtrast.records.scores import LabelCurve as LabelCurve
from mixtrast.records.scores import LabelPoint as LabelPoint
from mixtrast.records.scores import Score as Score
