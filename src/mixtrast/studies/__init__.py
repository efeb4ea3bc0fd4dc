"""Studies: several runs and what they show together. What `mt.compare` and the command call."""

from mixtrast.studies.comparison import Comparison as Comparison
from mixtrast.studies.comparison import Stopped as Stopped
from mixtrast.studies.comparison import compare as compare
from mixtrast.studies.comparison import execute as execute
from mixtrast.studies.configurations import Grid as Grid
from mixtrast.studies.preparation import PreparedComparison as PreparedComparison
from mixtrast.studies.preparation import prepare as prepare
from mixtrast.studies.request import ComparisonRequest as ComparisonRequest
