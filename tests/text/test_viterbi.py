"""The best path with few choices kept and states left away: the same as with all of them, and as naive twins."""

import tracemalloc

import numpy as np
import pytest
from alignment_twins import best_path_by_recursion
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.text import viterbi


def random_case(frames, size, seed, classes=6, sure=2.0):
    """Logarithms of probabilities (T, V) in which labels (S,) can be heard, the more the surer."""
    random = np.random.default_rng(seed)
    labels = random.integers(1, classes, size)
    logits = random.standard_normal((frames, classes))
    logits[:, 0] += sure
    logits[np.sort(random.choice(frames, size, replace=False)), labels] += 2 * sure
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True)), labels


def path_of(log_probs, labels):
    may_skip = np.append(False, labels[1:] != labels[:-1])[: len(labels)]
    return viterbi.best_states(log_probs, labels, may_skip, 0)


@pytest.fixture
def few_choices(monkeypatch):
    """As if no more than 40 choices could be kept at a time: cut, and cut again, with a margin from small to large."""
    monkeypatch.setattr(viterbi, "MOST_CHOICES", 40)
    monkeypatch.setattr(viterbi, "CHECKPOINTS", 3)
    monkeypatch.setattr(viterbi, "TRIM_EVERY", 2)


@pytest.mark.parametrize("sure", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(("frames", "size"), [(40, 0), (40, 1), (60, 20), (97, 30), (30, 24)])
@pytest.mark.parametrize("seed", range(3))
def test_cut_and_trimmed_beside_whole_paths_kept(few_choices, frames, size, seed, sure):
    log_probs, labels = random_case(frames, size, seed, classes=40 if size == 24 else 6, sure=sure)
    _, path = best_path_by_recursion(log_probs, labels.tolist())
    states = path_of(log_probs, labels)
    assert np.append(labels, 0)[np.where(states % 2, states // 2, -1)].tolist() == path


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.data())
def test_any_limits_give_the_same_path(seed, frames, data):
    size = data.draw(st.integers(0, frames // 2))
    log_probs, labels = random_case(frames, size, seed, sure=data.draw(st.floats(0, 4)))
    if data.draw(st.booleans()):
        log_probs = np.round(log_probs)  # ties
        log_probs[log_probs < -4] = -np.inf
    expected = path_of(log_probs, labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viterbi, "MOST_CHOICES", data.draw(st.integers(0, 300)))
        patch.setattr(viterbi, "CHECKPOINTS", data.draw(st.integers(2, 9)))
        patch.setattr(viterbi, "TRIM_EVERY", data.draw(st.integers(1, 5)))
        patch.setattr(viterbi, "FIRST_MARGIN", data.draw(st.sampled_from([1e-3, 0.1, 5.0])))
        found = path_of(log_probs, labels)
    assert (found is None) == (expected is None)
    if expected is not None:
        np.testing.assert_array_equal(found, expected)


def test_states_are_left_away_where_the_text_fits(few_choices, monkeypatch):
    """Nearly all of them: the time of a text that fits grows with its length."""
    log_probs, labels = random_case(600, 150, 0, classes=20, sure=9.0)
    widest = 0

    class Watched(viterbi.Scores):
        def trim(self, least):
            nonlocal widest
            kept = super().trim(least)
            widest = max(widest, self.high - self.low)
            return kept

    monkeypatch.setattr(viterbi, "Scores", Watched)
    states = path_of(log_probs, labels)
    assert (states[:-1] <= states[1:]).all() and widest < 30


@pytest.mark.slow
def test_memory_grows_with_length_and_not_with_its_square(monkeypatch):
    monkeypatch.setattr(viterbi, "MOST_CHOICES", 2**15)

    def peak(frames):
        log_probs, labels = random_case(frames, frames // 4, 0, classes=8, sure=4.0)
        tracemalloc.start()
        try:
            path_of(log_probs, labels)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(1_000), peak(8_000)
    assert large < 10 * small  # eight times the length; all choices would be 32 MB
    assert large < 6e6


def test_an_independent_implementation_finds_the_same_times():
    ctc_segmentation = pytest.importorskip("ctc_segmentation")
    log_probs, labels = random_case(300, 60, 3, classes=30, sure=5.0)
    letters = [chr(64 + k) for k in range(30)]  # '@' is the blank
    settings = ctc_segmentation.CtcSegmentationParameters(char_list=letters, index_duration=1.0, blank=0)
    settings.blank_transition_cost_zero = False
    truth, _ = ctc_segmentation.prepare_token_list(settings, [labels])
    _, _, heard = ctc_segmentation.ctc_segmentation(settings, log_probs.astype(np.float32), truth)
    theirs = [t for t, letter in enumerate(heard) if letter in letters[1:]]  # first frames
    ours = path_of(log_probs, labels)
    first_frames = [int(np.flatnonzero(ours == 2 * i + 1)[0]) for i in range(len(labels))]
    assert [heard[t] for t in theirs[1:]] == [letters[k] for k in labels[1:]]
    assert theirs[1:] == first_frames[1:]  # it lets the text start anywhere at no cost: the first label may differ
