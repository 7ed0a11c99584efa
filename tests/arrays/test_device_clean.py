"""The whole model on the stand-in device: the same numbers, everything stays there, and the host never waits."""

import numpy as np
import pytest
from backends import BACKENDS
from strict_device import STRICT, DeviceArray, count_synchronisations

from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC, no_grad
from npconformer.arrays import generator
from npconformer.arrays.backend import get_backend, to_host

SETTINGS = dict(
    vocab_size=12,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=20,
    conv_dim=(8, 8),
    conv_stride=(5, 2),
    conv_kernel=(10, 3),
    num_feat_extract_layers=2,
    num_conv_pos_embeddings=4,
    num_conv_pos_embedding_groups=2,
    conv_depthwise_kernel_size=5,
    mask_time_length=2,
    mask_feature_prob=0.1,
    mask_feature_length=2,
    layerdrop=0.0,
)
AUDIO = np.random.default_rng(0).normal(size=(2, 400)).astype(np.float32)
MASK = (np.arange(400) < np.array([[400], [300]])).astype(np.int64)
LABELS = np.array([[1, 2, 3], [4, 5, -100]])


def build(positions, norm, adapter):
    generator.manual_seed(1)
    config = Wav2Vec2ConformerConfig(
        **SETTINGS, position_embeddings_type=positions, feat_extract_norm=norm, add_adapter=adapter
    )
    return Wav2Vec2ConformerForCTC(config)


def train_once(model):
    """The loss and all gradients, with dropout and SpecAugment drawn from the same stream."""
    generator.manual_seed(2)
    model.train()
    output = model(AUDIO, attention_mask=MASK, labels=LABELS)
    output.loss.backward()
    return output.loss.data, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("positions", [None, "relative", "rotary"])
@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("adapter", [False, True], ids=["no adapter", "adapter"])
@pytest.mark.parametrize("name", BACKENDS[1:])
def test_training_step(name, positions, norm, adapter):
    backend = STRICT if name == "strict" else get_backend(name)
    expected_loss, expected = train_once(build(positions, norm, adapter))
    model = build(positions, norm, adapter).to(backend)
    with count_synchronisations() as waits:
        loss, gradients = train_once(model)
    assert waits.sites == []
    np.testing.assert_allclose(to_host(loss), expected_loss, rtol=1e-5)
    assert gradients.keys() == expected.keys()
    scale = max(np.abs(g).max() for g in expected.values())
    for key, gradient in gradients.items():
        assert type(gradient) is backend.array_type and gradient.dtype == np.float32
        np.testing.assert_allclose(to_host(gradient), expected[key], rtol=1e-3, atol=1e-5 * scale, err_msg=key)


@pytest.mark.parametrize("positions", [None, "relative", "rotary"])
@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("padding_mode", [None, "exact"])
@pytest.mark.parametrize("name", BACKENDS[1:])
def test_inference(name, positions, norm, padding_mode):
    backend = STRICT if name == "strict" else get_backend(name)
    outputs = []
    for model in (build(positions, norm, False), build(positions, norm, False).to(backend)):
        with no_grad(), count_synchronisations() as waits:
            outputs.append(
                model.eval()(
                    AUDIO,
                    attention_mask=MASK,
                    padding_mode=padding_mode,
                    output_hidden_states=True,
                    output_attentions=True,
                )
            )
        assert waits.sites == []
    ours, theirs = ([output.logits, *output.hidden_states, *output.attentions] for output in outputs)
    for a, b in zip(theirs, ours, strict=True):
        assert type(a.data) is backend.array_type and a.dtype == np.float32
        np.testing.assert_allclose(to_host(a.data), b.data, atol=1e-4)


def test_there_and_back():
    model = build("relative", "group", False)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    model.to(STRICT)
    assert all(type(array) is DeviceArray for array in model.state_dict().values())
    for name, array in model.to("cpu").state_dict().items():
        np.testing.assert_array_equal(array, before[name])
