"""How good answers are: error rates of texts, accuracy, equal error rate, errors of diarization.

Each figure is computed here and nowhere else, of arrays and texts. What takes answers one by one or batch by batch
(`TextErrors`, `Accuracy`, `SpeakerTrials`, `FrameDecisions`, `DiarizationErrors`) is fed by training and evaluation.
"""

from npconformer.metrics.accuracy import Accuracy, accuracy
from npconformer.metrics.diarization_errors import DiarizationErrors, FrameErrors, frame_errors
from npconformer.metrics.edit_distance import Edits, count_edits
from npconformer.metrics.equal_error_rate import EqualErrorRate, equal_error_rate
from npconformer.metrics.frame_decisions import FrameDecisions
from npconformer.metrics.shares import Share, bootstrap_interval, wilson_interval
from npconformer.metrics.speaker_trials import SpeakerTrials, Trials
from npconformer.metrics.text_errors import (
    TextErrors,
    character_edits,
    character_error_rate,
    word_edits,
    word_error_rate,
)

__all__ = [
    "Accuracy",
    "DiarizationErrors",
    "Edits",
    "EqualErrorRate",
    "FrameDecisions",
    "FrameErrors",
    "Share",
    "SpeakerTrials",
    "TextErrors",
    "Trials",
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
