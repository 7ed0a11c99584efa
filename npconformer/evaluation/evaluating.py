"""Going through examples with a pipeline and a scorer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from npconformer.data.examples import Example, LeftOut, left_out
from npconformer.data.reading import read_example
from npconformer.evaluation.class_scorer import ClassScorer
from npconformer.evaluation.frame_scorer import FrameScorer
from npconformer.evaluation.scorer import Scorer
from npconformer.evaluation.speaker_scorer import SpeakerScorer
from npconformer.evaluation.text_scorer import TextScorer
from npconformer.models.auto import heads_of
from npconformer.pipelines import TASKS
from npconformer.pipelines.inputs import in_words

SCORERS: dict[str, type[Scorer]] = {
    "audio-classification": ClassScorer,
    "automatic-speech-recognition": TextScorer,
    "speaker-diarization": FrameScorer,
    "speaker-embedding": SpeakerScorer,
}


def scorer_for(pipeline: Any, **options: Any) -> Scorer:
    """The scorer of what a pipeline answers. Raises ValueError for a model whose answers cannot be scored.

    options: of the scorer, such as `ignore` of `TextScorer`.
    """
    return SCORERS[pipeline.task](pipeline, **options)


def task_of(architectures: Iterable[str]) -> str | None:
    """The task, of those that can be scored, for a model class, such as those that a checkpoint's config names."""
    tasks = {TASKS[task].head_name: task for task in SCORERS}
    return next((tasks[head] for head in heads_of(architectures) if head in tasks), None)


def evaluate(
    pipeline: Any, examples: Iterable[Example], scorer: Scorer, **options: Any
) -> Iterator[tuple[Example, LeftOut | None]]:
    """Answer every example, and give the answers to the scorer; yields each example with why it failed, or None.

    options: of the pipeline's calls, beside those that the scorer asks for, such as batch_size and threshold; a
    `progress` is called with a dict that has the recording's "path".
    Examples of which nothing is known, and recordings that cannot be read, are yielded with the reason and do not
    count. Once all are through, the scorer's rows are complete.
    """
    waiting: list[tuple[Example, Any, LeftOut | None]] = []

    def recordings() -> Iterator[dict[str, Any]]:
        for example in examples:
            reference, failure, samples = None, None, np.zeros(0, np.float32)
            try:
                reference = scorer.reference(example)
                samples = read_example(example, pipeline.sampling_rate)
            except Exception as error:  # one recording never costs another, whatever it raises
                failure = left_out(example, in_words(error))  # without samples: the pipeline passes it over
            waiting.append((example, reference, failure))
            yield {"array": samples, "sampling_rate": pipeline.sampling_rate, "path": str(example.path)}

    for answer in pipeline.stream(recordings(), return_errors=True, at_once=True, **{**scorer.options, **options}):
        example, reference, failure = waiting.pop(0)
        if failure is None and isinstance(answer, Exception):
            failure = left_out(example, str(answer).partition("]: ")[2] or str(answer))  # "inputs[3]: ..."
        if failure is None:
            scorer.add(example, reference, answer)
        yield example, failure
    scorer.finish()
