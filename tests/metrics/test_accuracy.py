"""Accuracy, beside loops over the answers."""

import numpy as np
import pytest

from npconformer.metrics import Accuracy, Share, accuracy, wilson_interval


def test_arrays():
    assert accuracy(["a", "b", "c"], ["a", "x", "c"]) == Share(2, 3)
    assert accuracy(np.array([1, 2]), [1, 2]).rate == 1
    assert np.isnan(accuracy([], []).rate)
    with pytest.raises(ValueError, match="one shape"):
        accuracy([1, 2], [1])


@pytest.mark.parametrize("names", [["yes", "no", "maybe"], [0, 1, 2], [(0, 1), (1, 0), (1, 1)]], ids=str)
def test_answers_one_by_one(names):
    random, measured = np.random.default_rng(0), Accuracy()
    known, said = ([names[i] for i in random.integers(3, size=40)] for _ in range(2))
    for reference, answer in zip(known, said):
        assert measured.add(reference, answer) == (reference == answer)
    right = [reference == answer for reference, answer in zip(known, said)]
    assert measured.share == Share(sum(right), 40)
    assert measured.interval() == wilson_interval(Share(sum(right), 40))
    assert set(measured.of_reference) == set(known)
    for name in names:
        of_name = [one for one, reference in zip(right, known) if reference == name]
        assert measured.of_reference[name] == Share(sum(of_name), len(of_name))


def test_several_labels_are_right_together():
    measured = Accuracy()
    assert not measured.add((True, False), (True, True))
    assert measured.add((True, False), (True, False))
    assert measured.share.rate == 0.5


def test_no_answers():
    assert np.isnan(Accuracy().share.rate)
    with pytest.raises(ValueError, match="a total above 0"):
        Accuracy().interval()
