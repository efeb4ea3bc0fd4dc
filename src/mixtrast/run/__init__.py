"""A run: a dataset in, a trained encoder and a report out. What `mt.train` and the command call."""

from mixtrast.run.arrays import join_arrays as join_arrays
from mixtrast.run.arrays import views_section as views_section
from mixtrast.run.folder import is_finished as is_finished
from mixtrast.run.inputs import Inputs as Inputs
from mixtrast.run.inputs import ReadOnce as ReadOnce
from mixtrast.run.inputs import read as read
from mixtrast.run.inputs import read_for as read_for
from mixtrast.run.prepare import PreparedRun as PreparedRun
from mixtrast.run.prepare import prepare as prepare
from mixtrast.run.run import Run as Run
from mixtrast.run.start import ClaimedRun as ClaimedRun
from mixtrast.run.start import claim as claim
from mixtrast.run.start import free_folder as free_folder
from mixtrast.run.start import settings as settings
from mixtrast.run.start import train as train
