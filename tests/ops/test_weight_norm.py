"""Weight normalisation: direction from one parameter, length from another."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.tape.autograd import Tensor


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_weight_norm(backend, axis):
    v = np.random.default_rng(0).normal(size=(4, 3, 2))
    shape = [n if i == axis % 3 else 1 for i, n in enumerate(v.shape)]
    g = np.random.default_rng(1).normal(size=shape)
    expected = np.zeros(v.shape)
    for k in range(v.shape[axis]):
        part = v.take(k, axis=axis)
        lengthened = part / sum(x * x for x in part.ravel()) ** 0.5 * g.ravel()[k]
        np.moveaxis(expected, axis, 0)[k] = lengthened
    check_operation(lambda g, v: ops.weight_norm(g, v, axis), g, v, backend=backend, expected=expected)


@pytest.mark.parametrize("shape", [(4,), (1, 1, 2), (4, 3, 2), (4, 1)], ids=str)
def test_bad_shape_of_g(backend, shape):
    v = Tensor(backend.from_host(np.ones((4, 3, 2))))
    with pytest.raises(ValueError, match="g: expected shape"):
        ops.weight_norm(Tensor(backend.from_host(np.ones(shape))), v)


def test_axis_out_of_range():
    with pytest.raises(ValueError, match="axis"):
        ops.weight_norm(Tensor(np.ones((1, 1, 2))), Tensor(np.ones((4, 3, 2))), axis=5)
