"""Activations with weights: their names, where they start, and that training reaches them in a model."""

import numpy as np
import pytest
from tiny_checkpoints import make_config

from npconformer import Wav2Vec2ConformerForCTC
from npconformer.nn import make_activation
from npconformer.ops import ACTIVATIONS


def test_functions_have_no_weights():
    assert make_activation("swish") is ACTIVATIONS["swish"]


@pytest.mark.parametrize(("name", "parts"), [("prelu", ["weight"]), ("xielu", ["alpha_p", "alpha_n", "beta", "eps"])])
def test_names_and_first_values(name, parts):
    activation = make_activation(name)
    assert list(activation.state_dict()) == parts
    x = np.array([[-1.0, 2.0]], np.float32)
    assert activation(x, overwrite=True).dtype == np.float32
    if name == "prelu":
        assert activation(x).data.tolist() == [[-0.25, 2.0]]


@pytest.mark.parametrize("name", ["prelu", "xielu"])
def test_in_a_model(name):
    config = make_config("layer", hidden_act=name, feat_extract_activation=name)
    model = Wav2Vec2ConformerForCTC(config).eval()
    loss = model(np.random.default_rng(0).normal(size=(1, 3200)), labels=[[2, 3]]).loss
    loss.backward()
    owners = {key: key.split(".")[-2] for key, _ in model.named_parameters() if "pos_conv" not in key}
    trained = [key for key, owner in owners.items() if owner in ("activation", "intermediate_act_fn")]
    assert len(trained) == (3 + 2 * 3) * (1 if name == "prelu" else 2)  # convolutions, and three in each block
    assert all(float(np.abs(model.get_parameter(key).grad).max()) > 0 for key in trained)
