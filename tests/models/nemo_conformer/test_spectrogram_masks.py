"""SpecAugment as NeMo has it: how many stripes, how wide, where; only in training, and only in an utterance."""

import numpy as np
import pytest
from make_nemo_cases import SIZES
from tiny_nemo import batch_of, make_model

import npconformer
from npconformer import NemoConformerConfig, NemoConformerModel, Tensor
from npconformer.models.nemo_conformer.spectrogram_masks import draw_stripes, hide_stripes


def config(**settings):
    return NemoConformerConfig(**{**SIZES, "num_mel_bins": 20, **settings})


def runs(marked):
    """The lengths of the runs of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(int)))
    return edges[1::2] - edges[::2]


@pytest.fixture(autouse=True)
def seed():
    npconformer.manual_seed(0)


def test_stripes_of_bands():
    """Up to `freq_width` wide, everywhere, each width as often, for each utterance by itself."""
    hidden = draw_stripes((3000, 6, 20), None, config(freq_masks=1, freq_width=5, time_masks=0))
    assert (hidden == hidden[:, :1]).all()
    of_bands = hidden[:, 0]
    widths = of_bands.sum(axis=1)
    assert all(len(runs(one)) <= 1 for one in of_bands)
    np.testing.assert_allclose(np.bincount(widths, minlength=6), 500, atol=90)
    firsts = of_bands[widths > 0].argmax(axis=1)
    assert set(firsts) == set(range(16)) and of_bands.any(axis=0).all()


def test_stripes_of_frames():
    """Up to a share of the utterance wide, and inside it."""
    lengths = np.array([40, 20] * 1500)
    hidden = draw_stripes((3000, 40, 3), lengths, config(freq_masks=0, time_masks=1, time_width=0.1))
    assert (hidden == hidden[:, :, :1]).all()
    long, short = hidden[::2, :, 0], hidden[1::2, :, 0]
    np.testing.assert_allclose(np.bincount(long.sum(axis=1), minlength=5), 300, atol=70)
    np.testing.assert_allclose(np.bincount(short.sum(axis=1), minlength=3), 500, atol=90)
    assert long.any(axis=0).all() and short[:, :20].any(axis=0).all() and not short[:, 20:].any()


def test_as_many_as_asked_for():
    hidden = draw_stripes((400, 200, 2), None, config(freq_masks=0, time_masks=3, time_width=0.02))
    assert max(len(runs(one)) for one in hidden[:, :, 0]) == 3
    assert draw_stripes((2, 1, 20), np.array([1, 1]), config(freq_width=27)).shape == (2, 1, 20)  # however short


def test_what_is_hidden_is_zero_and_has_no_gradient():
    x = Tensor(1 + np.random.default_rng(0).random((2, 50, 20)), requires_grad=True)
    y = hide_stripes(x, None, config(freq_width=5))
    y.sum().backward()
    gone = y.numpy() == 0
    assert 0 < gone.mean() < 0.7
    np.testing.assert_array_equal(y.numpy()[~gone], x.numpy()[~gone])
    np.testing.assert_array_equal(x.grad == 0, gone)


@pytest.mark.parametrize("settings", [dict(apply_spec_augment=False), dict(freq_masks=0, time_masks=0)])
def test_nothing_is_hidden_where_the_config_says_so(settings):
    x = Tensor(np.ones((2, 50, 20)))
    assert hide_stripes(x, None, config(**settings)) is x


def test_only_in_training():
    dropouts = dict.fromkeys("conformer_conv_dropout hidden_dropout activation_dropout attention_dropout".split(), 0.0)
    model = make_model(NemoConformerModel, freq_width=4, **dropouts)
    features, mask = batch_of([41, 30])
    quiet = [model(features, mask).last_hidden_state.numpy() for _ in range(2)]
    np.testing.assert_array_equal(*quiet)
    first = model.train()(features, mask, output_hidden_states=True).hidden_states[0].numpy()
    expected = model.eval()(features, mask, output_hidden_states=True).hidden_states[0].numpy()
    assert (first != expected).any()
