"""Comparing with other implementations: what happens inside a model, written to a file, read, and judged."""

from npconformer.verify.gradient_check import GradientError, check_gradients

__all__ = ["GradientError", "check_gradients"]
