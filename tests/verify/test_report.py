"""The table and the JSON of a comparison: figures, verdicts, the first difference, notes."""

import json

import numpy as np
import pytest
from small_models import KINDS, change_one_weight, make_inputs, make_model

from npconformer.verify import compare, trace
from npconformer.verify.report import to_dict, to_text


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def comparison_of(kind, change=lambda model, reference: None, **options):
    model = make_model(kind)
    reference = trace(model, make_inputs(kind, labels=True), **options)
    change(model, reference)
    return compare(model, reference)


def fault_in_layer_7(model, reference):
    change_one_weight(model, 7)


def test_text_of_what_agrees(kind):
    text = to_text(comparison_of(kind))
    lines = text.splitlines()
    assert lines[0].startswith("compared:  Wav2Vec2") and "in npconformer " in lines[0] and lines[0].endswith("float32")
    assert lines[1].startswith("reference: npconformer ")
    assert "attention_mask int64 (2, " in lines[2] and lines[4].split()[:2] == ["tensor", "layer"]
    assert lines[5].split() == "outputs.hidden_states.0 before layer 0 0.0e+00 0.0e+00 2.0e-05 ok".split()
    assert "best class differs in 0 of 22" in text and "DIFFERS" not in text
    assert lines[-1] == "all of 11 tensors are within their limits"
    assert text.endswith("\n") and all(line == line.rstrip() for line in lines)


def test_text_names_the_first_that_differs(kind):
    text = to_text(comparison_of(kind, fault_in_layer_7, modules=True, gradients=True))
    name = f"modules.{make_model(kind, layers=1).base_model_prefix}.encoder.layers.7.ffn1.intermediate_dense"
    assert text.splitlines()[-1].endswith(f"the first that differs: {name} (layer 7)")
    (line,) = (line for line in text.splitlines() if "intermediate_dense" in line and line.startswith("modules."))
    assert line.startswith("modules.encoder.layers.7.ffn1.intermediate_dense and 2") and "DIFFERS" in line
    assert text.count("\n") < 60  # a line for each kind of tensor in each layer


def test_a_line_for_every_tensor(kind):
    comparison = comparison_of(kind, fault_in_layer_7, modules=True, gradients=True)
    text = to_text(comparison, every=True)
    table = text.split("\n\n")[1].splitlines()
    assert len(table) == 1 + len(comparison.rows)
    assert sum("DIFFERS" in line for line in table) == sum(not row.within for row in comparison.rows)


def test_the_worst_of_a_layer_is_shown(kind):
    def change(model, reference):
        for name, factor in (("ffn1", 1.000001), ("ffn2", 1.000004), ("conv_module", 1.000002)):
            key = f"modules.{model.base_model_prefix}.encoder.layers.4.{name}"
            reference.arrays[key] = reference.arrays[key] * np.float32(factor)

    text = to_text(comparison_of(kind, change, modules=True))
    (line,) = (line for line in text.splitlines() if line.startswith("modules.encoder.layers.4."))
    assert line.startswith("modules.encoder.layers.4.ffn2 and 2") and " ok " in line


def test_notes(kind):
    def change(model, reference):
        for index in range(1, 9):
            del reference.arrays[f"outputs.hidden_states.{index}"]
        reference.arrays["modules.dropout.inner"] = reference.arrays["outputs.logits"]
        prefix = model.base_model_prefix
        reference.arrays[f"modules.{prefix}.encoder.layers"] = reference.arrays["outputs.logits"]

    comparison = comparison_of(kind, change, modules=True, gradients=True)
    text = to_text(comparison)
    assert (
        "note: zero in exact arithmetic: judged by the model's largest gradient, since both sides hold rounding only: "
        "8 tensors, such as gradients." in text
    )
    inner = f"modules.{make_model(kind, layers=1).base_model_prefix}.encoder.layers\n"
    assert f"note: not compared, since computed here as part of others: {inner}" in text
    assert "note: not compared, since not in the reference: 8 tensors, such as outputs.hidden_states.1\n" in text
    assert "npconformer's model has none" in text


def test_json(kind):
    comparison = comparison_of(kind, fault_in_layer_7, modules=True, gradients=True)
    found = json.loads(json.dumps(to_dict(comparison), allow_nan=False))
    assert found["passed"] is False and found["first_difference"]["layer"] == "layer 7"
    assert found["first_difference"]["tensor"].endswith("encoder.layers.7.ffn1.intermediate_dense")
    assert found["limits"] == {"outputs": 2e-5, "modules": 2e-5, "loss": 2e-5, "gradients": 2e-4}
    assert [entry["tensor"] for entry in found["tensors"]] == [row.tensor for row in comparison.rows]
    for entry, row in zip(found["tensors"], comparison.rows, strict=True):
        assert (entry["absolute"], entry["relative"], entry["within"]) == (row.absolute, row.relative, row.within)
    (logits,) = (entry for entry in found["tensors"] if entry["tensor"] == "outputs.logits")
    assert (logits["argmax_flips"], logits["argmax_places"]) == (0, 22)
    agreeing = to_dict(comparison_of(kind))
    assert agreeing["passed"] is True and agreeing["first_difference"] is None


def test_json_has_no_nan_and_no_infinity(kind):
    def change(model, reference):
        reference.arrays["outputs.hidden_states.3"] = np.full((2, 11, 16), np.nan, np.float32)
        reference.arrays["outputs.hidden_states.5"] = np.zeros((2, 11), np.float32)
        reference.arrays["outputs.hidden_states.6"] = np.zeros((2, 11, 16), np.float32)

    comparison = comparison_of(kind, change)
    entries = json.loads(json.dumps(to_dict(comparison), allow_nan=False))["tensors"]
    nan, shape, zero = (entries[index] for index in (3, 5, 6))
    assert (nan["absolute"], nan["note"], nan["where"]) == (None, "NaN in the reference", [0, 0, 0])
    assert (shape["relative"], shape["note"]) == (None, "shape (2, 11) in the reference, (2, 11, 16) here")
    assert zero["relative"] is None and zero["absolute"] > 0
    text = to_text(comparison)
    assert "NaN in the reference" in text and "shape (2, 11) in the reference" in text
    assert "3 of 11 tensors are over their limits; the first that differs: outputs.hidden_states.3 (layer 2)" in text


def test_nothing_to_compare(kind):
    comparison = comparison_of(kind)
    comparison.rows = []
    assert not comparison.passed and to_text(comparison).endswith("nothing could be compared\n")


def test_names_that_would_forge_a_line_or_drive_a_terminal(kind):
    def change(model, reference):
        reference.arrays["outputs.x\x1b[2J\nall of 11 tensors are within their limits"] = np.zeros(3, np.float32)

    text = to_text(comparison_of(kind, change))
    assert r"outputs.x\x1b[2J\nall of 11" in text and "\x1b" not in text
    assert "\nall of 11 tensors" not in text
