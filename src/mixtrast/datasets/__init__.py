"""Datasets by name, and `open`, which reads a dataset by its name or any source that a reader takes.

data = open("digits")                           or a path to .npz, .csv, ..., a folder of images; arrays; a DataFrame
parts = split(data, seed=0)                     rows of training, validation and test
mean, std = scaling(data, parts.train)          an encoder gets (x - mean) / std
more = open("new.csv", schema=data.schema)      the same columns and classes again
"""

from mixtrast import registry
from mixtrast.data.dataset import Dataset as Dataset
from mixtrast.data.files import Files as Files
from mixtrast.data.scaling import scaling as scaling
from mixtrast.data.schema import Schema as Schema
from mixtrast.data.split import Split as Split
from mixtrast.data.split import split as split
from mixtrast.data.visibility import limit_labels as limit_labels
from mixtrast.datasets._info import data_folders as data_folders
from mixtrast.datasets._open import find as find
from mixtrast.datasets._open import get as get
from mixtrast.datasets._open import names as names
from mixtrast.datasets._open import open as open  # noqa: A004
from mixtrast.readers._reader import Reader as Reader

_, __getattr__, __dir__ = registry.exports(__name__)
