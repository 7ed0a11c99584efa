"""The distribution function of the normal distribution, which NumPy lacks: Φ(x) = 1/√(2π) ∫ exp(-t²/2) dt up to x.

GELU is x Φ(x). In terms of the error function Φ(x) = (1 + erf(x/√2)) / 2. Each precision has its own formula: float32
is where the time goes, float64 where the digits matter.

float32, one formula for all x:

    Φ(x) ≈ 1 / (1 + exp(-x q(x²))),    q a polynomial of degree 6

log(Φ(x) / Φ(-x)) / x is a smooth even function, the exponential is one vectorised call, and the flat ends of the
logistic function forgive the polynomial there, which grows as it should. q is a minimax fit of that function for |x| <
5.5, made by Lawson's iteration: weighted least squares in a Chebyshev basis, each weight multiplied by its point's
error until the errors level out. The error counted is that of Φ, times |x| where |x| > 1: it is 6.6e-8 at most, before
rounding, and 1.6e-7 after it. x Φ(x) is then within 6e-7 for |x| < 9; torch's GELU is within 1.2e-6. Every step is a
pass over the array, so that a term fewer is time saved.

float64, two formulas, with s = |x| / √2:

    s < 1:   Φ(x) = 1/2 + x/√(2π) Σ_k (-1)^k s^(2k) / (k! (2k+1)),     Taylor's series, 20 terms
    s >= 1:  Φ(-|x|) = exp(-s²) g(t) / 2,  t = 20 / (s + 4) - 3,  s clamped to 6 in t;   Φ(|x|) = 1 - Φ(-|x|)

g is the Chebyshev interpolation of exp(s²) erfc(s) on [1, 6], which t maps to [-1, 1]: 40 nodes, computed with 40
digits, cut to degree 15, where its error is 5e-17. The result is within 2e-14 of Φ(x), relatively, as long as s < 6.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import math

import numpy as np

from npconformer.arrays.kept_memory import empty

_LOGIT_POLYNOMIAL = (
    1.5957690617748312,
    0.07266759364835201,
    -6.572198127651689e-05,
    -0.00011061825800718536,
    7.955727893070216e-06,
    -2.6794722779468617e-07,
    3.634999820216002e-09,
)

_TAYLOR = tuple((-1) ** k / (math.factorial(k) * (2 * k + 1)) / math.sqrt(2 * math.pi) for k in range(20))
_SCALED_ERFC = (
    0.19907263099386566,
    0.1481299299145833,
    0.055891085566079926,
    0.01807843722701217,
    0.004990286041095323,
    0.0011615374405664438,
    0.0002225964317247535,
    3.3461277068951865e-05,
    3.498817724023179e-06,
    1.4320648197952078e-07,
    -2.577221995720181e-08,
    -4.956452382819659e-09,
    -1.0609154508863848e-10,
    6.91684085020135e-11,
    5.994511917415014e-12,
    -7.945498489642003e-13,
)


def normal_cdf_numpy(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Φ(x), element by element.

    Args:
        x: float16, float32 or float64; any shape and strides. float16 is computed in float32.
        out: where to write, of x's shape and dtype; may not be x itself.

    Returns:
        Φ(x) in x's dtype, in [0, 1]; NaN for NaN.

    Raises:
        ValueError: x is not floating-point, or out does not match it.
    """
    x = np.asanyarray(x)
    if x.dtype not in (np.float16, np.float32, np.float64):
        raise ValueError(f"x has dtype {x.dtype}: expected float16, float32 or float64")
    if out is None:
        out = empty(np, x.shape, x.dtype)
    elif out.shape != x.shape or out.dtype != x.dtype:
        raise ValueError(f"out has shape {out.shape} and dtype {out.dtype}: expected {x.shape} and {x.dtype}, as x has")
    if x.dtype == np.float64:
        out[...] = _cdf64(x)
    elif x.dtype == np.float16:
        out[...] = normal_cdf_numpy(x.astype(np.float32))
    else:
        _cdf32(x, out)
    return out


def _horner(z: np.ndarray, coefficients: tuple[float, ...], out: np.ndarray | None = None) -> np.ndarray:
    """Σ_k coefficients[k] z^k, in z's dtype."""
    scalars = [z.dtype.type(c) for c in coefficients]
    total = np.multiply(z, scalars[-1], out=out)
    for c in scalars[-2:0:-1]:
        total += c
        total *= z
    total += scalars[0]
    return total


def _cdf32(x: np.ndarray, out: np.ndarray) -> None:
    with np.errstate(over="ignore"):  # far out the exponential is 0 or infinite, and Φ is 1 or 0
        z = np.square(x, out=empty(np, x.shape, x.dtype))
        _horner(z, tuple(-c for c in _LOGIT_POLYNOMIAL), out=out)
        out *= x
        np.exp(out, out=out)
        out += 1
        np.reciprocal(out, out=out)


def _cdf64(x: np.ndarray) -> np.ndarray:
    is_large = np.abs(x) >= math.sqrt(2)
    small, large = x[~is_large], x[is_large]  # NaN compares false: it is among the small
    result = np.empty(x.shape)
    result[~is_large] = 0.5 + small * _horner(small * small * 0.5, _TAYLOR)
    t = 20 / (np.minimum(np.abs(large) * math.sqrt(0.5), 6.0) + 4) - 3
    tail = 0.5 * np.exp(-0.5 * large * large) * _horner(t, _SCALED_ERFC)
    result[is_large] = np.where(large < 0, tail, 1 - tail)
    return result
