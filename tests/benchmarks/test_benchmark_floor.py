"""The floor makes the products that it was given, each weight from memory of its own."""

import numpy as np
import pytest

from benchmarks import floor as floors
from benchmarks.floor import Floor
from benchmarks.products import Product

PRODUCTS = [
    Product("weight", 6, 4, 5),
    Product("weight", 3, 4, 5),
    Product("scores", 6, 4, 6, stack=2, weight=False),
    Product("context", 6, 6, 4, stack=2, weight=False, transposed=False),
]


def test_it_makes_every_product():
    floor = Floor(PRODUCTS, np)
    for product, (left, right, out) in zip(PRODUCTS, floor.operands):
        stack = () if product.stack == 1 else (product.stack,)
        assert left.shape == (*stack, product.rows, product.inner)
        assert right.shape == (*stack, product.inner, product.columns)
        assert out.shape == (*stack, product.rows, product.columns)
        assert left.dtype == right.dtype == out.dtype == np.float32
    floor()
    left, right, out = floor.operands[-1]  # the last one's result is still there
    np.testing.assert_allclose(out, left @ right, rtol=1e-6)
    assert np.all(out != 0)


def test_weights_have_memory_of_their_own_and_the_rest_is_shared():
    (_, first, _), (_, second, _), (_, keys, _), (_, values, _) = Floor(PRODUCTS, np).operands
    assert not np.shares_memory(first, second)
    assert not np.shares_memory(first, keys)
    assert np.shares_memory(keys, values)
    assert first.T.flags.c_contiguous  # stored (columns, inner), as in a checkpoint
    assert values.flags.c_contiguous


def test_seconds_by_kind():
    seconds = Floor(PRODUCTS, np).seconds_by_kind()
    assert list(seconds) == ["weight", "scores", "context"]
    assert all(value > 0 for value in seconds.values())


def test_other_dtypes():
    assert Floor(PRODUCTS[:1], np, "float64").operands[0][2].dtype == np.float64


@pytest.mark.parametrize("model, rows", [("w2v-bert", 49), ("base", 3199)])
def test_lengths_are_samples_or_rows_of_features(monkeypatch, model, rows):
    seen = []

    class Seen:
        def __init__(self, products, xp):
            seen.extend(products)

        def __call__(self):
            pass

        def seconds_by_kind(self):
            return {}

    monkeypatch.setattr(floors, "Floor", Seen)
    assert floors.measure_kinds(model, 1.0, 1) == {}
    assert seen[0].rows == rows
