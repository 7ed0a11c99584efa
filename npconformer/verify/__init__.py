"""Comparing with other implementations: what happens inside a model, written to a file, read, and judged.

>>> from npconformer.verify import compare, trace
>>> trace(model, {"input_values": waveforms}, modules=True, gradients=True).save("reference.safetensors")
>>> compare(other_model, "reference.safetensors").first  # None, or where the two part
"""

from npconformer.verify.against_transformers import trace_transformers
from npconformer.verify.comparing import Comparison, Row, compare
from npconformer.verify.gradient_check import GradientError, check_gradients
from npconformer.verify.reference import Reference
from npconformer.verify.tracing import trace

__all__ = [
    "Comparison",
    "GradientError",
    "Reference",
    "Row",
    "check_gradients",
    "compare",
    "trace",
    "trace_transformers",
]
