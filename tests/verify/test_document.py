"""docs/verify.md: its ten lines write a file that is read, its limits and names are those of the code."""

import re
from pathlib import Path

import numpy as np
import pytest
from small_models import KINDS, change_one_weight, make_inputs, make_model

from npconformer.verify import Reference, compare
from npconformer.verify.reference import GROUPS
from npconformer.verify.tolerances import LIMITS, PARTLY_IN_FLOAT32, ROUNDING

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")


def ten_lines():
    """The function in the document."""
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "def write_reference" in block)
    namespace = {}
    exec(code, namespace)
    body = code.split("def write_reference")[1].splitlines()
    assert len(body) <= 10
    return namespace["write_reference"]


@pytest.mark.parametrize("kind", KINDS)
def test_ten_lines_of_a_third_implementation(kind, tmp_path):
    """It runs the model in its own way, and keeps one module by hand, in a layout of its own."""
    model, inputs, kept = make_model(kind), make_inputs(kind), {}
    name = f"{model.base_model_prefix}.encoder.layers.7.ffn1"

    def keep(module, args, output):
        kept[name] = output.numpy().copy().transpose(0, 2, 1)  # (B, C, T)

    with dict(model.named_modules())[name].register_forward_hook(keep):
        output = model(**inputs, output_hidden_states=True)
    hidden_states = [np.asfortranarray(state.numpy()) for state in output.hidden_states]
    modules = {name: kept[name].transpose(0, 2, 1)}
    path = tmp_path / "run.safetensors"
    ten_lines()(path, model.config.model_type, inputs, hidden_states, modules, output.logits.numpy())
    assert Reference.load(path).made_by == "my implementation 0.1"
    comparison = compare(model, path)
    assert comparison.passed and [row.tensor for row in comparison.rows] == [
        *(f"outputs.hidden_states.{index}" for index in range(8)),
        f"modules.{name}",
        "outputs.hidden_states.8",
        "outputs.logits",
    ]
    change_one_weight(model, 7)
    assert compare(model, path).first.tensor == f"modules.{name}"


def test_limits_are_those_of_the_code():
    rows = {row.split("|")[1].strip(): row for row in TEXT.splitlines() if row.startswith("|")}
    for name, kind in (("outputs, modules", "outputs"), ("gradients", "gradients")):
        numbers = [float(number) for number in re.findall(r"\de-\d+", rows[name])]
        assert numbers[:3] == [LIMITS["float32"][kind], LIMITS["float64"][kind], PARTLY_IN_FLOAT32][: len(numbers)]
    assert float(re.findall(r"\de-\d+", rows["loss"])[0]) == LIMITS["float32"]["loss"]
    assert round(PARTLY_IN_FLOAT32 / ROUNDING) == 84 and "T > 84 frames" in TEXT


def test_every_group_is_described():
    for group in (*GROUPS, "outputs.hidden_states"):
        assert f"`{group}.<" in TEXT
