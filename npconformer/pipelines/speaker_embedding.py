"""Who speaks, as a vector: recordings of one person give vectors that point the same way.

Letters: B utterances in a batch, N samples, D entries of a vector.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.pipelines.batching import AudioPipeline


class SpeakerEmbeddingPipeline(AudioPipeline):
    """Gives a speaker's vector (D,), D being the config's xvector_output_dim, for each recording.

    A call's option `normalize=True` divides each vector by its L2 norm. Vectors are otherwise as the model
    gives them; `cosine_similarity`, which compares two, does not depend on their norms.
    """

    task = "speaker-embedding"
    head_name = "xvector"
    options: ClassVar = {"normalize": False}

    @property
    def shortest(self) -> int:
        """The samples of two frames behind the time-delay layers: a standard deviation is taken over them."""
        return self.clock.samples_for(self.model.tdnn_context + 1)

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        if not isinstance(options["normalize"], bool):
            raise ValueError(f"normalize must be True or False, got {options['normalize']!r}")

    def read_output(self, outputs: Any) -> np.ndarray:
        """The vectors (B, D)."""
        return to_host(outputs.embeddings.data)

    def answer(self, output: np.ndarray, options: dict[str, Any]) -> np.ndarray:
        """One utterance's vector (D,)."""
        return output / _norm(output) if options["normalize"] else output


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of the angle between two vectors (D,), from -1 to 1:  a.b / (|a| |b|), in float64.

    Raises ValueError for vectors of two lengths, and for those that have no direction (zeros, NaN, infinity).
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"two vectors of one length are needed, got shapes {a.shape} and {b.shape}")
    return float(np.clip(a @ b / (_norm(a) * _norm(b)), -1.0, 1.0))


def _norm(vector: np.ndarray) -> np.floating:
    norm = np.linalg.norm(vector)
    if not 0 < norm < np.inf:
        raise ValueError(f"a vector whose L2 norm is {norm} has no direction")
    return norm
