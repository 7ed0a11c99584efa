"""Frozen cases: every state, the logits, the loss and every gradient of small models that a torch program has run."""

from __future__ import annotations

import numpy as np
import pytest
from make_nemo_cases import CASES, make
from tiny_nemo import model_of_case, read_case, under

from npconformer import no_grad
from npconformer.checkpoints.nemo_arrays import config_of_shapes, convolution_places, own_name

every_case = pytest.mark.parametrize("name", CASES)
CLOSE = dict(rtol=0, atol=1e-9)


def own_frames(array: np.ndarray, model, lengths) -> np.ndarray:
    """(B, T', ...) -> the utterances' own frames, behind one another."""
    return np.concatenate([one[:count] for one, count in zip(array, model.count_frames(lengths), strict=True)])


def run(case, **options):
    model = model_of_case(case)
    mask = np.arange(case["features"].shape[1]) < case["lengths"][:, None]
    return model, model(case["features"], mask.astype(int), **options)


@every_case
def test_states_and_logits_of_a_batch_are_those_of_each_alone(name):
    case = read_case(name)
    model, out = run(case, output_hidden_states=True)
    found = [*out.hidden_states, out.logits]
    for key, array in zip(["state 0", "state 1", "state 2", "logits"], found, strict=True):
        frames = own_frames(array.numpy(), model, case["lengths"])
        np.testing.assert_allclose(frames, case[key], **CLOSE, err_msg=key)
    assert np.abs(case["logits"]).max() > 1


@every_case
def test_the_same_where_nothing_is_recorded(name):
    """Batch norm is folded into the kernel and its bias there."""
    case = read_case(name)
    with no_grad():
        model, out = run(case)
    np.testing.assert_allclose(own_frames(out.logits.numpy(), model, case["lengths"]), case["logits"], **CLOSE)


@every_case
def test_the_loss_and_every_gradient(name):
    case = read_case(name)
    model = model_of_case(case, ctc_loss_reduction="sum")
    mask = np.arange(case["features"].shape[1]) < case["lengths"][:, None]
    loss = model(case["features"], mask.astype(int), labels=case["labels"]).loss
    assert loss.item() == pytest.approx(float(case["loss"]), rel=1e-9)
    loss.backward()
    parameters, expected = dict(model.named_parameters()), under(case, "gradient")
    own = {key: own_name(key, convolution_places(expected)) for key in expected}
    assert set(own.values()) == set(parameters)
    for key, gradient in expected.items():
        found = parameters[own[key]].grad
        scale = np.abs(gradient).max()
        if key.endswith("linear_k.bias"):  # adds the same to all scores of a query: no gradient
            scale = 1.0
        else:
            assert scale > 1e-6, key
        np.testing.assert_allclose(found, gradient.reshape(found.shape), rtol=0, atol=1e-8 * scale, err_msg=key)


@every_case
def test_the_cases_are_what_the_script_makes(name):
    pytest.importorskip("torch")
    for key, array in make(name).items():
        np.testing.assert_allclose(read_case(name)[key], array, rtol=1e-9, atol=1e-12, err_msg=key)


@every_case
def test_names_and_shapes_tell_the_kind_of_subsampling(name):
    shapes = {key: array.shape for key, array in under(read_case(name), "weight").items()}
    told = config_of_shapes(shapes)
    assert (told["subsampling"], told["subsampling_factor"]) == CASES[name] and told["num_mel_bins"] == 8
