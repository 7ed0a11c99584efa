"""Two functions that people import from transformers' file of this name; the model itself is not in this package.

Lesson: notebooks/08_parity.ipynb
"""

from npconformer.models.heads.reference_sampling import _compute_mask_indices, _sample_negative_indices

__all__ = ["_compute_mask_indices", "_sample_negative_indices"]
