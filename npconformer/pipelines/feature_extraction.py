"""What a model without a head makes of a recording: a vector for every frame.

Letters: B utterances in a batch, T frames, C entries of a vector.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.pipelines.frames import FramePipeline, Frames


class FeatureExtractionPipeline(FramePipeline):
    """Gives the last hidden state of each recording as lists, [1][T][C]; an array (1, T, C) with return_tensors=True.

    chunk_length_s and stride_length_s, for long recordings, are described in FramePipeline. (transformers' pipeline of
    this name takes texts.)
    """

    task = "feature-extraction"
    head_name = None
    options: ClassVar = {**FramePipeline.options, "return_tensors": False}

    def read_output(self, outputs: Any) -> np.ndarray:
        """The last hidden state (B, T, C)."""
        return to_host(outputs.last_hidden_state.data)

    def answer(self, output: Frames, options: dict[str, Any]) -> Any:
        """One utterance's vectors (T, C)."""
        return output.rows[None] if options["return_tensors"] else [output.rows.tolist()]
