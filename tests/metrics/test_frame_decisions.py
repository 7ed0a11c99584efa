"""Wrong decisions of frames, beside loops over them."""

import numpy as np
import pytest

from npconformer.metrics import FrameDecisions, Share


@pytest.mark.parametrize("decisions", [None, 1, 3])
def test_batches_one_by_one(decisions):
    """Of one class in each frame, and of one or three decisions."""
    random, measured = np.random.default_rng(0), FrameDecisions()
    wrong = total = 0
    for batch, frames in [(2, 5), (3, 4), (1, 7)]:
        shape = (batch, frames) if decisions is None else (batch, frames, decisions)
        known, said = (random.integers(0, 2 if decisions else 4, size=shape) for _ in range(2))
        counted = random.random((batch, frames)) < 0.6
        measured.add(known, said, counted)
        for b in range(batch):
            for t in range(frames):
                if counted[b, t]:
                    pairs = list(zip(np.atleast_1d(known[b, t]), np.atleast_1d(said[b, t])))
                    wrong += sum(k != s for k, s in pairs)
                    total += len(pairs)
    assert 0 < wrong < total
    assert measured.wrong == Share(wrong, total)


def test_nothing_counts():
    measured = FrameDecisions()
    measured.add(np.ones((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)))
    assert measured.wrong == Share(0, 0)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4), (2, 3)), ((2, 3, 1), (2, 3), (2, 3)), ((2, 3), (2, 3), (2, 4))])
def test_wrong_shapes(shapes):
    with pytest.raises(ValueError, match="counted its first two axes, got"):
        FrameDecisions().add(*(np.zeros(shape) for shape in shapes))
