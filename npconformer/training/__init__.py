"""Training: the loop, its checkpoints, averages of weights, and the log.

Fine-tuning a recogniser, as `npconformer train --task ctc --from my-checkpoint --train train.csv --output out` does:

>>> from npconformer import Wav2Vec2ConformerForCTC, Wav2Vec2Processor
>>> from npconformer.data import AudioReader, Loader, read_examples, select_examples, targets_for
>>> from npconformer.training import Trainer, TrainingSettings
>>> processor = Wav2Vec2Processor.from_pretrained("my-checkpoint")
>>> model = Wav2Vec2ConformerForCTC.from_pretrained("my-checkpoint")
>>> examples, left_out = read_examples("train.csv")
>>> targets = targets_for(model, tokenizer=processor.tokenizer)
>>> selection = select_examples(examples, targets, AudioReader(16000))
>>> loader = Loader(selection, targets, processor.feature_extractor, seed=0, max_seconds=60)
>>> trainer = Trainer(model, loader, "out", TrainingSettings(epochs=10), processor=processor)
>>> progress = trainer.train(resume=True)
"""

from npconformer.storage.folders import OutOfSpaceError
from npconformer.training.averaging import ExponentialAverage, average_checkpoints
from npconformer.training.checkpoint import CheckpointStore, DamagedCheckpointError
from npconformer.training.settings import TrainingSettings
from npconformer.training.step import NonFiniteError
from npconformer.training.tasks import TASKS, Task, task_for
from npconformer.training.trainer import Trainer
from npconformer.training.validation import validate

evaluate = validate  # its name before

__all__ = [
    "Trainer",
    "TrainingSettings",
    "Task",
    "TASKS",
    "task_for",
    "validate",
    "evaluate",
    "CheckpointStore",
    "DamagedCheckpointError",
    "OutOfSpaceError",
    "NonFiniteError",
    "ExponentialAverage",
    "average_checkpoints",
]
