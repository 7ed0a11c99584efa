"""Losses: operations whose output is what training minimises, one file each."""

from npconformer.losses.ctc import ctc_loss

__all__ = ["ctc_loss"]
