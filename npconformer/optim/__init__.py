"""Optimisers and learning-rate schedules as explicit array code, with torch's semantics and state saved by name."""

from npconformer.optim.adamw import AdamW
from npconformer.optim.clipping import clip_grad_norm_, first_bad_gradient
from npconformer.optim.groups import NO_DECAY, parameter_groups
from npconformer.optim.optimizer import Optimizer
from npconformer.optim.schedules import SCHEDULES, Constant, Cosine, Linear, Schedule, TriStage
from npconformer.optim.sgd import SGD

__all__ = [
    "SGD",
    "AdamW",
    "Optimizer",
    "parameter_groups",
    "NO_DECAY",
    "clip_grad_norm_",
    "first_bad_gradient",
    "Schedule",
    "Constant",
    "Linear",
    "Cosine",
    "TriStage",
    "SCHEDULES",
]
