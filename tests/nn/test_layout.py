"""How loaded weights lie in memory."""

import numpy as np
import pytest

from npconformer.nn import layout


@pytest.mark.parametrize(
    ("shape", "is_moved"),
    [
        ((512, 512), True),
        ((512, 513), False),
        ((512, 512, 1), True),  # a pointwise convolution is a matrix
        ((512, 513, 1), False),
        ((512, 512, 4), True),
        ((512, 512, 5), False),
        ((40, 1, 31), True),
        ((600,), False),
    ],
)
def test_kernels_and_small_matrices_are_transposed_in_memory(shape, is_moved):
    weight = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    moved = layout.lay_out(weight)
    np.testing.assert_array_equal(moved, weight)
    assert moved.flags.f_contiguous if is_moved else moved is weight


def test_what_was_read_only_stays_so():
    weight = np.ones((3, 4), np.float32)
    assert layout.lay_out(weight).flags.writeable
    weight.flags.writeable = False
    assert not layout.lay_out(weight).flags.writeable


def test_an_array_that_lies_so_already_is_neither_copied_nor_changed():
    weight = np.asfortranarray(np.ones((3, 4), np.float32))
    assert np.shares_memory(layout.lay_out(weight), weight) and weight.flags.writeable


def test_a_kernels_matrix_is_a_view():
    kernel = layout.lay_out(np.random.default_rng(0).standard_normal((6, 5, 4)))
    matrix = kernel.swapaxes(1, 2).reshape(6, 20)  # what the convolution multiplies by
    assert np.shares_memory(matrix, kernel) and matrix.T.flags.c_contiguous
