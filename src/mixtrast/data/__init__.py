"""Datasets in memory or on disk: what they hold, how they are split and scaled, and which labels a run may use."""

from mixtrast.data.dataset import Dataset as Dataset
from mixtrast.data.files import Files as Files
from mixtrast.data.labels import TASKS as TASKS
from mixtrast.data.labels import TaskOption as TaskOption
from mixtrast.data.scaling import scaling as scaling
from mixtrast.data.schema import Schema as Schema
from mixtrast.data.schema import Task as Task
from mixtrast.data.split import Split as Split
from mixtrast.data.split import split as split
from mixtrast.data.visibility import limit_labels as limit_labels
