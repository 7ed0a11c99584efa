"""Forced alignment beside every path written out, beside a naive recursion, and its promises at the edges."""

import math

import numpy as np
import pytest
from alignment_twins import best_path_by_recursion, best_score_by_enumeration, collapse
from hypothesis import given, settings
from hypothesis import strategies as st

import npconformer
from npconformer import Tensor, ctc_align
from npconformer.losses import ctc_loss
from npconformer.text.ctc_alignment import WILDCARD, WILDCARD_COST, log_probs_of


def random_logits(*shape, seed=0):
    return 2 * np.random.default_rng(seed).standard_normal(shape)


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def check_consistent(alignment, logits, labels, blank):
    """The path says the labels, and every field tells of that path."""
    frames = len(logits)
    assert collapse(alignment.classes.tolist(), blank) == list(labels)
    at_frames = np.array([*labels, blank])[alignment.positions]  # position -1 is the blank
    np.testing.assert_array_equal(at_frames, alignment.classes)
    assert np.all(np.diff(alignment.positions[alignment.positions >= 0]) >= 0)
    expected = log_softmax(np.asarray(logits, np.float64))[np.arange(frames), alignment.classes]
    np.testing.assert_allclose(alignment.log_probs, expected, rtol=1e-12, atol=1e-12)
    assert alignment.score == pytest.approx(expected.sum(), rel=1e-12)
    assert len(alignment.spans) == len(labels)
    for i, (start, end) in enumerate(alignment.spans):
        np.testing.assert_array_equal(np.flatnonzero(alignment.positions == i), np.arange(start, end))


# -inf and equal values among the logits: impossible classes and ties
LOGIT = st.one_of(st.floats(-9, 9), st.sampled_from([0.0, 1.0, -math.inf]))


@st.composite
def small_cases(draw):
    frames, classes = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    rows = st.lists(LOGIT, min_size=classes, max_size=classes).filter(lambda row: max(row) > -math.inf)
    logits = np.array(draw(st.lists(rows, min_size=frames, max_size=frames)))
    blank = draw(st.integers(0, classes - 1))
    letters = st.sampled_from([k for k in range(classes) if k != blank])
    return logits, draw(st.lists(letters, max_size=frames)), blank


@settings(max_examples=300, deadline=None)
@given(small_cases())
def test_beside_every_path(case):
    logits, labels, blank = case
    with np.errstate(divide="ignore"):
        best = best_score_by_enumeration(log_softmax(logits), labels, blank)
    if best == -math.inf:
        with pytest.raises(ValueError, match="labels: "):
            ctc_align(logits, labels, blank)
        return
    alignment = ctc_align(logits, labels, blank)
    assert alignment.score == pytest.approx(best, rel=1e-12, abs=1e-12)
    check_consistent(alignment, logits, labels, blank)


@pytest.mark.parametrize("blank", [0, 3, 6])
@pytest.mark.parametrize("seed", range(5))
def test_beside_whole_paths_kept(seed, blank):
    random = np.random.default_rng(seed)
    logits = random_logits(60, 7, seed=seed)
    labels = random.choice([k for k in range(7) if k != blank], 20).tolist()
    labels[3] = labels[4]  # a pair that needs a blank between
    score, path = best_path_by_recursion(log_softmax(logits), labels, blank)
    alignment = ctc_align(logits, labels, blank)
    assert alignment.score == pytest.approx(score, rel=1e-12)
    assert alignment.classes.tolist() == path
    check_consistent(alignment, logits, labels, blank)


def test_more_states_than_a_byte_counts():
    logits = random_logits(330, 30)
    labels = np.random.default_rng(1).integers(1, 30, 150).tolist()
    score, path = best_path_by_recursion(log_softmax(logits), labels)
    alignment = ctc_align(logits, labels)
    assert alignment.score == pytest.approx(score, rel=1e-12)
    assert alignment.classes.tolist() == path


@pytest.mark.parametrize(
    ("labels", "frames", "path"),
    [
        ([], 3, [0, 0, 0]),
        ([2], 1, [2]),
        ([1, 2, 1], 3, [1, 2, 1]),  # a frame for each label
        ([1, 1], 3, [1, 0, 1]),  # and for the blank between equal ones
        ([1, 1, 2, 2], 6, [1, 0, 1, 2, 0, 2]),
    ],
)
def test_where_there_is_one_path_only(labels, frames, path):
    logits = random_logits(frames, 3)
    if labels:
        assert ctc_align(logits, labels).classes.tolist() == path
    else:
        alignment = ctc_align(logits, labels)
        assert alignment.classes.tolist() == path and alignment.spans == []
        assert alignment.score == pytest.approx(log_softmax(logits)[:, 0].sum())
        assert alignment.score == pytest.approx(-ctc_loss(logits[None], [[-100]], compute_dtype=None).item())


def test_the_best_path_is_one_of_those_that_the_loss_sums():
    logits = random_logits(40, 6)
    labels = [1, 2, 2, 5, 4]
    loss = ctc_loss(logits[None], [labels], reduction="sum", compute_dtype=None).item()
    assert -loss > ctc_align(logits, labels).score > -loss - 40 * math.log(6)


