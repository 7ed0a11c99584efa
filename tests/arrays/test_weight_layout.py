"""How loaded weights lie in memory."""

import numpy as np
import pytest

from npconformer.arrays import weight_layout as layout


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
    matrix = layout.matrix_of_taps(kernel, slice(0, 4), 1)[0]  # what the convolution multiplies by
    np.testing.assert_array_equal(matrix, kernel.transpose(0, 2, 1).reshape(6, 20))
    assert np.shares_memory(matrix, kernel) and matrix.T.flags.c_contiguous
    assert not np.shares_memory(layout.matrix_of_taps(np.ascontiguousarray(kernel), slice(0, 4), 1), kernel)


def test_taps_of_grouped_kernels():
    kernel = np.random.default_rng(0).standard_normal((6, 2, 4))
    matrix = layout.matrix_of_taps(kernel, slice(1, 3), 3)  # (G, O/G, taps*C/G)
    for g, o, tap, c in np.ndindex(3, 2, 2, 2):
        assert matrix[g, o, 2 * tap + c] == kernel[2 * g + o, c, 1 + tap]


def test_what_an_optimiser_may_change():
    weight = np.ones((3, 4), np.float32)
    assert layout.can_change_in_place(weight) and layout.lies_as_stored(weight)
    assert not layout.can_change_in_place(layout.lie_transposed(weight))
    assert not layout.lies_as_stored(layout.lie_transposed(weight))
    weight.flags.writeable = False
    assert not layout.can_change_in_place(weight)
