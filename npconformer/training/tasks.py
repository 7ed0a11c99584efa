"""What differs from task to task in training: how a loss was added up, what a batch counts, and what is measured.

A step may consist of several batches, b = 1..k, with n_b things counted in batch b and N = Σ n_b. The tasks' losses ℓ_b
are means over the things counted, or sums over them. The step's gradient is that of

    Σ n_b ℓ_b / N    a mean                     one batch of all N would have this loss
    Σ ℓ_b            a sum                      so would it here
    Σ ℓ_b / N        a sum, normalised          pre-training, as the reference's script does it

and what is reported is always the loss for one thing counted: an utterance, a frame, a masked frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.losses import am_softmax_loss
from npconformer.losses.class_labels import IGNORED
from npconformer.training.validation_measures import (
    ClassMeasures,
    FrameMeasures,
    Measures,
    NoMeasures,
    SpeakerMeasures,
    TextMeasures,
)

MEAN, SUM, NORMALISED_SUM = "mean", "sum", "normalised sum"
OF_LABELS = "mean_volume"
CTC_MEANS = (MEAN, "mean_batch", OF_LABELS)  # see `ctc_loss`


class Task:
    """Base of the tasks. config: of the model.

    Attributes:
        head_name: the head of its models.
        reduction: MEAN, SUM or NORMALISED_SUM.
        metric: the measure that decides which weights are best, and whether less is better.
    """

    head_name = ""
    reduction = MEAN
    metric = "loss"
    less_is_better = True

    def __init__(self, config: Any) -> None:
        self.config = config

    def count(self, batch: dict[str, np.ndarray]) -> int:
        """How many things the loss of a batch is the mean or sum over: utterances, unless a task says otherwise."""
        return len(next(iter(batch.values())))  # all arrays of a batch have a row for each utterance

    def gradient_scales(self, counts: Sequence[int]) -> list[float]:
        """What each batch's loss is multiplied with before its backward pass."""
        total = max(sum(counts), 1)
        if self.reduction == MEAN:
            return [count / total for count in counts]
        return [1.0 if self.reduction == SUM else 1 / total] * len(counts)

    def report_scales(self, counts: Sequence[int]) -> list[float]:
        """What each batch's loss is multiplied with in the report."""
        total = max(sum(counts), 1)
        return [count / total for count in counts] if self.reduction == MEAN else [1 / total] * len(counts)

    def before_training(self, model: Any) -> None:
        """Called when training begins or goes on."""

    def before_step(self, model: Any, step: int) -> None:
        """Called before step number `step`, from 0."""

    def judge(self, model: Any, batch: dict[str, np.ndarray]) -> tuple[Any, float, int]:
        """What a model says of a validation batch, the sum of its losses, and over how many things that is."""
        outputs, things = model(**batch, padding_mode="exact"), self.count(batch)
        loss = outputs.loss.item()
        return outputs, loss * things if self.reduction == MEAN and things else loss, things

    def measures(self, processor: Any) -> Measures:
        """Takes what the model says of validation batches, for figures such as word error rates."""
        return NoMeasures()


class CTCTask(Task):
    """Speech recognition; word error rate."""

    head_name, metric = "ctc", "wer"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if config.ctc_loss_reduction not in (*CTC_MEANS, SUM):
            expected = f"{', '.join(CTC_MEANS)} or sum"
            raise ValueError(f"config.ctc_loss_reduction: expected {expected}, got {config.ctc_loss_reduction!r}")
        self.reduction = SUM if config.ctc_loss_reduction == SUM else MEAN

    def count(self, batch: dict[str, np.ndarray]) -> int:
        """The utterances; where the loss is a mean over labels, these."""
        if self.config.ctc_loss_reduction != OF_LABELS:
            return super().count(batch)
        labels = np.asarray(batch["labels"])
        return int(((labels != IGNORED) & (labels != self.config.pad_token_id)).sum())

    def measures(self, processor: Any) -> Measures:
        if processor is None:
            return NoMeasures()
        return TextMeasures(processor.tokenizer)


