"""Outputs of models read as mappings and as tuples of what is set."""

import numpy as np
import pytest

from npconformer.models.outputs import CausalLMOutput
from npconformer.tape.autograd import Tensor

LOGITS = Tensor(np.arange(6.0).reshape(1, 2, 3))


def test_only_what_is_set_counts():
    output = CausalLMOutput(logits=LOGITS)
    assert list(output) == list(output.keys()) == ["logits"] and len(output) == 1
    assert list(output.values()) == [LOGITS] and [name for name, _ in output.items()] == ["logits"]
    assert output["logits"] is output[0] is output.to_tuple()[0] is output[:1][0] is output.logits
    assert output.get("loss") is None and output.get("loss", 3) == 3 and "loss" not in output
    assert dict(output) == {"logits": LOGITS} == {**output}
    with pytest.raises(KeyError):
        output["loss"]
    with pytest.raises(IndexError):
        output[1]


def test_fields_are_set_by_name():
    output = CausalLMOutput(logits=LOGITS)
    output["loss"] = Tensor(np.zeros(()))
    assert list(output) == ["loss", "logits"] and output[0] is output.loss
    with pytest.raises(KeyError, match="no field 'losss'"):
        output["losss"] = 3
