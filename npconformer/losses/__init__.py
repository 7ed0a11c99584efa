"""Losses: operations whose output is what training minimises, one file each."""

from npconformer.losses.am_softmax import am_softmax_loss
from npconformer.losses.binary_cross_entropy import binary_cross_entropy_with_logits
from npconformer.losses.contrastive import contrastive_logits, contrastive_loss, diversity_loss
from npconformer.losses.cross_entropy import cross_entropy
from npconformer.losses.ctc import ctc_loss
from npconformer.losses.mean_squared_error import mean_squared_error

__all__ = [
    "am_softmax_loss",
    "binary_cross_entropy_with_logits",
    "contrastive_logits",
    "contrastive_loss",
    "cross_entropy",
    "ctc_loss",
    "diversity_loss",
    "mean_squared_error",
]
