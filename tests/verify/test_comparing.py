"""Comparing with a reference: planted faults are found and the layer is named; what is no fault is not."""

import numpy as np
import pytest
from small_models import KINDS, block, change_one_weight, make_inputs, make_model, swap_blocks

from npconformer.verify import Reference, compare, trace
from npconformer.verify.comparing import ZERO_GRADIENT

DTYPES = ("float32", "float64")
KEYS = {"layer": "wav2vec2_conformer", "bert": "wav2vec2_bert"}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def reference_of(kind, dtype="float32", labels=True, **settings):
    """A whole run of the sound model."""
    model = make_model(kind, dtype=dtype, **settings)
    inputs = make_inputs(kind, labels=labels, dtype=dtype)
    return trace(model, inputs, modules=True, attentions=True, gradients=True)


def only(reference, *groups):
    """The reference with these parts and its inputs alone."""
    kept = {name: array for name, array in reference.arrays.items() if name.startswith(("inputs.", *groups))}
    return Reference(kept, reference.model_type, reference.made_by, tolerances=reference.tolerances)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("labels", [True, False])
def test_a_model_agrees_with_itself(kind, dtype, labels):
    comparison = compare(make_model(kind, dtype=dtype), reference_of(kind, dtype, labels))
    assert comparison.passed and comparison.first is None and comparison.dtype == dtype
    assert len(comparison.rows) > 300 and {row.absolute for row in comparison.rows} == {0.0}
    assert comparison.not_compared == comparison.not_in_reference == []
    kinds = [row.kind for row in comparison.rows]
    forward = kinds.index("gradients")
    assert "gradients" not in kinds[:forward] and set(kinds[forward:]) == {"gradients"}


# ---- planted faults


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index", [0, 4, 7])
def test_one_weight_changed_by_a_thousandth(kind, dtype, index):
    model = make_model(kind, dtype=dtype)
    change_one_weight(model, index, by=1e-3)
    comparison = compare(model, reference_of(kind, dtype))
    first = comparison.first
    assert not comparison.passed
    assert first.tensor == f"modules.{KEYS[kind]}.encoder.layers.{index}.ffn1.intermediate_dense"
    assert first.place == f"layer {index}" and first.where[-1] == 5  # the row of the weight that was changed


@pytest.mark.parametrize(("dtype", "by"), [("float32", 1e-2), ("float64", 1e-3)])
def test_the_same_seen_from_outside(kind, dtype, by):
    """Hidden states alone name the layer too, for faults that show after the residual stream is added."""
    model = make_model(kind, dtype=dtype)
    change_one_weight(model, 7, by)
    first = compare(model, only(reference_of(kind, dtype), "outputs.hidden")).first
    assert (first.tensor, first.place) == ("outputs.hidden_states.8", "layer 7")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_swapped_pair_of_layers(kind, dtype):
    model = make_model(kind, dtype=dtype)
    swap_blocks(model, 2, 5)
    reference = reference_of(kind, dtype)
    comparison = compare(model, reference)
    assert comparison.first.place == "layer 2"
    wrong = {row.place for row in comparison.rows if row.kind == "outputs" and not row.within}
    assert wrong == {*(f"layer {index}" for index in range(2, 8)), "output"}
    assert compare(model, only(reference, "outputs.hidden")).first.tensor == "outputs.hidden_states.3"


@pytest.mark.parametrize("dtype", DTYPES)
def test_another_rotary_base(kind, dtype):
    rotary = {"position_embeddings_type": "rotary"}
    sound = make_model(kind, dtype=dtype, **rotary, rotary_embedding_base=10_000)
    faulty = make_model(kind, dtype=dtype, **rotary, rotary_embedding_base=1_000)
    inputs = make_inputs(kind, dtype=dtype)
    for modules in (True, False):
        comparison = compare(faulty, trace(sound, inputs, modules=modules, attentions=True))
        assert comparison.first.place == "layer 0" and not comparison.passed
        assert comparison.first.tensor == (
            f"modules.{KEYS[kind]}.encoder.layers.0.self_attn.linear_q" if modules else "outputs.attentions.0"
        )
    assert compare(sound, trace(sound, inputs, modules=True)).passed


