"""Training: the number goes down. `fit` is the loop; `optim` what moves the weights; `record` what is kept on disk."""

from mixtrast.train.loop import Examples as Examples
from mixtrast.train.loop import Fitted as Fitted
from mixtrast.train.loop import Plan as Plan
from mixtrast.train.loop import fit as fit
from mixtrast.train.machine import Machine as Machine
from mixtrast.train.machine import choose as choose
from mixtrast.train.record import Interrupted as Interrupted
from mixtrast.train.record import Record as Record
from mixtrast.train.record import TrainingError as TrainingError
