"""The layout: nothing over anything, edges downward, few crossings, the chain straight."""

import itertools

import numpy as np
import pytest

from npconformer.plots.layered_layout import lay_out
from npconformer.plots.spacing import separate, spread

DIAMOND = [[], [0], [0], [1, 2]]
RESIDUAL = [[], [0], [1], [0, 2]]  # 0 -> 3 runs past two layers


def random_graph(seed, nodes=60):
    rng = np.random.default_rng(seed)
    return [sorted(set(rng.integers(max(0, i - 8), i, rng.integers(0, 3)).tolist())) if i else [] for i in range(nodes)]


def assert_apart(layout, widths, gap):
    for layer in set(layout.layers):
        here = sorted((x, w) for x, w, of in zip(layout.x, widths, layout.layers) if of == layer)
        for (x, w), (other, wide) in itertools.pairwise(here):
            assert other - x >= (w + wide) / 2 + gap - 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_boxes_are_apart_and_edges_go_down_past_them(seed):
    sources = random_graph(seed)
    widths = np.random.default_rng(seed).uniform(20, 120, len(sources)).tolist()
    layout = lay_out(sources, widths, gap=10)
    assert_apart(layout, widths, 10)
    pairs = [(source, node) for node, before in enumerate(sources) for source in before]
    assert len(pairs) == len(layout.edges) > 40
    for (source, node), points in zip(pairs, layout.edges):
        assert points[0] == (layout.x[source], layout.layers[source])
        assert points[-1] == (layout.x[node], layout.layers[node])
        assert [layer for _, layer in points] == list(range(layout.layers[source], layout.layers[node] + 1))
        for x, layer in points[1:-1]:  # a joint is beside the boxes of its layer
            for other in range(len(sources)):
                if layout.layers[other] == layer:
                    assert abs(x - layout.x[other]) >= widths[other] / 2
    assert min(x - w / 2 for x, w in zip(layout.x, widths)) >= 0


def test_small_graphs():
    assert lay_out(DIAMOND, [10] * 4).layers == [0, 1, 1, 2]
    assert lay_out(RESIDUAL, [10] * 4).layers == [0, 1, 2, 3]
    single = lay_out([[]], [10])
    assert (single.layers, single.edges) == ([0], [])


def test_a_late_parameter_stands_right_above_what_needs_it():
    sources = [[], [0], [1], [], [2, 3]]
    assert lay_out(sources, [10] * 5).layers == [0, 1, 2, 2, 3]


def test_crossings_that_need_not_be_are_not():
    layout = lay_out([[], [], [], [2], [1], [0], [3, 4, 5]], [10] * 7)
    order = [sorted((layout.x[i], i) for i in row) for row in ([0, 1, 2], [3, 4, 5])]
    partner = {0: 5, 1: 4, 2: 3}
    assert [partner[i] for _, i in order[0]] == [i for _, i in order[1]]


def test_the_chain_is_straight_whatever_hangs_on_it():
    sources, chain = [[], []], [1]
    sources[1] = [0]
    for _ in range(30):  # each with two parameters of its own
        sources += [[], [], [chain[-1], len(sources), len(sources) + 1]]
        chain.append(len(sources) - 1)
    layout = lay_out(sources, [60.0] * len(sources))
    places = [layout.x[i] for i in chain]
    assert max(places) - min(places) < 6


def test_a_source_that_comes_later():
    with pytest.raises(ValueError, match=r"sources: those of node 1 must be 0..0, got \[2\]"):
        lay_out([[], [2], []], [1, 1, 1])


def test_separate_is_spread_without_ends():
    centres, widths = [1.0, 1.5, 9.0], [2.0, 4.0, 1.0]
    np.testing.assert_allclose(separate(centres, widths), spread(centres, widths, -100, 100))
    heavy = separate([0.0, 0.0], [2.0, 2.0], [1.0, 3.0])
    np.testing.assert_allclose(heavy, [-1.5, 0.5])  # minimises p² + 3 (p + 2)²
    np.testing.assert_allclose(separate([5.0, 0.0], [2.0, 2.0]), [1.5, 3.5])  # the order is kept
