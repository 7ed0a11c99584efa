"""Confidence of letters, words and segments: beside hand computation, and beside a plain reading of its definition."""

import itertools
import math

import numpy as np
import pytest

from npconformer.text.confidence import best_path_log_probs, segment_confidence, span_confidences


def test_by_hand():
    classes = [0, 2, 2, 0, 3, 1, 2, 0]  # _ A A _ B | A _
    log_probs = np.log([0.9, 0.5, 0.8, 0.1, 0.5, 0.2, 0.3, 0.4])
    word, last, letter, nothing = span_confidences(classes, log_probs, [(1, 5), (6, 7), (4, 5), (7, 8)], {0, 1})
    assert word == pytest.approx(0.8 * 0.5)  # the surest frame of A, times B; the blank between does not count
    assert last == pytest.approx(0.3)
    assert letter == pytest.approx(0.5)
    assert nothing is None
    assert segment_confidence([word, last, None]) == pytest.approx((0.4 + 0.3) / 2)
    assert segment_confidence([None]) is None and segment_confidence([]) is None


def test_equal_neighbours_are_two_letters():
    assert span_confidences([2, 0, 2], np.log([0.5, 0.9, 0.25]), [(0, 3)], {0}) == [pytest.approx(0.125)]


@pytest.mark.parametrize("seed", range(4))
def test_beside_the_definition_read_plainly(seed):
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((60, 5))
    best = logits.argmax(-1)
    probability = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    edges = np.flatnonzero(np.diff(best, prepend=-1)).tolist() + [60]
    spans = [(edges[i], edges[min(i + 5, len(edges) - 1)]) for i in range(0, len(edges) - 1, 5)]
    expected = []
    for start, end in spans:
        frames = [(int(best[t]), probability[t, best[t]]) for t in range(start, end)]
        peaks = [max(p for _, p in run) for k, run in itertools.groupby(frames, lambda f: f[0]) if k not in (0, 1)]
        expected.append(pytest.approx(math.prod(peaks), rel=1e-5) if peaks else None)
    assert span_confidences(best, best_path_log_probs(logits), spans, {0, 1}) == expected


def test_log_probs_of_the_best_class():
    logits = np.array([[[0.0, math.log(3)], [-math.inf, 500.0], [np.nan, 0.0]]], np.float32)
    result = best_path_log_probs(logits)
    assert result.shape == (1, 3) and result.dtype == np.float32
    np.testing.assert_allclose(result, [[math.log(0.75), 0.0, np.nan]], rtol=1e-6)


def test_bad_input():
    with pytest.raises(ValueError, match=r"expected one of each per frame, got shapes \(2,\) and \(3,\)"):
        span_confidences([0, 1], np.zeros(3), [], {0})
    assert span_confidences([], np.zeros(0), [(0, 0)], {0}) == [None]
