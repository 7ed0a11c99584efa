"""One run of a model, kept: the arrays are what the model gives, and the model is left as it was."""

from functools import partial

import numpy as np
import pytest
from small_models import KINDS, make_inputs, make_model
from strict_device import STRICT

import npconformer
from npconformer.verify import compare, trace

HEADS = ("ForCTC", None, "ForSequenceClassification", "ForAudioFrameClassification", "ForXVector")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_what_is_kept_is_asked_for(kind):
    model, inputs = make_model(kind, layers=2), make_inputs(kind)
    plain = trace(model, inputs)
    assert list(plain.arrays) == [
        *(f"inputs.{name}" for name in inputs),
        "outputs.hidden_states.0",
        "outputs.hidden_states.1",
        "outputs.hidden_states.2",
        "outputs.logits",
    ]
    assert list(trace(model, inputs, hidden_states=False).compared) == ["outputs.logits"]
    assert trace(model, inputs, attentions=True).arrays["outputs.attentions.1"].shape == (2, 2, 11, 11)
    name = f"{model.base_model_prefix}.encoder.layers.1.ffn1"
    assert list(trace(model, inputs, hidden_states=False, modules=[name]).compared) == [
        f"modules.{name}",
        "outputs.logits",
    ]
    assert plain.model_type == model.config.model_type and plain.architecture == type(model).__name__
    assert plain.made_by == f"npconformer {npconformer.__version__}, numpy {np.__version__}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_arrays_are_those_of_the_model(kind, dtype):
    model, inputs = make_model(kind, dtype=dtype, layers=2), make_inputs(kind, labels=True)
    reference = trace(model, inputs, modules=True, attentions=True, gradients=True)
    output = model(**inputs, output_hidden_states=True, output_attentions=True)
    output.loss.backward()
    arrays = reference.arrays
    assert_close = partial(np.testing.assert_allclose, rtol=0, atol=2e-5 if dtype == "float32" else 1e-13)
    assert_close(arrays["outputs.logits"], output.logits)
    assert_close(arrays["loss"], output.loss)
    for index, state in enumerate(output.hidden_states):
        assert_close(arrays[f"outputs.hidden_states.{index}"], state)
    for index, weights in enumerate(output.attentions):
        assert_close(arrays[f"outputs.attentions.{index}"], weights)
        block = arrays[f"modules.{model.base_model_prefix}.encoder.layers.{index}"]
        assert_close(block, output.hidden_states[index + 1])
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (f"gradients.{name}" in arrays)
        if parameter.grad is not None:
            assert_close(arrays[f"gradients.{name}"], parameter.grad)
    floating = {name: array.dtype for name, array in arrays.items() if array.dtype.kind == "f" and name != "loss"}
    assert set(floating.values()) == {np.dtype(dtype)} and reference.dtype == dtype


def test_what_a_module_gave_is_not_what_later_steps_made_of_it(kind):
    """Activations work in place where nothing is recorded; the copy is taken before."""
    model, inputs = make_model(kind, layers=1), make_inputs(kind)
    arrays = trace(model, inputs, modules=True).arrays
    dense = next(name for name in arrays if name.endswith("ffn1.intermediate_dense"))
    module = dict(model.named_modules())[dense.removeprefix("modules.")]
    before = arrays[dense.replace("ffn1.intermediate_dense", "ffn1_layer_norm")]
    np.testing.assert_allclose(arrays[dense], module(before).numpy(), rtol=1e-5, atol=1e-6)


def test_the_model_is_left_as_it_was(kind):
    model, inputs = make_model(kind, layers=2), make_inputs(kind, labels=True)
    model.train()
    model.base_model.encoder.eval()
    if kind == "layer":
        model.freeze_feature_encoder()
    model.lm_head.bias.grad = gradient = np.ones(12, np.float32)
    modes = [module.training for module in model.modules()]
    needs = [parameter.requires_grad for parameter in model.parameters()]
    state = {name: np.array(array) for name, array in model.state_dict().items()}
    given = {name: array.copy() for name, array in inputs.items()}
    trace(model, inputs, modules=True, gradients=True)
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == needs
    assert not any(module._forward_hooks for module in model.modules())
    assert model.lm_head.bias.grad is gradient and model.lm_head.weight.grad is None
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    for name, array in inputs.items():
        np.testing.assert_array_equal(array, given[name])


