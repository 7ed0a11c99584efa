"""Validation: how a model does in the middle of its training, on data that it does not learn from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from npconformer.tape.grad_mode import no_grad
from npconformer.training.tasks import Task, task_for


def validate(
    model: Any, batches: Iterable[dict[str, np.ndarray]], processor: Any = None, task: Task | None = None
) -> dict[str, float]:
    """The loss and the measures of the task over all batches.

    The model is in evaluation mode meanwhile, and utterances get what they would get alone (padding_mode="exact"),
    so that the figures depend neither on chance nor on how the utterances are batched. That takes batches with an
    attention mask, or without padding, as a `Loader` with shuffle=False gives them.

    Args:
        model: of one of the tasks.
        batches: keyword arguments of the model's forward, with labels.
        processor: with the tokenizer, for word error rates.
        task: the model's own by default.

    Returns:
        "loss", for one utterance (frame, masked frame), NaN where nothing has one, and the task's measures by name.

    Raises:
        ValueError: there are no batches, or their figures are not defined.
    """
    task = task_for(model) if task is None else task
    measures = task.measures(processor)
    total, count, batches_seen = 0.0, 0, 0
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            for batch in batches:
                outputs, loss, things = task.judge(model, batch)
                total, count, batches_seen = total + loss, count + things, batches_seen + 1
                lengths = model.frame_lengths(batch[model.main_input_name], batch.get("attention_mask"), exact=True)
                measures.add(outputs, batch, lengths)
    finally:
        model.train(was_training)
    if batches_seen == 0:
        raise ValueError("batches: there is nothing to evaluate on")
    loss = math.nan if count == 0 else total / count if math.isfinite(total) else total
    return {"loss": loss, **measures.result()}
