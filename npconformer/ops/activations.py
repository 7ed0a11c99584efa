"""Activations, element by element; each is a function and its derivative. `activation_names` finds one by its name.

Each class has `compute(xp, y, x)`, which writes y = f(x) for a piece of rows that fits the cache, and
`differentiate(xp, dx, x)`, which multiplies dx, the upstream gradient, by f'(x) in place.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import ClassVar

from npconformer.arrays import threads
from npconformer.arrays.backend import normal_cdf
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


def _rows(x: Array) -> Array:
    """(..., C) -> (N, C)"""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1] if x.ndim else 1)


def sigmoid_of(xp: ModuleType, x: Array, y: Array | None = None) -> Array:
    """1 / (1 + e^-x), in y if there is one. Where e^-x overflows to infinity it is 0, which is right."""
    y = xp.negative(x, out=y)
    xp.exp(y, out=y)
    y += 1
    return xp.reciprocal(y, out=y)


def times_sigmoid(xp: ModuleType, a: Array, x: Array, y: Array) -> None:
    """y = a / (1 + e^-x), a sigmoid(x), with one rounding fewer. y's memory must be its own."""
    xp.negative(x, out=y)
    xp.exp(y, out=y)
    y += 1
    xp.divide(a, y, out=y)


class Activation(Operation):
    """y = f(x);  dx = dy f'(x). With `overwrite`, y takes x's memory where no gradient will need x.

    works_in_place: whether `compute` may be given one array as both; if not, it needs no memory beside y.
    """

    works_in_place: ClassVar[bool] = True

    def __init__(self, overwrite: bool = False) -> None:
        self.overwrite = overwrite

    def forward(self, x: Array) -> Array:
        self.save(x)
        in_place = self.works_in_place and self.overwrite and not self.recording and x.flags.c_contiguous
        y = x if in_place else empty(self.xp, x.shape, x.dtype)
        threads.run_elementwise(self.compute, _rows(y), _rows(x))
        return y

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        dx = grad.copy()
        threads.run_elementwise(self.differentiate, _rows(dx), _rows(x))
        return dx

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        raise NotImplementedError

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        raise NotImplementedError