def test_a_fault_in_backward_alone(kind):
    reference = reference_of(kind)
    name = f"gradients.{KEYS[kind]}.encoder.layers.4.conv_module.depthwise_conv.weight"
    reference.arrays[name] = reference.arrays[name] * np.float32(1.001)
    comparison = compare(make_model(kind), reference)
    assert [row.tensor for row in comparison.rows if not row.within] == [name]
    assert comparison.first.place == "layer 4"


def test_backward_names_the_fault_nearest_the_output(kind):
    reference = reference_of(kind)
    for index in (1, 6, 3):
        name = f"gradients.{KEYS[kind]}.encoder.layers.{index}.ffn2.output_dense.weight"
        reference.arrays[name] = reference.arrays[name] + np.float32(1)
    assert compare(make_model(kind), reference).first.place == "layer 6"


@pytest.mark.parametrize("name", ["outputs.logits", "outputs.hidden_states.3", "loss"])
def test_a_wrong_value_in_the_reference(kind, name):
    reference = reference_of(kind)
    reference.arrays[name] = reference.arrays[name].copy()
    reference.arrays[name][(0,) * reference.arrays[name].ndim] += 1
    comparison = compare(make_model(kind), reference)
    assert comparison.first.tensor == name and comparison.first.where == (0,) * reference.arrays[name].ndim


# ---- what is said of each tensor


def test_flips_of_the_best_class(kind):
    reference = only(reference_of(kind), "outputs.logits")
    logits = reference.arrays["outputs.logits"] = reference.arrays["outputs.logits"].copy()
    for frame in (2, 5):
        logits[0, frame, logits[0, frame].argmin()] = 100
    (row,) = compare(make_model(kind), reference).rows
    assert row.flips == (2, 22) and not row.within


def test_gradients_that_are_zero_are_judged_by_the_models_scale(kind):
    """The key biases hold rounding, which two programs never share."""
    reference = reference_of(kind)
    names = [name for name in reference.arrays if name.endswith("linear_k.bias")]
    assert len(names) == 8
    for name in names:
        reference.arrays[name] = -3 * reference.arrays[name]
    comparison = compare(make_model(kind), reference)
    assert comparison.passed
    assert [row.tensor for row in comparison.rows if row.note == ZERO_GRADIENT] == names
    reference.arrays[names[0]] = reference.arrays[names[0]] + np.float32(1)  # not rounding any more
    assert compare(make_model(kind), reference).first.tensor == names[0]


@pytest.mark.parametrize("where", ["reference", "here"])
def test_nan(kind, where):
    reference, model = reference_of(kind, labels=False), make_model(kind)
    if where == "reference":
        name = "outputs.hidden_states.4"
        reference.arrays[name] = reference.arrays[name].copy()
        reference.arrays[name][1, 2, 3] = np.nan
    else:
        name = f"modules.{KEYS[kind]}.encoder.layers.3.ffn2.output_dense"
        bias = block(model, 3).ffn2.output_dense.bias
        bias.data = np.where(np.arange(16) == 3, np.float32(np.nan), bias.data)
    first = compare(model, reference).first
    assert first.tensor == name and first.place == "layer 3" and first.where[-1] == 3
    assert first.note == ("NaN in the reference" if where == "reference" else "NaN here") and np.isnan(first.relative)


def test_other_shapes(kind):
    reference = reference_of(kind)
    reference.arrays["outputs.hidden_states.2"] = reference.arrays["outputs.hidden_states.2"].swapaxes(1, 2)
    first = compare(make_model(kind), reference).first
    assert first.tensor == "outputs.hidden_states.2" and first.relative == np.inf and first.where is None
    assert first.note == "shape (2, 16, 11) in the reference, (2, 11, 16) here"


def test_names_that_only_one_side_has(kind):
    sound = reference_of(kind)
    reference = only(sound, "outputs.logits", "gradients.lm_head", "loss")
    comparison = compare(make_model(kind), reference)
    assert comparison.passed and len(comparison.not_in_reference) > 100
    for name in ("outputs.hidden_states.9", "outputs.words", "modules.encoder.layers.8", "gradients.head.weight"):
        reference = only(sound, "outputs.", "gradients.", "loss")
        reference.arrays[name] = np.ones((2, 11, 16), np.float32)
        comparison = compare(make_model(kind), reference)
        assert comparison.first.tensor == name and comparison.first.note == "npconformer's model has none"


