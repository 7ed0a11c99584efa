"""Trials of speaker vectors, beside loops over the pairs."""

import math

import numpy as np
import pytest

from npconformer.metrics import SpeakerTrials, equal_error_rate
from npconformer.metrics import speaker_trials as module

SPEAKERS = ["anna", "ben", "anna", "carl", "ben", "anna", "carl"]


def made(most=None, dtype=np.float64, seed=0):
    """Trials of the speakers above, and the vectors they were made of."""
    vectors = np.random.default_rng(seed).normal(size=(len(SPEAKERS), 4)).astype(dtype)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    trials = SpeakerTrials(most)
    for vector, speaker in zip(vectors, SPEAKERS):
        trials.add(vector, speaker)
    return trials, vectors.tolist()


def cosine(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


@pytest.mark.parametrize("at_once", [1, 4, 65536])
def test_every_pair_is_a_trial(monkeypatch, at_once):
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", at_once)
    trials, vectors = made()
    scores, same = trials.trials()
    pairs = [(i, j) for i in range(7) for j in range(i + 1, 7)]
    np.testing.assert_allclose(scores, [cosine(vectors[i], vectors[j]) for i, j in pairs], rtol=1e-12)
    assert same.tolist() == [SPEAKERS[i] == SPEAKERS[j] for i, j in pairs]
    assert 0 < equal_error_rate(scores, same).rate < 1


def test_speakers_may_have_numbers():
    trials, named = SpeakerTrials(), made()[0]
    for vector, speaker in zip(made()[1], SPEAKERS):
        trials.add(vector, sorted(set(SPEAKERS)).index(speaker))
    assert (trials.trials().same == named.trials().same).all()


def test_some_of_the_pairs():
    """No more than asked for, the same every time, each of two recordings; beyond that number all pairs."""
    trials, vectors = made(most=15)
    scores, same = trials.trials()
    assert len(scores) == len(same) == 15 and scores.tolist() == trials.trials().scores.tolist()
    of_pair = {round(cosine(vectors[i], vectors[j]), 12): (i, j) for i in range(7) for j in range(i + 1, 7)}
    for score, is_same in zip(scores.tolist(), same.tolist()):
        i, j = of_pair[round(score, 12)]
        assert is_same == (SPEAKERS[i] == SPEAKERS[j])
    assert len(set(scores.tolist())) > 5
    assert len(made(most=20)[0].trials().scores) == 20 and len(made(most=21)[0].trials().scores) == 21
    assert made(most=21)[0].trials().scores.tolist() == made()[0].trials().scores.tolist()


def test_nearest():
    trials, vectors = made()
    for i, (j, score) in enumerate(trials.nearest()):
        others = {k: cosine(vectors[i], vectors[k]) for k in range(7) if k != i}
        assert j == max(others, key=others.get) and score == pytest.approx(others[j], rel=1e-12)


def test_precision_is_that_of_the_vectors():
    assert made(dtype=np.float32)[0].trials().scores.dtype == np.float32


def test_pairs_are_needed():
    trials = SpeakerTrials()
    for count in range(2):
        with pytest.raises(ValueError, match=f"needs pairs of recordings, got {count}"):
            trials.trials()
        assert trials.nearest() == []
        trials.add(np.ones(1), "anna")
