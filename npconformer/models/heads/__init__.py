"""Task heads, written once for every model: each is mixed into a model's own base class. `head.py` says how."""

from npconformer.models.heads.audio_frame_classification import AudioFrameClassificationHead
from npconformer.models.heads.ctc import CTCHead
from npconformer.models.heads.pretraining import PreTrainingHead
from npconformer.models.heads.sequence_classification import SequenceClassificationHead
from npconformer.models.heads.xvector import XVectorHead

__all__ = ["AudioFrameClassificationHead", "CTCHead", "PreTrainingHead", "SequenceClassificationHead", "XVectorHead"]
