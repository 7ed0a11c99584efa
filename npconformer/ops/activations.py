"""Activations, element by element; each is a function and its derivative. `get_activation` finds one by its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from npconformer.autograd import Operation, Tensor
from npconformer.backend import erf


def _sigmoid(xp: Any, x: Any) -> Any:
    """1 / (1 + e^-x), with e^-|x| so that nothing overflows and small values keep their precision."""
    e = xp.exp(-abs(x))
    return xp.where(x >= 0, xp.ones((), x.dtype), e) / (1 + e)


class ReLU(Operation):
    """y = max(x, 0);  dx = dy where x > 0"""

    def forward(self, x: Any) -> Any:
        self.save(x > 0)
        return self.xp.maximum(x, 0)

    def backward(self, grad: Any) -> Any:
        (positive,) = self.saved
        return grad * positive


class Sigmoid(Operation):
    """y = 1 / (1 + e^-x);  dx = dy y (1 - y)"""

    def forward(self, x: Any) -> Any:
        y = _sigmoid(self.xp, x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return grad * y * (1 - y)


class Tanh(Operation):
    """y = tanh x;  dx = dy (1 - y^2)"""

    def forward(self, x: Any) -> Any:
        y = self.xp.tanh(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return grad * (1 - y * y)


class SiLU(Operation):
    """y = x s, s = sigmoid(x), also called swish;  dx = dy s (1 + x (1 - s))"""

    def forward(self, x: Any) -> Any:
        self.save(x)
        y = _sigmoid(self.xp, x)
        y *= x
        return y

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        s = _sigmoid(self.xp, x)
        return grad * (s * (1 + x * (1 - s)))


class GELU(Operation):
    """y = x P, P = (1 + erf(x / sqrt 2)) / 2;  dx = dy (P + x e^(-x^2/2) / sqrt(2 pi))   (Hendrycks and Gimpel 2016)"""

    def forward(self, x: Any) -> Any:
        self.save(x)
        y = self._probability(x)
        y *= x
        return y

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        density = self.xp.exp(x * x * -0.5)
        density *= 1 / math.sqrt(2 * math.pi)
        return grad * (self._probability(x) + x * density)

    @staticmethod
    def _probability(x: Any) -> Any:
        p = erf(x * (1 / math.sqrt(2)))
        p += 1
        p *= 0.5
        return p


class GELUNew(Operation):
    """y = x (1 + t) / 2, t = tanh(a (x + c x^3)), a = sqrt(2/pi), c = 0.044715

    dx = dy ((1 + t) / 2 + x (1 - t^2) a (1 + 3 c x^2) / 2)
    """

    a, c = math.sqrt(2 / math.pi), 0.044715

    def forward(self, x: Any) -> Any:
        self.save(x)
        return 0.5 * x * (1 + self._t(x))

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        t = self._t(x)
        slope = self.a * (1 + 3 * self.c * x * x)
        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)

    def _t(self, x: Any) -> Any:
        return self.xp.tanh(self.a * (x + self.c * x * x * x))


class SELU(Operation):
    """y = l x for x > 0, l a (e^x - 1) elsewhere;  dx = dy l, or dy l a e^x   (Klambauer et al. 2017)"""

    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

    def forward(self, x: Any) -> Any:
        self.save(x)
        xp = self.xp
        return self.scale * xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        xp = self.xp
        slope = self.alpha * xp.exp(xp.minimum(x, 0))
        return grad * (self.scale * xp.where(x > 0, xp.ones((), x.dtype), slope))


class GLU(Operation):
    """y = a s, s = sigmoid(b), a and b the halves of x's channels;  da = dy s,  db = dy a s (1 - s)  (Dauphin 2017)"""

    def forward(self, x: Any) -> Any:
        self.save(x)
        channels = x.shape[-1] // 2
        y = _sigmoid(self.xp, x[..., channels:])
        y *= x[..., :channels]
        return y

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        channels = x.shape[-1] // 2
        s = _sigmoid(self.xp, x[..., channels:])
        dx = self.xp.empty_like(x)
        dx[..., :channels] = grad * s
        dx[..., channels:] = grad * x[..., :channels] * (s * (1 - s))
        return dx


def relu(x: Any) -> Tensor:
    """max(x, 0)"""
    return ReLU()(x)


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + e^-x)"""
    return Sigmoid()(x)


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent."""
    return Tanh()(x)


def silu(x: Any) -> Tensor:
    """x sigmoid(x), also called swish."""
    return SiLU()(x)


def gelu(x: Any) -> Tensor:
    """x times the probability that a standard normal number is below x, exactly (with erf)."""
    return GELU()(x)


def gelu_new(x: Any) -> Tensor:
    """The tanh approximation of gelu."""
    return GELUNew()(x)


def selu(x: Any) -> Tensor:
    """The self-normalising exponential linear unit."""
    return SELU()(x)


def glu(x: Any) -> Tensor:
    """The gated linear unit: first half of the channels times the sigmoid of the second half; (..., 2C) -> (..., C)."""
    if x.shape[-1] % 2:
        raise ValueError(f"glu: the last axis must have an even length, got {x.shape[-1]}")
    return GLU()(x)


ACTIVATIONS: dict[str, Callable[[Any], Tensor]] = {
    "relu": relu,
    "gelu": gelu,
    "gelu_new": gelu_new,
    "selu": selu,
    "silu": silu,
    "swish": silu,
    "sigmoid": sigmoid,
    "tanh": tanh,
}


def get_activation(name: str) -> Callable[[Any], Tensor]:
    """The activation of that name, as configs write it."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r} is not known: expected one of {sorted(ACTIVATIONS)}")
    return ACTIVATIONS[name]
