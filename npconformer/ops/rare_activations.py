"""Activations that few models use, so that every name of transformers' table can stand in a config.

Like those of `activations.py`, where `Activation` says what `compute` and `differentiate` do. Two have weights.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import math
from types import ModuleType

from npconformer.arrays.backend import normal_cdf
from npconformer.arrays.types import Array
from npconformer.ops.activations import GELU, Activation, sigmoid_of
from npconformer.tape.autograd import Operation, Tensor


def _softplus(xp: ModuleType, x: Array) -> Array:
    """log(1 + e^x), for either sign without overflow"""
    y = xp.abs(x)
    xp.negative(y, out=y)
    xp.exp(y, out=y)
    xp.log1p(y, out=y)
    y += xp.maximum(x, 0)
    return y


class QuickGELU(Activation):
    """y = x s, s = sigmoid(a x), a = 1.702;  dx = dy s (1 + a x (1 - s))   (Hendrycks and Gimpel 2016)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        s = xp.exp(-1.702 * x)
        s += 1
        xp.divide(x, s, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        s = sigmoid_of(xp, 1.702 * x)
        dx *= s * (1 + 1.702 * x * (1 - s))


class GELU10(Activation):
    """y = gelu(x), at most 10 (and never near -10);  dx that of gelu where gelu(x) <= 10   (Wu et al. 2020)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        GELU.compute(xp, y, x)
        xp.minimum(y, 10, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        GELU.differentiate(xp, dx, x)
        dx *= x * normal_cdf(x) <= 10


class Mish(Activation):
    """y = x t, t = tanh(log(1 + e^x));  dx = dy (t + x s (1 - t^2)), s = sigmoid(x)   (Misra 2019)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        t = xp.tanh(_softplus(xp, x))
        xp.multiply(x, t, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        t = xp.tanh(_softplus(xp, x))
        dx *= t + x * sigmoid_of(xp, x) * (1 - t * t)


class LeakyReLU(Activation):
    """y = x for x > 0, x / 100 elsewhere;  dx = dy, or dy / 100   (Maas et al. 2013)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        y[...] = xp.where(x > 0, x, 0.01 * x)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        dx[...] = xp.where(x > 0, dx, 0.01 * dx)  # of two Python numbers CuPy makes float16


class ReLUSquared(Activation):
    """y = max(x, 0)^2;  dx = 2 dy max(x, 0)   (So et al. 2021)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        xp.maximum(x, 0, out=y)
        y *= y

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        dx *= 2 * xp.maximum(x, 0)


class ReLU6(Activation):
    """y = x between 0 and 6, else the nearer of the two;  dx = dy where 0 < x < 6   (Krizhevsky 2010)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        xp.maximum(x, 0, out=y)
        xp.minimum(y, 6, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        dx *= (x > 0) & (x < 6)


class HardSwish(Activation):
    """y = x relu6(x + 3) / 6;  dx = dy (0 below -3, 1 above 3, x / 3 + 1/2 between)   (Howard et al. 2019)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        gate = xp.minimum(xp.maximum(x + 3, 0), 6)
        gate *= 1 / 6
        xp.multiply(x, gate, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        inside = xp.minimum(xp.maximum(x, -3), 3) * (1 / 3) + 0.5
        dx *= xp.where(x > 3, 1.0, inside * (x >= -3))


class Laplace(Activation):
    """y = P((x - m) / s), P the normal distribution function, m = 0.707107, s = 0.282095

    dx = dy e^(-z^2 / 2) / (s sqrt(2 pi)), z = (x - m) / s   (Ma et al. 2022)
    """

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        y[...] = normal_cdf((x - 0.707107) * (1 / 0.282095))

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        z = (x - 0.707107) * (1 / 0.282095)
        dx *= xp.exp(-0.5 * z * z) * (1 / (0.282095 * math.sqrt(2 * math.pi)))


class SqrtSoftplus(Activation):
    """y = sqrt(log(1 + e^x));  dx = dy sigmoid(x) / (2 y), 0 where y is"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        xp.sqrt(_softplus(xp, x), out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        y = xp.sqrt(_softplus(xp, x))
        dx *= sigmoid_of(xp, x) / (2 * xp.where(y > 0, y, 1.0))


class Identity(Activation):
    """y = x;  dx = dy"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        y[...] = x

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        pass


class PReLU(Operation):
    """y = x for x > 0, w x elsewhere;  dx = dy, or w dy;  dw = sum of dy x where x <= 0   (He et al. 2015)"""

    def forward(self, x: Array, weight: Array) -> Array:
        self.save(x, weight)
        return self.xp.where(x > 0, x, weight * x)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        x, weight = self.saved
        xp, dx, dw = self.xp, None, None
        if self.needs[0]:
            dx = grad * xp.where(x > 0, 1.0, weight)
        if self.needs[1]:
            dw = (grad * xp.minimum(x, 0)).sum().reshape(1)
        return dx, dw


class XIELU(Operation):
    """y = p x^2 + b x for x > 0, n (e^min(x, e) - 1 - x) + b x elsewhere   (Huang and Schlag 2024, section 3)

    p = log(1 + e^alpha_p), n = b + log(1 + e^alpha_n); b and e (a little below 0) are constants. So

    dx = dy (2 p x + b), or dy (n (e^x [x < e] - 1) + b);  dp = sum of dy x^2 where x > 0,  dn = sum of
    dy (e^min(x, e) - 1 - x) elsewhere;  d alpha = sigmoid(alpha) dp or dn.
    """

    def __init__(self, beta: float, eps: float) -> None:
        self.beta, self.eps = beta, eps

    def forward(self, x: Array, alpha_p: Array, alpha_n: Array) -> Array:
        xp = self.xp
        self.save(x, alpha_p, alpha_n)
        p, n = _softplus(xp, alpha_p), self.beta + _softplus(xp, alpha_n)
        return xp.where(x > 0, p * x * x, self._bend(x) * n) + self.beta * x

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, alpha_p, alpha_n = self.saved
        xp, positive = self.xp, x > 0
        p, n = _softplus(xp, alpha_p), self.beta + _softplus(xp, alpha_n)
        dx = dp = dn = None
        if self.needs[0]:
            slope = xp.exp(xp.minimum(x, 0)) * (x < self.eps) - 1
            dx = grad * (xp.where(positive, 2 * p * x, slope * n) + self.beta)
        if self.needs[1]:
            dp = (grad * xp.square(xp.maximum(x, 0))).sum() * sigmoid_of(xp, alpha_p)
        if self.needs[2]:
            dn = (grad * self._bend(x) * ~positive).sum() * sigmoid_of(xp, alpha_n)
        return dx, dp, dn

    def _bend(self, x: Array) -> Array:
        return self.xp.expm1(self.xp.minimum(x, self.eps)) - x


def quick_gelu(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x sigmoid(1.702 x)"""
    return QuickGELU(overwrite)(x)


def gelu_10(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """gelu, at most 10."""
    return GELU10(overwrite)(x)


def mish(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x tanh(log(1 + e^x))"""
    return Mish(overwrite)(x)


def leaky_relu(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x, or x / 100 below 0."""
    return LeakyReLU(overwrite)(x)


def relu2(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """max(x, 0)^2"""
    return ReLUSquared(overwrite)(x)


def relu6(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x, kept between 0 and 6."""
    return ReLU6(overwrite)(x)


def hardswish(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x relu6(x + 3) / 6"""
    return HardSwish(overwrite)(x)


def laplace(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """The probability that a normal number of mean 0.707107 and deviation 0.282095 is below x."""
    return Laplace(overwrite)(x)


def sqrtsoftplus(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """sqrt(log(1 + e^x))"""
    return SqrtSoftplus(overwrite)(x)


def identity(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x"""
    return Identity(overwrite)(x)


def prelu(x: Tensor | Array, weight: Tensor | Array) -> Tensor:
    """x, or x times the weight (1,) below 0."""
    return PReLU()(x, weight)


def xielu(x: Tensor | Array, alpha_p: Tensor | Array, alpha_n: Tensor | Array, beta: float, eps: float) -> Tensor:
    """The expanded integral of the exponential linear unit; alpha_p and alpha_n are (1,)."""
    return XIELU(beta, eps)(x, alpha_p, alpha_n)
