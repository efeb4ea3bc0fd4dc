"""Training: the loop (`fit`), its batches, optimizer, devices, checkpoints and progress."""

from mixtrast.training.batches import BatchSource as BatchSource
from mixtrast.training.batches import Examples as Examples
from mixtrast.training.checkpoint import CheckpointError as CheckpointError
from mixtrast.training.checkpoint import CheckpointStore as CheckpointStore
from mixtrast.training.checkpoint import Interrupted as Interrupted
from mixtrast.training.checkpoint import TrainingError as TrainingError
from mixtrast.training.devices import Machine as Machine
from mixtrast.training.devices import choose as choose
from mixtrast.training.loop import TrainingLoop as TrainingLoop
from mixtrast.training.loop import fit as fit
from mixtrast.training.plan import OnlineLearner as OnlineLearner
from mixtrast.training.plan import Plan as Plan
from mixtrast.training.plan import TrainingResult as TrainingResult
from mixtrast.training.progress import Activity as Activity