class ReLU(Activation):
    """y = max(x, 0);  dx = dy where x > 0"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        xp.maximum(x, 0, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        dx *= x > 0


class Sigmoid(Activation):
    """y = 1 / (1 + e^-x);  dx = dy y (1 - y)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        sigmoid_of(xp, x, y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        y = sigmoid_of(xp, x)
        dx *= y
        dx *= 1 - y


class Tanh(Activation):
    """y = tanh x;  dx = dy (1 - y^2)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        xp.tanh(x, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        y = xp.tanh(x)
        dx *= 1 - y * y


class SiLU(Activation):
    """y = x s, s = sigmoid(x), also called swish;  dx = dy s (1 + x (1 - s))"""

    works_in_place = False

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        times_sigmoid(xp, x, x, y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        s = sigmoid_of(xp, x)
        dx *= s
        dx *= 1 + x * (1 - s)


class GELU(Activation):
    """y = x P, P = (1 + erf(x / sqrt 2)) / 2;  dx = dy (P + x e^(-x^2/2) / sqrt(2 pi))   (Hendrycks and Gimpel 2016)"""

    works_in_place = False

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        normal_cdf(x, out=y)
        y *= x

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        slope = x * x
        slope *= -0.5
        xp.exp(slope, out=slope)
        slope *= x
        slope *= 1 / math.sqrt(2 * math.pi)
        slope += normal_cdf(x)
        dx *= slope


class GELUNew(Activation):
    """y = x (1 + t) / 2, t = tanh(a (x + c x^3)), a = sqrt(2/pi), c = 0.044715

    dx = dy ((1 + t) / 2 + x (1 - t^2) a (1 + 3 c x^2) / 2)
    """

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        t = _gelu_new_tanh(xp, x)
        t += 1
        t *= 0.5
        xp.multiply(x, t, out=y)

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        t = _gelu_new_tanh(xp, x)
        slope = _GELU_NEW_A * (1 + 3 * _GELU_NEW_C * x * x)
        dx *= 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope


_GELU_NEW_A, _GELU_NEW_C = math.sqrt(2 / math.pi), 0.044715


def _gelu_new_tanh(xp: ModuleType, x: Array) -> Array:
    t = x * x
    t *= _GELU_NEW_C
    t += 1
    t *= x
    t *= _GELU_NEW_A
    return xp.tanh(t, out=t)


class SELU(Activation):
    """y = l x for x > 0, l a (e^x - 1) elsewhere;  dx = dy l, or dy l a e^x   (Klambauer et al. 2017)"""

    @staticmethod
    def compute(xp: ModuleType, y: Array, x: Array) -> None:
        negative = _SELU_ALPHA * xp.expm1(xp.minimum(x, 0))
        y[...] = xp.where(x > 0, x, negative)
        y *= _SELU_SCALE

    @staticmethod
    def differentiate(xp: ModuleType, dx: Array, x: Array) -> None:
        slope = _SELU_ALPHA * xp.exp(xp.minimum(x, 0))
        dx *= xp.where(x > 0, slope / _SELU_ALPHA, slope)
        dx *= _SELU_SCALE


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


class GLU(Operation):
    """The gated linear unit (Dauphin et al. 2017): y = a s, s = sigmoid(b), a and b the halves of x's channels.

    da = dy s,  db = dy a s (1 - s)
    """

    def forward(self, x: Array) -> Array:
        self.save(x)
        y = empty(self.xp, (*x.shape[:-1], x.shape[-1] // 2), x.dtype)
        threads.run_elementwise(self.compute, _rows(y), *_halves(_rows(x)))
        return y

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        dx = empty(self.xp, x.shape, x.dtype)
        threads.run_elementwise(self.differentiate, *_halves(_rows(dx)), *_halves(_rows(x)), _rows(grad), outputs=2)
        return dx

    @staticmethod
    def compute(xp: ModuleType, y: Array, a: Array, b: Array) -> None:
        times_sigmoid(xp, a, b, y)

    @staticmethod
    def differentiate(xp: ModuleType, da: Array, db: Array, a: Array, b: Array, grad: Array) -> None:
        s = sigmoid_of(xp, b)
        xp.multiply(grad, s, out=da)
        xp.multiply(da, a, out=db)
        db *= 1 - s


def _halves(x: Array) -> tuple[Array, Array]:
    """(N, 2C) -> (N, C), (N, C)"""
    channels = x.shape[-1] // 2
    return x[:, :channels], x[:, channels:]


def fused_class(activation: object) -> type[Activation] | None:
    """The class of an activation that is one of the functions below; None for anything else."""
    return _CLASSES.get(activation)


def relu(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """max(x, 0)"""
    return ReLU(overwrite)(x)


def sigmoid(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """1 / (1 + e^-x)"""
    return Sigmoid(overwrite)(x)


def tanh(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """The hyperbolic tangent."""
    return Tanh(overwrite)(x)


def silu(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x sigmoid(x), also called swish."""
    return SiLU(overwrite)(x)


def gelu(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """x times the probability that a standard normal number is below x, exactly."""
    return GELU(overwrite)(x)


def gelu_new(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """The tanh approximation of gelu."""
    return GELUNew(overwrite)(x)


def selu(x: Tensor | Array, overwrite: bool = False) -> Tensor:
    """The self-normalising exponential linear unit."""
    return SELU(overwrite)(x)


def glu(x: Tensor | Array) -> Tensor:
    """The gated linear unit: first half of the channels times the sigmoid of the second half; (..., 2C) -> (..., C)."""
    if x.shape[-1] % 2:
        raise ValueError(f"glu: the last axis must have an even length, got {x.shape[-1]}")
    return GLU()(x)


_CLASSES: dict[object, type[Activation]] = {
    relu: ReLU,
    sigmoid: Sigmoid,
    tanh: Tanh,
    silu: SiLU,
    gelu: GELU,
    gelu_new: GELUNew,
    selu: SELU,
}
