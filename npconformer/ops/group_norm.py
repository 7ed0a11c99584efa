"""Group normalisation (Wu and He 2018, "Group normalization"), over time and the channels of a group.

Letters: B batch, T time, G groups, D channels in a group, C = G D. For each utterance and group, over its T D numbers:

    mu = mean(x),  v = mean((x - mu)^2),  r = 1 / sqrt(v + eps),  n = (x - mu) r,  y = n w + b

With g = dy * w and the same means:   dx = r (g - mean(g) - n mean(g n))

With a frame mask the means run over the marked frames only, so that padding changes nothing. The other frames are
normalised with the same numbers, and their gradient reaches x through those as well.
"""

from __future__ import annotations

from typing import Any

from npconformer.autograd import Operation, Tensor
from npconformer.backend import asarray


class GroupNorm(Operation):
    """y = n w + b with n normalised by utterance and group; keeps n and r."""

    def __init__(self, groups: int, eps: float) -> None:
        self.groups, self.eps = groups, eps

    def forward(self, x: Any, weight: Any, bias: Any, frame_mask: Any) -> Any:
        batch, time, channels = x.shape
        grouped = x.reshape(batch, time, self.groups, channels // self.groups)  # (B, T, G, D)
        weights = self._mean_weights(grouped, frame_mask)
        n = grouped - self._mean(grouped, weights)
        r = 1 / self.xp.sqrt(self._mean(n * n, weights) + self.eps)  # (B, 1, G, 1)
        n *= r
        self.save(n, r, weight, weights)
        y = n.reshape(x.shape) * weight
        y += bias
        return y

    def backward(self, grad: Any) -> tuple[Any, Any, Any, None]:
        n, r, weight, weights = self.saved
        dx = None
        if self.needs[0]:
            g = (grad * weight).reshape(n.shape)
            total = self.xp.ones((), dtype=g.dtype)  # sums over all frames; divided by the marked ones' number
            share = weights if weights is not None else total / (n.shape[1] * n.shape[3])
            dx = g - share * g.sum(axis=(1, 3), keepdims=True)
            dx -= share * n * (g * n).sum(axis=(1, 3), keepdims=True)
            dx *= r
            dx = dx.reshape(grad.shape)
        n = n.reshape(grad.shape)
        dweight = self.xp.einsum("btc,btc->c", grad, n) if self.needs[1] else None
        return dx, dweight, grad.sum(axis=(0, 1)) if self.needs[2] else None, None

    def _mean_weights(self, grouped: Any, frame_mask: Any) -> Any:
        """(B, T, 1, 1): 1 / (marked frames * D) at marked frames, 0 elsewhere; None when all frames count."""
        if frame_mask is None:
            return None
        marked = frame_mask.astype(grouped.dtype)[:, :, None, None]
        return marked / (marked.sum(axis=1, keepdims=True) * grouped.shape[3])

    @staticmethod
    def _mean(grouped: Any, weights: Any) -> Any:
        if weights is None:
            return grouped.mean(axis=(1, 3), keepdims=True)
        return (grouped * weights).sum(axis=(1, 3), keepdims=True)


def group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float = 1e-5, frame_mask: Any = None) -> Tensor:
    """Normalises each utterance's groups of channels over time.

    Args:
        x: (B, T, C).
        weight, bias: (C,).
        groups: how many groups the C channels form.
        frame_mask: None, or (B, T) booleans: the frames that the statistics are taken over.
    """
    if len(x.shape) != 3 or groups < 1 or x.shape[2] % groups:
        raise ValueError(f"group_norm: x of shape {x.shape} does not split into {groups} groups of channels")
    if weight.shape != (x.shape[2],) or bias.shape != (x.shape[2],):
        raise ValueError(f"group_norm: expected weight and bias of shape ({x.shape[2]},)")
    if not (x.dtype == weight.dtype == bias.dtype):
        raise ValueError(f"group_norm: x is {x.dtype}, but weight is {weight.dtype} and bias {bias.dtype}")
    if frame_mask is not None:
        if frame_mask.shape != tuple(x.shape[:2]):
            raise ValueError(f"frame_mask: expected shape {tuple(x.shape[:2])}, got {frame_mask.shape}")
        frame_mask = asarray(frame_mask, x.data if isinstance(x, Tensor) else x)
    return GroupNorm(groups, eps)(x, weight, bias, frame_mask)
