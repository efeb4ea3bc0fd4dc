"""Readers: a file, a folder or arrays in, a `Dataset` out. One file for each kind of source; the file name is the name."""

from mixtrast import registry
from mixtrast.readers._reader import Reader as Reader

names, __getattr__, __dir__ = registry.exports(__name__)