def test_parts_that_run_as_part_of_others_are_not_compared(kind):
    reference = reference_of(kind)
    name = f"modules.{KEYS[kind]}.encoder.layers"
    reference.arrays[name] = np.ones((2, 11, 16), np.float32)
    comparison = compare(make_model(kind), reference)
    assert comparison.passed and comparison.not_compared == [name]


def test_a_gradient_that_is_not_there_is_zero(kind):
    reference, model = reference_of(kind), make_model(kind)
    (name,) = (name for name, _ in model.named_parameters() if name.endswith("masked_spec_embed"))
    reference.arrays[f"gradients.{name}"] = np.zeros(16, np.float32)
    assert compare(model, reference).passed
    reference.arrays[f"gradients.{name}"] = np.ones(16, np.float32)
    assert compare(model, reference).first.tensor == f"gradients.{name}"


def test_what_modules_hold_at_padding_is_each_ones_own_affair(kind):
    reference = reference_of(kind)
    inside, outside = f"modules.{KEYS[kind]}.encoder.layers.2.ffn1", "outputs.hidden_states.3"
    for name, frame, differs in ((inside, 9, False), (inside, 3, True), (outside, 9, True)):
        changed = only(reference, "outputs.", "modules.")
        changed.arrays[name] = changed.arrays[name].copy()
        changed.arrays[name][1, frame] += 1  # utterance 1 has 7 frames of 11
        assert compare(make_model(kind), changed).passed is not differs


# ---- tolerances


def test_limits_come_from_the_caller_then_from_the_reference(kind):
    reference = only(reference_of(kind), "outputs.")
    reference.arrays["outputs.logits"] = reference.arrays["outputs.logits"] * np.float32(1.0001)
    model = make_model(kind)
    assert not compare(model, reference).passed
    assert compare(model, reference, tolerances={"outputs": 1e-3}).passed
    reference.tolerances = {"outputs": 1e-3}
    assert compare(model, reference).passed
    assert not compare(model, reference, tolerances={"outputs": 1e-5}).passed
    reference.tolerances = {}
    assert compare(model, reference).limits["outputs"] == 2e-5
    with pytest.raises(ValueError, match="expected numbers for some of outputs, modules"):
        compare(model, reference, tolerances={"logits": 1})


def test_the_less_exact_side_decides(kind):
    """A float32 model against a float64 reference: float32's limits hold, not those that the file brings."""
    reference = reference_of(kind, "float64")
    comparison = compare(make_model(kind), reference)
    assert comparison.passed and comparison.dtype == "float32" and comparison.limits["outputs"] == 2e-5
    assert max(row.relative for row in comparison.rows if row.kind == "outputs") > 1e-8
    back = compare(make_model(kind, dtype="float64"), reference_of(kind))
    assert back.passed and back.limits["gradients"] == 2e-4


# ---- what is refused


def test_another_model(kind):
    other = {"layer": "bert", "bert": "layer"}[kind]
    with pytest.raises(ValueError, match=r"the reference is of a model of type wav2vec2-.*; this one is a wav2vec2-"):
        compare(make_model(other, layers=1), reference_of(kind, layers=1))
    with pytest.raises(ValueError, match=r"the reference is of a \w+ForCTC; this model is a \w+ForXVector"):
        compare(make_model(kind, "ForXVector", layers=1), reference_of(kind, layers=1))


def test_inputs_of_another_model(kind):
    reference = reference_of(kind, layers=1)
    (name,) = (name for name in reference.arrays if name.startswith("inputs.input_"))
    reference.arrays["inputs.input_ids"] = reference.arrays.pop(name)
    with pytest.raises(ValueError, match=r"inputs: got .*input_ids.* is needed"):
        compare(make_model(kind, layers=1), reference)


def test_from_a_file(kind, tmp_path):
    reference_of(kind, layers=2).save(tmp_path / "run.safetensors")
    model = make_model(kind, layers=2)
    assert compare(model, tmp_path / "run.safetensors").passed
    change_one_weight(model, 1)
    assert compare(model, str(tmp_path / "run.safetensors")).first.place == "layer 1"
