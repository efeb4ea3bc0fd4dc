"""Training: the number goes down. `fit` is the loop; `optim` what moves the weights; `record` what is kept on disk."""

from mixtrast.training.loop import Examples as Examples
from mixtrast.training.loop import Fitted as Fitted
from mixtrast.training.loop import Plan as Plan
from mixtrast.training.loop import fit as fit
from mixtrast.training.machine import Machine as Machine
from mixtrast.training.machine import choose as choose
from mixtrast.training.progress import Doing as Doing
from mixtrast.training.record import CheckpointError as CheckpointError
from mixtrast.training.record import Interrupted as Interrupted
from mixtrast.training.record import Record as Record
from mixtrast.training.record import TrainingError as TrainingError
from mixtrast.training.record import read_metrics as read_metrics
