"""Weighted sums of several tensors."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops

RNG = np.random.default_rng(0)
WEIGHTS, TERMS = RNG.standard_normal(3), [RNG.standard_normal((2, 3, 4)) for _ in range(3)]


def test_values_and_gradients(backend):
    expected = sum(w * x for w, x in zip(WEIGHTS, TERMS))
    check_operation(lambda w, *x: ops.weighted_sum(w, x), WEIGHTS, *TERMS, backend=backend, expected=expected)


def test_one_term(backend):
    check_operation(
        lambda w, x: ops.weighted_sum(w, [x]), WEIGHTS[:1], TERMS[0], backend=backend, expected=WEIGHTS[0] * TERMS[0]
    )


def test_bad_input():
    with pytest.raises(ValueError, match="weights: expected one for each of 2 terms"):
        ops.weighted_sum(WEIGHTS, TERMS[:2])
    with pytest.raises(ValueError, match="terms: expected equal shapes"):
        ops.weighted_sum(WEIGHTS, [*TERMS[:2], TERMS[2][0]])
