"""Span masks: counts, borders, padding, and the reference's own masks for the same random stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer import manual_seed
from npconformer.models.spec_augment import compute_mask_indices


@st.composite
def cases(draw):
    batch, positions = draw(st.integers(1, 4)), draw(st.integers(1, 50))
    lengths = draw(st.none() | st.lists(st.integers(0, positions), min_size=batch, max_size=batch))
    settings = {
        "shape": (batch, positions),
        "mask_prob": draw(st.floats(0, 1)),
        "mask_length": draw(st.integers(1, min(positions, 12))),
        "min_masks": draw(st.integers(0, 3)),
    }
    return settings, lengths, draw(st.integers(0, 2**32 - 1))


def padding_mask(lengths, positions):
    return None if lengths is None else np.arange(positions) < np.array(lengths)[:, None]


def runs(row):
    """Lengths of the unbroken stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return edges[1::2] - edges[::2]


@given(cases())
@settings(max_examples=200, deadline=None)
def test_spans_stay_inside_the_item_and_have_the_right_length_and_number(case):
    options, lengths, seed = case
    batch, positions = options["shape"]
    length, prob = options["mask_length"], options["mask_prob"]
    mask = compute_mask_indices(
        **options, attention_mask=padding_mask(lengths, positions), rng=np.random.default_rng(seed)
    )
    assert mask.shape == options["shape"] and mask.dtype == bool
    for row, n in zip(mask, lengths or [positions] * batch):
        assert not row[n:].any()
        assert all(run >= length for run in runs(row))
        most = max(int(np.ceil(prob * n / length)), options["min_masks"])
        assert row.sum() <= most * length
        if length > n:
            assert not row.any()


@pytest.mark.parametrize("kind", ["generator", "random_state"])
def test_number_of_spans(kind):
    """With spans of one position there is no overlap, so the positions count the spans."""
    rng = np.random.default_rng(0) if kind == "generator" else np.random.RandomState(0)
    lengths = np.array([200, 150, 33, 1, 0])
    valid = padding_mask(lengths, 200)
    for _ in range(20):
        counts = compute_mask_indices((5, 200), 0.25, 1, valid, rng=rng).sum(axis=1)
        expected = 0.25 * lengths
        assert np.all((counts >= np.floor(expected)) & (counts <= np.floor(expected) + 1))
    counts = compute_mask_indices((5, 200), 0.0, 1, valid, min_masks=4, rng=rng).sum(axis=1)
    np.testing.assert_array_equal(counts, [4, 4, 4, 1, 0])


def test_mean_share_is_mask_prob_less_overlaps():
    rng = np.random.default_rng(1)
    mask = compute_mask_indices((400, 1000), 0.065, 10, rng=rng)
    expected = 1 - (1 - 10 / 1000) ** (0.065 * 1000 / 10)
    assert abs(mask.mean() - expected) < 0.006


def test_frozen_mask():
    valid = padding_mask([12, 9, 2], 12)
    mask = compute_mask_indices((3, 12), 0.5, 3, valid, min_masks=2, rng=np.random.RandomState(4))
    expected = ["...###..###.", "...######...", "............"]
    assert ["".join("#" if hide else "." for hide in row) for row in mask] == expected


def test_seed_and_default_generator():
    manual_seed(5)
    first = compute_mask_indices((3, 100), 0.4, 5)
    second = compute_mask_indices((3, 100), 0.4, 5)
    manual_seed(5)
    np.testing.assert_array_equal(compute_mask_indices((3, 100), 0.4, 5), first)
    assert (first != second).any()


def test_probability_zero_and_one():
    assert not compute_mask_indices((2, 30), 0.0, 3).any()
    assert compute_mask_indices((2, 30), 1.0, 30).all()


def test_mask_on_a_device():
    from strict_device import xp

    valid = padding_mask([9, 4], 9)
    masks = [compute_mask_indices((2, 9), 0.6, 2, m, rng=np.random.default_rng(0)) for m in (valid, xp.asarray(valid))]
    np.testing.assert_array_equal(*masks)


@given(cases())
@settings(max_examples=200, deadline=None)
def test_same_mask_as_the_reference(case):
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer")
    options, lengths, seed = case
    valid = padding_mask(lengths, options["shape"][1])
    before = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(seed)  # noqa: NPY002
        expected = reference._compute_mask_indices(
            **options, attention_mask=None if valid is None else torch.tensor(valid.astype(np.int64))
        )
        next_number = np.random.random()  # noqa: NPY002
    finally:
        np.random.set_state(before)  # noqa: NPY002
    rng = np.random.RandomState(seed)
    mask = compute_mask_indices(**options, attention_mask=valid, rng=rng)
    assert rng.random() == next_number  # and so do whatever draws next
    if valid is not None:
        # An item without room for a span: the reference hides the last position of the row, which is padding.
        expected[:, -1] &= valid[:, -1]
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("mask_length: expected 1..10", {"mask_length": 0}),
        ("mask_length: expected 1..10", {"mask_length": 11}),
        ("mask_prob: expected 0..1", {"mask_prob": 1.5}),
        ("min_masks: expected 0 or more", {"min_masks": -1}),
        ("attention_mask: expected shape", {"attention_mask": np.ones((2, 9))}),
        ("to the right", {"attention_mask": np.array([[0] * 5 + [1] * 5, [1] * 10])}),
    ],
)
def test_bad_input(message, changes):
    with pytest.raises(ValueError, match=message):
        compute_mask_indices(**{"shape": (2, 10), "mask_prob": 0.5, "mask_length": 2} | changes)
