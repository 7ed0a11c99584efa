"""The feed-forward half-step: its equation, another width and activation, dropout."""

import conformer_twins as twins
import numpy as np
import pytest
from tiny_block import CHANNELS, config, frames, randomised

from npconformer import Tensor
from npconformer.models.conformer.feed_forward import FeedForward

EXACTLY = dict(rtol=1e-11, atol=1e-13)


def test_is_what_its_equation_says():
    module = randomised(FeedForward(config()))
    np.testing.assert_allclose(module(Tensor(frames())).numpy(), twins.feed_forward(module, frames()), **EXACTLY)


def test_another_width_and_activation():
    module = randomised(FeedForward(config(), channels=4, activation="relu"))
    x = frames()[..., :4]
    inner = np.maximum(twins.linear(module.intermediate_dense, x), 0)
    np.testing.assert_allclose(module(Tensor(x)).numpy(), twins.linear(module.output_dense, inner), **EXACTLY)
    assert module.intermediate_dense.weight.shape == (10, 4) and module.output_dense.weight.shape == (4, 10)


@pytest.mark.parametrize("name", ["activation_dropout", "hidden_dropout"])
def test_drops_where_its_name_says(name):
    module = randomised(FeedForward(config(**{name: 1.0}))).train()
    expected = 0.0 if name == "hidden_dropout" else module.output_dense.bias.data
    np.testing.assert_array_equal(module(Tensor(frames())).numpy(), np.broadcast_to(expected, (2, 9, CHANNELS)))


def test_its_input_is_not_overwritten():
    module, x = randomised(FeedForward(config())), frames()
    module(Tensor(x))
    np.testing.assert_array_equal(x, frames())