def test_it_is_left_as_it_was_after_an_error_too(kind):
    model, inputs = make_model(kind, layers=1), make_inputs(kind)
    model.train()
    with pytest.raises(ValueError, match="NaN"):
        trace(model, {**inputs, model.main_input_name: inputs[model.main_input_name] * np.nan}, modules=True)
    assert model.training and not any(module._forward_hooks for module in model.modules())


def test_frozen_parameters_have_gradients_and_whole_convolutions():
    """With a frozen feature encoder the model itself runs it in windows, piece by piece."""
    model, inputs = make_model("layer", layers=1), make_inputs("layer")
    expected = trace(model, inputs, modules=True, gradients=True).arrays
    model.requires_grad_(False)
    found = trace(model, inputs, modules=True, gradients=True).arrays
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("head", HEADS)
def test_without_a_loss_gradients_are_of_a_random_sum(kind, head):
    model, inputs = make_model(kind, head, layers=1), make_inputs(kind)
    reference = trace(model, inputs, gradients=True)
    ((name, upstream),) = reference.group("upstream").items()
    output = model(**inputs)
    output[name].backward(upstream)
    for parameter, gradient in reference.group("gradients").items():
        found = dict(model.named_parameters())[parameter].grad  # float32; hooks have each layer computed by itself
        np.testing.assert_allclose(found, gradient, rtol=0, atol=1e-5 * max(1.0, float(abs(gradient).max())))
    assert 0.2 < upstream.std() < 1.5
    np.testing.assert_array_equal(upstream, trace(model, inputs, gradients=True).arrays[f"upstream.{name}"])


def test_upstream_gradients_of_ones_own(kind):
    model, inputs = make_model(kind, layers=1), make_inputs(kind, labels=True)
    upstream = np.full((2, 11, 12), 0.5)
    reference = trace(model, inputs, gradients=True, upstream={"logits": upstream})
    gradient = reference.arrays["gradients.lm_head.bias"]
    np.testing.assert_allclose(gradient, np.full(12, 11.0), rtol=1e-6)  # not those of the loss
    for wrong in ({"logits": upstream[:1]}, {"hidden_states": upstream}, {"words": upstream}):
        with pytest.raises(
            ValueError, match=r"upstream: got \w+ .*expected gradients of some of .*logits \(2, 11, 12\)"
        ):
            trace(model, inputs, gradients=True, upstream=wrong)


def test_progress_is_told_after_every_block(kind):
    calls = []
    trace(make_model(kind, layers=3), make_inputs(kind), progress=lambda: calls.append(1))
    assert len(calls) == 3


@pytest.mark.parametrize("change", ["other model", "unknown", "none"])
def test_inputs_that_the_model_does_not_take(kind, change):
    model = make_model(kind, layers=1)
    other = {"layer": "bert", "bert": "layer"}[kind]
    inputs = {
        "other model": make_inputs(other),
        "unknown": {**make_inputs(kind), "sampling_rate": np.array(16000)},
        "none": {},
    }[change]
    with pytest.raises(
        ValueError, match=rf"inputs: got .*; for a {type(model).__name__} {model.main_input_name} is needed"
    ):
        trace(model, inputs)


def test_tensors_are_taken_as_inputs_too(kind):
    model, inputs = make_model(kind, layers=1), make_inputs(kind)
    tensors = {name: npconformer.Tensor(array) for name, array in inputs.items()}
    found, expected = trace(model, tensors), trace(model, inputs)
    np.testing.assert_array_equal(found.arrays["outputs.logits"], expected.arrays["outputs.logits"])


@pytest.mark.parametrize("labels", [True, False])
def test_a_model_on_a_device(kind, labels):
    """The arrays come to the host; upstream gradients go to where the model is."""
    inputs = make_inputs(kind, labels=labels)
    reference = trace(make_model(kind, layers=1), inputs, modules=True, attentions=True, gradients=True)
    model = make_model(kind, layers=1).to(STRICT)
    found = trace(model, inputs, modules=True, attentions=True, gradients=True)
    assert all(type(array) is np.ndarray for array in found.arrays.values())
    assert compare(model, reference).passed and found.arrays.keys() == reference.arrays.keys()
