"""How good answers are: error rates of texts, accuracy, equal error rate, errors of diarization."""

from npconformer.metrics.edit_distance import Edits, count_edits
from npconformer.metrics.equal_error_rate import EqualErrorRate, equal_error_rate
from npconformer.metrics.error_rates import (
    character_edits,
    character_error_rate,
    word_edits,
    word_error_rate,
)
from npconformer.metrics.frame_errors import FrameErrors, frame_errors
from npconformer.metrics.shares import Share, accuracy, bootstrap_interval, wilson_interval

__all__ = [
    "Edits",
    "EqualErrorRate",
    "FrameErrors",
    "Share",
    "accuracy",
    "bootstrap_interval",
    "character_edits",
    "character_error_rate",
    "count_edits",
    "equal_error_rate",
    "frame_errors",
    "wilson_interval",
    "word_edits",
    "word_error_rate",
]
