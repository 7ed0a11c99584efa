"""Negatives: from the right frames, evenly, and those that the reference draws from the same random stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer import compute_mask_indices, manual_seed, sample_negative_indices


@st.composite
def cases(draw):
    batch, frames = draw(st.integers(1, 4)), draw(st.integers(2, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    mask = np.random.default_rng(seed).random((batch, frames)) < draw(st.floats(0.1, 1))
    mask[:, :2] = True
    return mask, draw(st.integers(0, 7)), seed, draw(st.booleans())


@given(cases())
@settings(max_examples=200, deadline=None)
def test_where_negatives_come_from(case):
    mask, number, seed, everything = case
    batch, frames = mask.shape
    given_mask = None if everything else mask
    mask = np.ones_like(mask) if everything else mask
    indices = sample_negative_indices((batch, frames), number, given_mask, rng=np.random.default_rng(seed))
    assert indices.shape == (batch, frames, number) and indices.dtype == np.int32
    items, positions = indices // frames, indices % frames
    assert (items == np.arange(batch)[:, None, None]).all()  # never another utterance's
    assert (positions != np.arange(frames)[None, :, None])[mask].all()  # never the positive itself
    assert mask[items, positions][mask].all()  # only masked frames
    assert (indices[~mask] == np.repeat(np.arange(batch) * frames, (~mask).sum(axis=1))[:, None]).all()


def test_never_from_padding():
    lengths = np.array([40, 25, 12])
    valid = np.arange(40) < lengths[:, None]
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = compute_mask_indices((3, 40), 0.5, 4, attention_mask=valid, min_masks=2, rng=rng)
        indices = sample_negative_indices((3, 40), 10, mask, rng=rng)
        assert not (mask & ~valid).any()
        assert (indices[mask] % 40 < lengths[np.nonzero(mask)[0], None]).all()


def test_every_other_masked_frame_is_drawn_equally_often():
    mask = np.array([[1, 0, 1, 1, 0, 1]])
    indices = sample_negative_indices((1, 6), 30000, mask, rng=np.random.default_rng(0))
    for frame in (0, 2, 3, 5):
        counts = np.bincount(indices[0, frame], minlength=6)
        assert set(np.flatnonzero(counts)) == {0, 2, 3, 5} - {frame}
        assert abs(counts[counts > 0] - 10000).max() < 500


def test_an_utterance_without_masked_frames_needs_no_negatives():
    indices = sample_negative_indices((2, 4), 3, np.array([[0, 0, 0, 0], [1, 1, 0, 0]]))
    assert (indices[0] == 0).all() and set(indices[1, 0]) == {5}


def test_seed_and_default_generator():
    manual_seed(5)
    first, second = sample_negative_indices((2, 30), 8), sample_negative_indices((2, 30), 8)
    manual_seed(5)
    np.testing.assert_array_equal(sample_negative_indices((2, 30), 8), first)
    assert (first != second).any()


@given(cases())
@settings(max_examples=100, deadline=None)
def test_same_negatives_as_the_reference(case):
    pytest.importorskip("torch")
    reference = pytest.importorskip("transformers.models.wav2vec2.modeling_wav2vec2")
    mask, number, seed, everything = case
    mask = None if everything else mask
    shape = case[0].shape
    before = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(seed)  # noqa: NPY002
        expected = reference._sample_negative_indices(shape, number, mask)
        next_number = np.random.random()  # noqa: NPY002
    finally:
        np.random.set_state(before)  # noqa: NPY002
    rng = np.random.RandomState(seed)
    np.testing.assert_array_equal(sample_negative_indices(shape, number, mask, rng=rng), expected)
    assert rng.random() == next_number


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("num_negatives: expected 0 or more, got -1", ((2, 5), -1)),
        (r"mask_time_indices: expected shape \(2, 5\), got \(2, 4\)", ((2, 5), 3, np.ones((2, 4)))),
        ("utterance 1 has a single masked frame", ((2, 5), 3, np.array([[1] * 5, [0, 0, 1, 0, 0]]))),
        ("utterance 0 has a single masked frame", ((2, 1), 3)),
    ],
)
def test_bad_input(message, arguments):
    with pytest.raises(ValueError, match=message):
        sample_negative_indices(*arguments)
