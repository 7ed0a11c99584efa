"""How well a model does on examples whose answers are known.

>>> scorer = scorer_for(pipeline)
>>> for example, result in evaluate(pipeline, examples, scorer):
...     pass
>>> scorer.summary()["word_error_rate"]
"""

from npconformer.evaluation.class_scorer import ClassScorer
from npconformer.evaluation.evaluating import evaluate, scorer_for
from npconformer.evaluation.frame_scorer import FrameScorer
from npconformer.evaluation.scorer import Scorer
from npconformer.evaluation.speaker_scorer import SpeakerScorer
from npconformer.evaluation.text_scorer import TextScorer

__all__ = ["ClassScorer", "FrameScorer", "Scorer", "SpeakerScorer", "TextScorer", "evaluate", "scorer_for"]
