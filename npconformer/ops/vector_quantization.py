"""Choosing codewords: the Gumbel softmax of wav2vec 2.0's quantizer, and the perplexity of the choices.

The largest of logits plus independent Gumbel noise is a sample of the softmax of the logits. The straight-through
estimator gives that hard choice the gradient of the soft one.

Letters: N frames, G codebooks, V codewords in each, D dimensions of a codeword.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.arrays.backend import asarray, scatter_add
from npconformer.arrays.column_sums import column_sums
from npconformer.arrays.types import Array
from npconformer.ops.softmax import softmax_in_place
from npconformer.tape.autograd import Operation, Tensor


class ChooseCodewords(Operation):
    """y[n, g] = codebook[g, k] with k the largest of z = (x[n, g] + noise) / τ (Jang et al. 2017; van den Oord 2017)

    The choice is hard, its gradient that of the soft choice p = softmax(z) (straight-through):
        dp_v = ⟨dy, codebook[g, v]⟩,    dz = p (dp - Σ_v dp_v p_v),    dx = dz / τ,    dcodebook[g, k] = Σ dy
    Without noise (evaluation) x gets no gradient.
    """

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def forward(self, logits: Array, codebook: Array, noise: Array | None) -> tuple[Array, Array]:
        xp = self.xp
        z = logits if noise is None else (logits + noise) * (1.0 / self.temperature)  # (N, G, V)
        choice = z.argmax(axis=-1)  # (N, G)
        groups = xp.arange(choice.shape[1])
        soft = softmax_in_place(xp, z) if noise is not None and self.needs[0] else None
        self.save(choice, groups, codebook, soft)
        return codebook[groups, choice], choice  # (N, G, D), (N, G)

    def backward(self, grad: Array, _: Array) -> tuple[Array | None, Array | None, None]:
        choice, groups, codebook, soft = self.saved
        xp, dlogits, dcodebook = self.xp, None, None
        if self.needs[0]:
            dlogits = xp.zeros((*choice.shape, codebook.shape[1]), grad.dtype)
            if soft is not None:
                dp = xp.matmul(grad.swapaxes(0, 1), codebook.swapaxes(1, 2)).swapaxes(0, 1)  # (N, G, V)
                dlogits = soft * (dp - (dp * soft).sum(axis=-1, keepdims=True))
                dlogits *= 1.0 / self.temperature
        if self.needs[1]:
            dcodebook = xp.zeros(codebook.shape, codebook.dtype)
            scatter_add(dcodebook, (groups, choice), grad)
        return dlogits, dcodebook, None


class Perplexity(Operation):
    """y = Σ_g e^{H_g} with H_g = -Σ_v p_gv log p_gv, p the mean of x over the counted frames;

    dp_gv = -e^{H_g} (log p_gv + 1) dy,  dx = dp / count at the counted frames
    """

    in_float32 = True

    def __init__(self, counted: np.ndarray) -> None:
        self.counted = counted

    def forward(self, x: Array) -> Array:
        xp = self.xp
        share = asarray((self.counted / self.counted.sum()).astype(x.dtype), like=x)  # (N,)
        p = column_sums(xp, (x * share[:, None, None]).reshape(len(x), -1)).reshape(x.shape[1:])  # (G, V)
        log_p = xp.log(xp.where(p > 0, p, xp.ones((), p.dtype)))  # 0 log 0 = 0
        exp_entropy = xp.exp(-(p * log_p).sum(axis=-1))  # (G,)
        self.save(share, log_p, exp_entropy)
        return xp.asarray(exp_entropy.sum())

    def backward(self, grad: Array) -> Array:
        share, log_p, exp_entropy = self.saved
        dp = -(log_p + 1) * exp_entropy[:, None] * grad  # (G, V)
        return share[:, None, None] * dp


def choose_codewords(
    logits: Tensor | Array, codebook: Tensor | Array, noise: Array | None = None, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """One codeword of each codebook for each frame.

    Args:
        logits: (N, G, V).
        codebook: (G, V, D).
        noise: None for the plain largest logit, whose choice has no gradient; or (N, G, V) Gumbel noise, with which
            the choice is a sample of softmax(logits) and gets the gradient of the softmax at the temperature.
        temperature: τ, above 0. It does not change the choice, only its gradient.

    Returns:
        (N, G, D), the codewords, in the codebook's dtype; (N, G) integers, their numbers.
    """
    if len(logits.shape) != 3 or len(codebook.shape) != 3 or logits.shape[1:] != codebook.shape[:2]:
        raise ValueError(
            f"codebook: expected logits (N, G, V) and codebook (G, V, D), got {logits.shape} and {codebook.shape}"
        )
    if not temperature > 0:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}")
    if noise is not None:
        array = logits.data if isinstance(logits, Tensor) else logits
        noise = asarray(noise, like=array).astype(array.dtype, copy=False)
        if noise.shape != array.shape:
            raise ValueError(f"noise: expected shape {array.shape} as the logits, got {noise.shape}")
    return ChooseCodewords(float(temperature))(logits, codebook, noise)


def perplexity(probabilities: Tensor | Array, counted: Array | None = None) -> Tensor:
    """How many codewords are in use: e to the entropy of their mean distribution, added up over the codebooks.

    Args:
        probabilities: (N, G, V), each frame's distribution over the codewords, or its choice as 0 and 1.
        counted: None or (N,) booleans on the host, the frames that count; at least one.

    Returns:
        0-d, from G (one codeword for all) to G V (all alike).
    """
    frames = probabilities.shape[0]
    counted = np.ones(frames, bool) if counted is None else np.asarray(counted, bool).reshape(-1)
    if counted.shape != (frames,) or not counted.any():
        raise ValueError(f"counted: expected {frames} booleans, one of them true, got {counted.shape}")
    return Perplexity(counted)(probabilities)
