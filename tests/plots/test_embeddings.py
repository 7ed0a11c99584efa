"""Two principal components: as the eigenvectors of the covariance have it, each label in colours of its own."""

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart

from npconformer import plots

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(40, 6)) * [5, 1, 3, 0.5, 0.2, 0.1] + 7


def test_against_the_covariance():
    points, shares = plots.principal_components(VECTORS)
    values, directions = np.linalg.eigh(np.cov(VECTORS.T))
    np.testing.assert_allclose(shares, values[::-1][:2] / values.sum(), rtol=1e-12)
    for k in range(2):
        direction = directions[:, -1 - k]
        direction = direction * np.sign(direction[np.abs(direction).argmax()])
        np.testing.assert_allclose(points[:, k], (VECTORS - VECTORS.mean(axis=0)) @ direction, atol=1e-12)


def test_vectors_that_are_all_equal():
    points, shares = plots.principal_components(np.ones((3, 4)))
    assert not points.any() and not shares.any()


def test_the_picture():
    pytest.importorskip("matplotlib")
    labels = [f"speaker ${k}" for k in range(10) for _ in range(4)]
    figure = plots.embedding_map(VECTORS, labels)
    axes = figure.axes[0]
    points, shares = plots.principal_components(VECTORS)
    groups = {one.get_label(): one for one in axes.collections}
    assert list(groups) == list(dict.fromkeys(labels))
    np.testing.assert_array_equal(groups["speaker $3"].get_offsets(), points[12:16])
    looks = {(tuple(one.get_facecolor()[0]), len(one.get_paths()[0])) for one in groups.values()}
    assert len(looks) == 10  # no two labels look the same
    assert axes.get_xlabel() == f"component 1 ({shares[0]:.0%} of the variance)"
    assert_texts_are_apart(figure)
    assert plots.embedding_map(VECTORS).axes[0].get_legend() is None


def test_bad_input():
    with pytest.raises(ValueError, match="labels: expected 40, one for each vector, got 1"):
        plots.embedding_map(VECTORS, ["a"])
    with pytest.raises(ValueError, match=r"count: expected 1..1 components of vectors \(1, 4\), got 2"):
        plots.embedding_map(np.ones((1, 4)))
    with pytest.raises(ValueError, match="vectors: expected finite numbers"):
        plots.principal_components([[np.nan, 1], [2, 3]])