def test_what_greedy_decoding_reads_is_aligned_with_the_greedy_path():
    logits = random_logits(50, 6)
    greedy = logits.argmax(axis=-1)
    labels = collapse(greedy.tolist(), 0)
    np.testing.assert_array_equal(ctc_align(logits, labels).classes, greedy)


@settings(max_examples=30, deadline=None)
@given(small_cases(), st.floats(-50, 50))
def test_log_probabilities_serve_as_well_and_a_shift_changes_nothing(case, shift):
    logits, labels, blank = case
    try:
        expected = ctc_align(logits, labels, blank)
    except ValueError:
        return
    for same in (log_probs_of(logits), logits + shift):
        assert ctc_align(same, labels, blank).score == pytest.approx(expected.score, rel=1e-9, abs=1e-9)


def test_kinds_of_arrays(backend):
    logits, labels = random_logits(9, 4).astype(np.float32), [3, 1, 1]
    expected = ctc_align(logits, labels)
    assert expected.log_probs.dtype == np.float64
    before = logits.copy()
    on_device = backend.from_host(logits)
    for given_logits in (logits.tolist(), on_device, Tensor(on_device), np.asfortranarray(logits)):
        for given_labels in (labels, tuple(labels), np.array(labels, np.uint8), backend.from_host(np.array(labels))):
            alignment = ctc_align(given_logits, given_labels)
            np.testing.assert_array_equal(alignment.classes, expected.classes)
    np.testing.assert_array_equal(logits, before)
    assert ctc_align(logits.astype(np.float16), labels).score == pytest.approx(expected.score, rel=1e-2)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (r"logits: expected a floating array \(frames, classes\) of one utterance, got float64 \(1, 4, 3\)",
         {"logits": np.zeros((1, 4, 3))}),
        (r"logits: expected a floating array", {"logits": np.zeros((4, 3), int)}),
        (r"logits: expected a floating array", {"logits": np.zeros((0, 3))}),
        (r"logits: frame 0 has NaN", {"logits": np.full((4, 3), np.nan)}),
        (r"logits: frame 2 has NaN", {"logits": np.array([[0.0, 1], [0, 0], [0, np.inf], [0, 0]])}),
        (r"logits: frame 1 has NaN", {"logits": np.array([[0.0, 1], [-np.inf, -np.inf]])}),
        (r"labels: expected the classes of one utterance, shape \(labels,\), got shape \(1, 2\)", {"labels": [[1, 2]]}),
        (r"labels: expected the classes", {"labels": None}),
        (r"labels: expected integers, got dtype float64", {"labels": [1.0, 2.0]}),
        (r"labels: 3 at \[0, 1\] is no class: expected 0..2", {"labels": [1, 3]}),
        (r"labels: -100 at \[0, 0\] is no class", {"labels": [-100]}),
        (r"labels: 0 at \[0, 0\] is the blank", {"labels": [0, 1]}),
        (r"labels: 5 labels need at least 5 frames, got 4", {"labels": [1, 2, 1, 2, 1]}),
        (r"labels: 3 labels and 2 blanks between equal neighbours need at least 5 frames, got 4", {"labels": [1] * 3}),
        (r"labels: no path has a probability above 0", {"logits": np.array([[0, -np.inf, 0]] * 4)}),
        (r"blank: expected a class in 0..2, got 3", {"blank": 3}),
    ],
)  # fmt: skip
def test_bad_input(message, changes):
    with pytest.raises(ValueError, match=message):
        ctc_align(**{"logits": np.zeros((4, 3)), "labels": [1, 2]} | changes)


def test_it_is_among_the_public_names():
    assert {"ctc_align", "align_text"} <= set(dir(npconformer))
    assert npconformer.ctc_align is npconformer.text.ctc_align


@settings(max_examples=100, deadline=None)
@given(small_cases(), st.data())
def test_wildcards_beside_every_path(case, data):
    """A wildcard is one class more, a little less probable than the best letter, and as silence where it is silent."""
    logits, labels, blank = case
    if not labels:
        return
    labels[data.draw(st.integers(0, len(labels) - 1))] = WILDCARD
    classes = logits.shape[1]
    with np.errstate(divide="ignore"):
        known = log_softmax(logits)
    letters = [k for k in range(classes) if k != blank]
    anything = [max(row[blank], max(row[k] for k in letters) - WILDCARD_COST) for row in known]
    best = best_score_by_enumeration(
        np.column_stack([known, anything]), [classes if k == WILDCARD else k for k in labels], blank
    )
    if best == -math.inf:
        with pytest.raises(ValueError, match="labels: "):
            ctc_align(logits, labels, blank)
        return
    alignment = ctc_align(logits, labels, blank)
    assert alignment.score == pytest.approx(best, rel=1e-12, abs=1e-12)
    assert collapse(alignment.classes.tolist(), blank) == labels
    assert len(alignment.spans) == len(labels)


def test_a_wildcard_takes_what_is_left_out():
    best = [0, 1, 0, 2, 2, 0, 3, 0, 1, 0]
    logits = 9 * np.eye(4)[best]
    alignment = ctc_align(logits, [1, WILDCARD, 1])
    assert alignment.spans[0] == (1, 2) and alignment.spans[2] == (8, 9)
    start, end = alignment.spans[1]
    assert start <= 3 and end >= 7
    with pytest.raises(ValueError, match=r"labels: 4 at \[0, 0\] is no class"):
        ctc_align(logits, [4, WILDCARD])
