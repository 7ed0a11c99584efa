"""Pictures of masks: each frame has the colour of what it is."""

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart, drawn_texts

from npconformer import compute_mask_indices, plots
from npconformer.plots.canvas import BLUE, GREY, ORANGE

matplotlib = pytest.importorskip("matplotlib")


def colours_of(axes):
    """The colour of each pixel of the picture's data, as text."""
    from matplotlib.colors import to_hex

    image = axes.images[0]
    return np.array([[to_hex(c) for c in row] for row in image.cmap(image.norm(image.get_array()))])


def test_spans():
    own = np.ones((3, 60))
    own[1, 45:] = 0
    mask = compute_mask_indices((3, 60), 0.5, 6, attention_mask=own, rng=np.random.default_rng(0))
    assert mask.any() and not mask.all()
    figure = plots.span_map(mask, own, seconds_per_frame=0.02)
    axes = figure.axes[0]
    expected = np.where(own == 0, GREY, np.where(mask, ORANGE, BLUE))
    assert (colours_of(axes) == expected).all()
    assert axes.images[0].get_extent() == pytest.approx([0, 1.2, 3, 0])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[1] == f"1: {mask[1].sum() / 45:.0%} hidden"  # of its own frames
    assert_texts_are_apart(figure)
    assert {"seen", "hidden", "padding", "time (s)"} <= {text for text, _ in drawn_texts(figure)}
    assert "padding" not in {text for text, _ in drawn_texts(plots.span_map(mask))}


def test_many_utterances():
    mask = np.zeros((130, 50), bool)
    mask[7] = True
    figure = plots.span_map(mask)
    assert (colours_of(figure.axes[0])[7] == ORANGE).all() and (colours_of(figure.axes[0])[8] == BLUE).all()
    assert_texts_are_apart(figure)


def test_spec_augment():
    values = np.random.default_rng(0).normal(size=(30, 8))
    time_mask, feature_mask = np.zeros(30, bool), np.zeros(8, bool)
    time_mask[4:9], feature_mask[2] = True, True
    figure = plots.spec_augment_map(values, time_mask, feature_mask)
    colours = colours_of(figure.axes[0])  # (C, T)
    assert ((colours == ORANGE) == (time_mask[None, :] | feature_mask[:, None])).all()
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown.data, values.T)
    assert figure.axes[0].get_title() == "orange: 27% is hidden"
    assert_texts_are_apart(figure)


def test_bad_input():
    with pytest.raises(ValueError, match=r"attention_mask: expected shape \(2, 4\) as mask, got \(2, 3\)"):
        plots.span_map(np.zeros((2, 4)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="hides frame 2 of utterance 1, which attention_mask says is padding"):
        plots.span_map(np.eye(3, 4, 1), [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]])
    with pytest.raises(ValueError, match="feature_mask: expected 4 booleans, got 3"):
        plots.spec_augment_map(np.zeros((3, 4)), feature_mask=np.zeros(3))
