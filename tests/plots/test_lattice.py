"""The lattice of CTC: posteriors as summed over all paths one by one, and the path that `ctc_align` finds."""

import itertools

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart

from npconformer import ctc_align, plots
from npconformer.plots.lattice import path_of

pytest.importorskip("matplotlib")

LOGITS = np.random.default_rng(1).normal(size=(5, 3))
LABELS = [2, 1]


def posteriors_by_hand(logits, labels, blank=0):
    """(T, L): all sequences of states that may follow each other, one by one."""
    states = [blank, *(one for label in labels for one in (label, blank))]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    posteriors = np.zeros((len(logits), len(states)))
    for path in itertools.product(range(len(states)), repeat=len(logits)):
        steps = np.diff(path)
        skips = [s for s, step in zip(path[1:], steps) if step == 2]
        if path[0] > 1 or path[-1] < len(states) - 2 or steps.min() < 0 or steps.max() > 2:
            continue
        if any(states[s] == blank or states[s] == states[s - 2] for s in skips):
            continue
        probability = np.prod([probabilities[t, states[s]] for t, s in enumerate(path)])
        for t, s in enumerate(path):
            posteriors[t, s] += probability
    return posteriors / posteriors.sum(axis=1, keepdims=True)


def test_posteriors_and_path():
    figure = plots.alignment_map(LOGITS, LABELS, tokens=["B", "A"], seconds_per_frame=0.02)
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), posteriors_by_hand(LOGITS, LABELS).T, atol=1e-12)
    assert axes.images[0].get_extent() == [0, 0.1, 4.5, -0.5] and axes.get_xlabel() == "time (s)"
    times, states = axes.lines[0].get_data()
    np.testing.assert_allclose(times, [0.01, 0.03, 0.05, 0.07, 0.09])
    alignment = ctc_align(LOGITS, LABELS)
    classes = [0, 2, 0, 1, 0]  # of the states
    assert [classes[s] for s in states] == alignment.classes.tolist()
    assert set(np.diff(states)) <= {0, 1, 2} and states[0] <= 1 and states[-1] >= 3
    assert [(label.get_position()[1], label.get_text()) for label in axes.get_yticklabels()] == [(1, "B"), (3, "A")]
    assert_texts_are_apart(figure)


def test_blanks_belong_behind_the_label_before_them():
    logits = 9.0 * np.eye(3)[[0, 2, 2, 0, 0, 1, 0]]
    assert path_of(ctc_align(logits, LABELS)).tolist() == [0, 1, 1, 2, 2, 3, 4]
    assert path_of(ctc_align(logits[:1], [])).tolist() == [0]


def test_a_long_text_and_signs_of_all_kinds():
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 6, 90)
    logits = rng.normal(size=(400, 6))
    figure = plots.alignment_map(logits, labels, tokens=["$x_{", "\n", "A", "^", "ß"] * 18)
    assert figure.axes[0].images[0].get_array().shape == (181, 400)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:3] == ["$x_{", "A", "ß"] and len(names) == 45  # every second one
    assert_texts_are_apart(figure)


def test_no_labels_and_bad_input():
    figure = plots.alignment_map(LOGITS, [])
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), np.ones((1, 5)))
    with pytest.raises(ValueError, match="tokens: expected 2 names, one for each label, got 1"):
        plots.alignment_map(LOGITS, LABELS, tokens=["A"])
    with pytest.raises(ValueError, match=r"labels: expected numbers \(labels\)"):
        plots.alignment_map(LOGITS, [LABELS])
    with pytest.raises(ValueError, match="need at least 6 frames"):
        plots.alignment_map(LOGITS, [1, 2, 1, 2, 1, 2])
