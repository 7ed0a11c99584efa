"""Layer normalisation over the last axis (Ba et al. 2016, "Layer normalization", equation 4).

Letters: C channels (the last axis). For each row of x:

    mu = mean(x),  v = mean((x - mu)^2),  r = 1 / sqrt(v + eps),  n = (x - mu) r,  y = n w + b

With g = dy * w, and means over C:   dx = r (g - mean(g) - n mean(g n)),  dw = sum of dy n,  db = sum of dy
"""

from __future__ import annotations

from typing import Any

from npconformer.autograd import Operation, Tensor


class LayerNorm(Operation):
    """y = n w + b with n the normalised rows; keeps n and r."""

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        xp, channels = self.xp, x.shape[-1]
        n = x - x.mean(axis=-1, keepdims=True)  # (..., C)
        variance = xp.einsum("...c,...c->...", n, n)[..., None] / channels  # (..., 1)
        r = 1 / xp.sqrt(variance + self.eps)
        n *= r
        self.save(n, r, weight)
        y = n * weight if self.recording else xp.multiply(n, weight, out=n)
        y += bias
        return y

    def backward(self, grad: Any) -> tuple[Any, Any, Any]:
        n, r, weight = self.saved
        xp, channels = self.xp, n.shape[-1]
        dx = dweight = dbias = None
        if self.needs[0]:
            dx = grad * weight  # g
            projection = xp.einsum("...c,...c->...", dx, n)[..., None] / channels
            dx -= dx.mean(axis=-1, keepdims=True)
            dx -= n * projection
            dx *= r
        if self.needs[1]:
            dweight = xp.einsum("nc,nc->c", grad.reshape(-1, channels), n.reshape(-1, channels))
        if self.needs[2]:
            dbias = grad.reshape(-1, channels).sum(axis=0)
        return dx, dweight, dbias


def layer_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Tensor:
    """Normalises each row of x (..., C) to mean 0 and variance 1, then scales by weight (C,) and adds bias (C,)."""
    if not (x.shape[-1:] == weight.shape == bias.shape):
        raise ValueError(
            f"layer_norm: x has {x.shape[-1]} channels, but weight has shape {weight.shape} and bias {bias.shape}"
        )
    if not (x.dtype == weight.dtype == bias.dtype):
        raise ValueError(f"layer_norm: x is {x.dtype}, but weight is {weight.dtype} and bias {bias.dtype}")
    return LayerNorm(eps)(x, weight, bias)
