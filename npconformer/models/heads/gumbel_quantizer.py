"""The quantizer of wav2vec 2.0: from a feature vector to one codeword of each of several codebooks.

Letters: B batch, T frames, G codebooks, V codewords in each, D = codevector_dim.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays import generator
from npconformer.arrays.backend import asarray, get_array_module
from npconformer.arrays.types import Array
from npconformer.nn import Linear, Module, Parameter, init
from npconformer.tape.autograd import Tensor

# A float32 exponential can be exactly 0. With 2^-24, the step of float32 uniform numbers, the noise is at most 16.6.
SMALLEST = np.float32(2**-24)


class GumbelVectorQuantizer(Module):
    """Quantizes features (B, T, conv_dim[-1]) to the concatenated codewords (B, T, D).

    In training a codeword is sampled with Gumbel noise; the choice is hard, its gradient that of the softmax at
    `temperature`, and the perplexity is that of the soft distributions without noise. In evaluation the most likely
    codeword is taken, without a gradient for `weight_proj`, and the perplexity is that of the choices. Everything is
    computed in the model's dtype (the reference rounds the training path to float32).

    Attributes:
        temperature: of the Gumbel-softmax; starts at 2 and is usually lowered during training.
        codevectors: (1, G V, D / G), uniform in 0..1.
        weight_proj: linear, conv_dim[-1] -> G V, standard normal weights.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.num_groups, self.num_vars = config.num_codevector_groups, config.num_codevectors_per_group
        if config.codevector_dim % self.num_groups:
            raise ValueError(
                f"config.codevector_dim: {config.codevector_dim} is no multiple of the number of codebooks, "
                f"num_codevector_groups = {self.num_groups}"
            )
        self.temperature = 2.0
        words, width = self.num_groups * self.num_vars, config.codevector_dim // self.num_groups
        self.codevectors = Parameter(init.uniform(0.0, 1.0, 1, words, width))
        self.weight_proj = Linear(config.conv_dim[-1], words, std=1.0)

    def forward(
        self, features: Tensor, mask_time_indices: np.ndarray | None = None, gumbel_noise: Array | None = None
    ) -> tuple[Tensor, Tensor]:
        """The quantized features and the perplexity of the codebooks; see `quantize`."""
        return self.quantize(features, mask_time_indices, gumbel_noise)[:2]

    def quantize(
        self, features: Tensor, mask_time_indices: np.ndarray | None = None, gumbel_noise: Array | None = None
    ) -> tuple[Tensor, Tensor, Any]:
        """Quantizes every frame.

        Args:
            features: (B, T, conv_dim[-1]).
            mask_time_indices: None or (B, T) booleans: the frames whose perplexity is taken. All by default.
            gumbel_noise: None or (B, T, G, V), in place of noise that is drawn; for training only.

        Returns:
            (B, T, D) codewords; 0-d perplexity; (B, T) int64 array, one number for each combination of codewords.
        """
        batch, frames, _ = features.shape
        shape = (batch * frames, self.num_groups, self.num_vars)
        logits = self.weight_proj(features).reshape(*shape)  # (BT, G, V)
        noise = self._noise(gumbel_noise, shape, logits) if self.training else None
        logits = logits if self.training else logits.detach()  # the plain choice has no gradient
        codebook = self.codevectors.reshape(self.num_groups, self.num_vars, -1)  # (G, V, D/G)
        words, choice = ops.choose_codewords(logits, codebook, noise, self.temperature)  # (BT, G, D/G), (BT, G)
        if self.training:
            probabilities = ops.softmax(logits)
        else:
            xp = get_array_module(choice.data)
            probabilities = (choice.data[:, :, None] == xp.arange(self.num_vars)).astype(logits.dtype)
        perplexity = ops.perplexity(probabilities, None if mask_time_indices is None else mask_time_indices.reshape(-1))
        return words.reshape(batch, frames, -1), perplexity, self._codes(choice).reshape(batch, frames)

    def _noise(self, given: Any, shape: tuple[int, int, int], logits: Tensor) -> Any:
        """-log e for e from the exponential distribution, which is Gumbel(0, 1)."""
        if given is not None:
            array = np.asarray(given) if isinstance(given, (list, tuple)) else given
            if int(np.prod(array.shape)) != int(np.prod(shape)):
                raise ValueError(
                    f"gumbel_noise: expected shape (batch, frames, {self.num_groups}, {self.num_vars}) for "
                    f"{shape[0]} frames, got {array.shape}"
                )
            return asarray(array, like=logits.data).reshape(shape)
        noise = generator.get_generator().standard_exponential(shape, dtype=np.float32)
        return asarray(-np.log(np.maximum(noise, SMALLEST)), like=logits.data)

    def _codes(self, choice: Tensor) -> Any:
        codes = choice.data[:, 0]
        for group in range(1, self.num_groups):
            codes = codes * self.num_vars + choice.data[:, group]
        return codes
