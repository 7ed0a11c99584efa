"""Padding by torch's rules, against NumPy's."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import functional as F
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(2, 3, 5))
NUMPYS_NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", NUMPYS_NAMES)
@pytest.mark.parametrize("widths", [(1, 0), (0, 2), (4, 3), (2, 1, 1, 2)], ids=str)
def test_by_its_own_numbers(backend, mode, widths):
    pairs = [(0, 0)] * (3 - len(widths) // 2) + [widths[i : i + 2] for i in range(len(widths) - 2, -1, -2)]
    expected = np.pad(X, pairs, mode=NUMPYS_NAMES[mode])
    check_operation(lambda x: F.pad(x, widths, mode=mode), X, backend=backend, expected=expected, any_order=True)


def test_with_a_constant(backend):
    expected = np.pad(X, [(0, 0), (1, 0), (2, 3)], constant_values=-1.5)
    check_operation(lambda x: F.pad(x, (2, 3, 1, 0), value=-1.5), X, backend=backend, expected=expected)
    check_operation(lambda x: F.pad(x, (0, 1)), X, backend=backend, expected=np.pad(X, [(0, 0), (0, 0), (0, 1)]))
    expected = np.pad(X[:, :, 1:], [(0, 0), (0, 0), (0, 2)])
    check_operation(lambda x: F.pad(x, (-1, 2)), X, backend=backend, expected=expected)


@pytest.mark.parametrize(
    "arguments",
    [((1,),), ((0,) * 8,), ((1, 1), "mirror"), ((5, 0), "reflect"), ((0, 6), "circular"), ((1, 1), "reflect", 2.0)],
    ids=str,
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=r"pad|mode|value"):
        F.pad(Tensor(X), *arguments)
