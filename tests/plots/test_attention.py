"""Attention maps: the right weights in the right panel, with names that say which."""

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart, drawn_texts

from npconformer import plots
from npconformer.tape.autograd import Tensor

pytest.importorskip("matplotlib")


def make_attentions(layers=3, batch=2, heads=4, frames=20):
    scores = np.random.default_rng(0).normal(size=(layers, batch, heads, frames, frames))
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    return tuple(Tensor(one.astype(np.float32)) for one in weights)


def panels_of(figure):
    """{title: the weights that are drawn below it}"""
    return {axes.get_title(): np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.get_title()}


def test_every_layer_and_head():
    attentions = make_attentions(layers=2, heads=2)
    figure = plots.attention_map(attentions, item=1, seconds_per_frame=0.02)
    panels = panels_of(figure)
    assert list(panels) == [f"layer {k}, head {h}" for k in range(2) for h in range(2)]
    for layer in range(2):
        for head in range(2):
            expected = attentions[layer].data[1, head]
            np.testing.assert_array_equal(panels[f"layer {layer}, head {head}"], expected)
    limits = {axes.images[0].get_clim() for axes in figure.axes if axes.images}
    assert limits == {(0.0, float(max(one.data[1].max() for one in attentions)))}  # one scale, so that panels compare
    assert_texts_are_apart(figure)
    texts = [text for text, _ in drawn_texts(figure)]
    assert texts.count("attended to, time (s)") == 2 and texts.count("attending, time (s)") == 2
    assert texts.count("attention weight") == 1


def test_some_layers_and_heads():
    attentions = make_attentions()
    panels = panels_of(plots.attention_map(attentions, layers=[-1, 0], heads=2))
    assert list(panels) == ["layer 2, head 2", "layer 0, head 2"]
    np.testing.assert_array_equal(panels["layer 2, head 2"], attentions[2].data[0, 2])
    panels = panels_of(plots.attention_map(attentions, layers=1, heads="mean"))
    np.testing.assert_allclose(panels["layer 1, mean of heads"], attentions[1].data[0].mean(axis=0), rtol=1e-6)
    assert list(panels_of(plots.attention_map(attentions[1], heads=0))) == ["layer 0, head 0"]


def test_on_axes_of_ones_own():
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(1, 2)
    assert plots.attention_map(make_attentions(), layers=0, heads="mean", ax=axes[1]) is figure
    assert not axes[0].images and len(axes[1].images) == 1
    assert axes[1].get_xlabel() == "attended to, frame" and axes[1].images[0].get_extent() == [0, 20, 20, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 3}, "layers: there are 3, got 3"),
        ({"heads": [0, -5]}, "heads: there are 4, got -5"),
        ({"heads": "max"}, "heads: there are 4, got 'm'"),
        ({"layers": []}, "layers: expected at least one"),
        ({"item": 2}, "item: there are 2 utterances, got 2"),
        ({"seconds_per_frame": 0}, "seconds_per_frame: expected a positive number"),
        ({"attentions": None}, "call the model with output_attentions=True"),
        ({"attentions": (None, None)}, "call the model with output_attentions=True"),
        ({"attentions": np.zeros((2, 4, 4))}, r"frames, frames\), got float64 \(2, 4, 4\)"),
        ({"attentions": np.zeros((1, 2, 4, 5))}, r"expected \(batch, heads, frames, frames\), got \(1, 2, 4, 5\)"),
        ({"attentions": make_attentions(26, 1, 4, 2)}, "26 x 4 panels were asked for, and up to 100 panels fit"),
    ],
)  # fmt: skip
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        plots.attention_map(**{"attentions": make_attentions(), **change})


def test_many_panels_on_one_ax():
    from matplotlib.figure import Figure

    with pytest.raises(ValueError, match="3 x 1 panels were asked for, and ax takes one panel"):
        plots.attention_map(make_attentions(), heads=0, ax=Figure().subplots())