class SequenceClassificationTask(Task):
    """One class, several, or numbers for each utterance; accuracy."""

    head_name, metric, less_is_better = "sequence_classification", "accuracy", False

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if config.problem_type == "regression" or (config.problem_type is None and config.num_labels == 1):
            self.metric, self.less_is_better = "loss", True

    def count(self, batch: dict[str, np.ndarray]) -> int:
        labels = np.asarray(batch["labels"])
        return int((labels != IGNORED).sum()) if labels.ndim == 1 and labels.dtype.kind in "iu" else len(labels)

    def measures(self, processor: Any) -> Measures:
        return NoMeasures() if self.metric == "loss" else ClassMeasures()


class FrameClassificationTask(Task):
    """Classes of frames, for diarization; share of wrong decisions."""

    head_name, metric = "audio_frame_classification", "frame_error"

    def before_training(self, model: Any) -> None:
        """Writes into the config which loss None stands for, so that whoever uses the model reads its logits so."""
        if model.config.problem_type is None:
            model.config.problem_type = "regression" if model.config.num_labels == 1 else "single_label_classification"

    def count(self, batch: dict[str, np.ndarray]) -> int:
        labels = np.asarray(batch["labels"])
        return int((labels != IGNORED).any(axis=2).sum()) if labels.ndim == 3 else labels.size

    def measures(self, processor: Any) -> Measures:
        return FrameMeasures(self.config.problem_type)


class XVectorTask(Task):
    """Speaker vectors; equal error rate over all pairs of utterances."""

    head_name, metric = "xvector", "eer"

    def judge(self, model: Any, batch: dict[str, np.ndarray]) -> tuple[Any, float, int]:
        """The loss is that of the speakers whom the model knows; `labels` are -100 for the others."""
        labels = np.asarray(batch["labels"])
        known = labels != IGNORED
        inputs = {name: array for name, array in batch.items() if name != "speakers"}
        if known.all():
            return super().judge(model, inputs)
        del inputs["labels"]
        outputs = model(**inputs, padding_mode="exact")
        if not known.any():
            return outputs, 0.0, 0
        logits, weight = to_host(outputs.logits.data), to_host(model.objective.weight.data)
        return outputs, am_softmax_loss(logits[known], weight, labels[known], reduction="sum").item(), int(known.sum())

    def measures(self, processor: Any) -> Measures:
        return SpeakerMeasures()


class PreTrainingTask(Task):
    """Contrastive pre-training; the temperature of the Gumbel softmax falls from step to step, as in the reference.

    temperature: at step 0, at least, and the factor of each step.
    """

    head_name, metric, reduction = "pretraining", "loss", NORMALISED_SUM

    def __init__(self, config: Any, temperature: tuple[float, float, float] = (2.0, 0.5, 0.999995)) -> None:
        super().__init__(config)
        self.temperature = temperature

    def count(self, batch: dict[str, np.ndarray]) -> int:
        return int(np.asarray(batch["mask_time_indices"]).sum())

    def before_step(self, model: Any, step: int) -> None:
        first, least, factor = self.temperature
        model.set_gumbel_temperature(max(first * factor**step, least))


TASKS: dict[str, type[Task]] = {
    "ctc": CTCTask,
    "sequence": SequenceClassificationTask,
    "frame": FrameClassificationTask,
    "xvector": XVectorTask,
    "pretraining": PreTrainingTask,
}


def task_for(model: Any) -> Task:
    """The task of a model, by its head. Raises ValueError for one that has none of the tasks' heads."""
    for task in TASKS.values():
        if model.head_name == task.head_name:
            return task(model.config)
    heads = ", ".join(task.head_name for task in TASKS.values())
    raise ValueError(f"model: {type(model).__name__} cannot be trained; expected a model with a head for {heads}")
