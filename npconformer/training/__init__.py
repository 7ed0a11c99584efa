"""Training: the loop, its checkpoints, averages of weights, and the log.

A fine-tuning in ten lines:

>>> import npconformer
>>> from npconformer.training import Trainer, TrainingSettings
"""

from npconformer.training.averaging import ExponentialAverage, average_checkpoints
from npconformer.training.checkpoint import CheckpointStore, DamagedCheckpointError
from npconformer.training.evaluation import evaluate
from npconformer.training.folders import OutOfSpaceError
from npconformer.training.settings import TrainingSettings
from npconformer.training.step import NonFiniteError
from npconformer.training.tasks import TASKS, Task, task_for
from npconformer.training.trainer import Trainer

__all__ = [
    "Trainer",
    "TrainingSettings",
    "Task",
    "TASKS",
    "task_for",
    "evaluate",
    "CheckpointStore",
    "DamagedCheckpointError",
    "OutOfSpaceError",
    "NonFiniteError",
    "ExponentialAverage",
    "average_checkpoints",
]
