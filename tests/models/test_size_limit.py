"""A configuration of a few bytes that asks for more than any machine has is refused before anything is built."""

import json
import time

import numpy as np
import pytest
from tiny_checkpoints import make_config, save_checkpoint

from npconformer import AutoModelForCTC, manual_seed
from npconformer.models.auto import model_class
from npconformer.nn import init

HUGE = 2_000_000_000
# For each kind of model, the fields that make its weights.
FIELDS = {
    "layer": "vocab_size num_hidden_layers intermediate_size conv_depthwise_kernel_size num_conv_pos_embeddings "
    "conv_dim conv_kernel output_hidden_size adapter_kernel_size num_adapter_layers hidden_size",
    "bert": "vocab_size num_hidden_layers intermediate_size conv_depthwise_kernel_size left_max_position_embeddings "
    "output_hidden_size adapter_kernel_size num_adapter_layers hidden_size feature_projection_input_dim",
}
CASES = [(kind, field) for kind, fields in FIELDS.items() for field in fields.split()]


def enlarged(settings, field):
    huge = HUGE + 1 if field == "conv_depthwise_kernel_size" else HUGE
    value = [*settings[field][:-1], huge] if isinstance(settings.get(field), list | tuple) else huge
    extra = {"add_adapter": True} if "adapter" in field or field == "output_hidden_size" else {}
    return {**settings, **extra, field: value}


@pytest.mark.parametrize(("kind", "field"), CASES)
def test_from_a_config_alone(kind, field):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=rf"would not fit the memory of [0-9.]+ GB|'{field}' is 2000000000"):
        model = model_class(make_config(kind).model_type, "ctc")
        model(type(make_config(kind))(**enlarged(make_config(kind).to_dict(), field)))
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("allow", [{}, {"allow_missing": True, "ignore_mismatched_sizes": True}])
@pytest.mark.parametrize(("kind", "field"), CASES)
def test_with_weights_to_compare_with(kind, field, allow, tmp_path):
    path = save_checkpoint("ForCTC", tmp_path, kind) / "config.json"
    path.write_text(json.dumps(enlarged({**json.loads(path.read_text())}, field)))
    start = time.perf_counter()
    with pytest.raises(ValueError, match=rf"asks for far more|'{field}' is 2000000000"):
        AutoModelForCTC.from_pretrained(tmp_path, **allow)
    assert time.perf_counter() - start < 1


def test_counting_draws_nothing_and_what_it_makes_takes_no_memory():
    config = make_config("layer")
    manual_seed(3)
    expected = model_class(config.model_type, "ctc")(config).state_dict()
    manual_seed(3)
    with init.size_limit(1e6, "", counting=True):
        counted = model_class(config.model_type, "ctc")(config).state_dict()
        assert init.normal(0.0, 1.0, 10, 1000).strides == (0, 0)
    assert {name: array.shape for name, array in counted.items()} == {n: a.shape for n, a in expected.items()}
    np.testing.assert_array_equal(model_class(config.model_type, "ctc")(config).state_dict()["lm_head.weight"],
                                  expected["lm_head.weight"])  # fmt: skip


def test_the_limit_is_of_all_together_and_ends_with_the_block():
    with init.size_limit(10, "too many"):
        init.constant(0.0, 2, 3)
        init.uniform(0.0, 1.0, 4)
        for make in (init.empty, lambda n: init.normal(0.0, 1.0, n), lambda n: init.constant(1.0, n)):
            with pytest.raises(ValueError, match="too many"):
                make(1)
    init.empty(100)
