"""The heads that NeMo's models have besides CTC: from the frozen states of the encoder, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
from make_nemo_cases import SIZES
from tiny_nemo import batch_of, make_model, read_case, under

from npconformer import (
    NemoConformerForAudioFrameClassification,
    NemoConformerForSequenceClassification,
    NemoConformerForXVector,
    Tensor,
)
from npconformer.checkpoints.nemo_arrays import own_name
from npconformer.models import auto

HEADS = {
    NemoConformerForSequenceClassification: np.array([2, 0]),
    NemoConformerForAudioFrameClassification: np.eye(3)[np.arange(20).reshape(2, 10) % 3],
    NemoConformerForXVector: np.array([2, 0]),
}
SETTINGS = dict(
    num_labels=3,
    classifier_proj_size=5,
    tdnn_dim=(6, 4),
    tdnn_kernel=(3, 1),
    tdnn_dilation=(2, 1),
    xvector_output_dim=4,
    freq_masks=0,
    time_masks=0,
)
CASE = read_case(4)


def of_case(cls):
    """The encoder has the case's weights, the head random ones. Also the frozen last state of each utterance."""
    model = make_model(cls, **SETTINGS)
    own = {own_name(name): array for name, array in under(CASE, "weight").items() if own_name(name)}
    buffers = dict(model.named_buffers())
    for name, parameter in [*model.named_parameters(), *buffers.items()]:
        if name in own:
            held = own[name].reshape(parameter.shape)
            if name in buffers:
                parameter[...] = held
            else:
                parameter.data = held.copy()
    counts = model.count_frames(CASE["lengths"])
    mask = (np.arange(CASE["features"].shape[1]) < CASE["lengths"][:, None]).astype(int)
    return model, mask, np.split(CASE["state 2"], np.cumsum(counts)[:-1])


def linear(x, layer):
    return x @ layer.weight.data.T + layer.bias.data


def test_a_class_for_each_utterance():
    model, mask, states = of_case(NemoConformerForSequenceClassification)
    found = model(CASE["features"], mask).logits.numpy()
    for row, state in zip(found, states, strict=True):
        expected = linear(linear(state, model.projector).mean(axis=0), model.classifier)
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-9)


def test_a_class_for_each_frame():
    model, mask, states = of_case(NemoConformerForAudioFrameClassification)
    found = model(CASE["features"], mask).logits.numpy()
    for row, state in zip(found, states, strict=True):
        np.testing.assert_allclose(row[: len(state)], linear(state, model.classifier), rtol=0, atol=1e-9)


def test_a_vector_for_each_utterance():
    model, mask, states = of_case(NemoConformerForXVector)
    labels = np.arange(len(states)) % 3
    outputs = model(CASE["features"], mask, labels=labels, padding_mode="exact")
    vectors, directions = linear(outputs.embeddings.numpy(), model.classifier), model.objective.weight.data
    vectors, directions = (
        vectors / np.linalg.norm(vectors, axis=1)[:, None],
        directions / np.linalg.norm(directions, axis=0),
    )
    scores = 30 * (vectors @ directions - 0.4 * np.eye(3)[labels])  # AM-softmax
    losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(labels)), labels]
    assert outputs.loss.item() == pytest.approx(losses.mean(), rel=1e-6)
    for row, state in zip(outputs.embeddings.numpy(), states, strict=True):
        x = linear(state, model.projector)
        for layer, dilation in zip(model.tdnn, (2, 1), strict=True):
            reach = dilation * (layer.kernel_size - 1)
            runs = [x[t : t + reach + 1 : dilation].ravel() for t in range(len(x) - reach)]
            x = np.maximum(linear(np.array(runs), layer.kernel), 0)
        pooled = np.concatenate([x.mean(axis=0), x.std(axis=0, ddof=1)])
        np.testing.assert_allclose(row, linear(pooled, model.feature_extractor), rtol=0, atol=1e-9)


@pytest.mark.parametrize("cls", HEADS, ids=lambda cls: cls.head_name)
def test_the_gradient_of_every_parameter(cls):
    """Along a random direction of each, by differences."""
    model, labels = make_model(cls, **SETTINGS), HEADS[cls]
    features, mask = batch_of([38, 33])
    labels = labels[:, : model.count_frames(38)] if labels.ndim == 3 else labels

    def loss():
        return model(features, mask, labels=labels, padding_mode="exact").loss

    loss().backward()
    rng = np.random.default_rng(4)
    for name, parameter in model.named_parameters():
        held, direction = parameter.data, rng.standard_normal(parameter.shape)
        values = []
        for step in (1e-6, -1e-6):
            parameter.data = held + step * direction
            values.append(loss().item())
        parameter.data = held
        slope = (values[0] - values[1]) / 2e-6
        found = 0.0 if parameter.grad is None else float((Tensor(parameter.grad).numpy() * direction).sum())
        assert found == pytest.approx(slope, rel=2e-5, abs=2e-7), name
        if "linear_k.bias" not in name:
            assert parameter.grad is not None, name


def test_the_registry_has_them_all():
    heads = {cls.head_name for cls in HEADS}
    assert heads | {None, "ctc"} == set(auto.FAMILIES["nemo-conformer"].models)
    assert {cls.config_class.model_type for cls in HEADS} == {"nemo-conformer"} and SIZES["hidden_size"] == 12
