"""Whatever is replaced after a plan was made, the model gives what it gives without plans."""

import gc
import sys
from unittest import mock

import numpy as np
import pytest
from test_call_plans import assert_alike, both, count_runs, enabled, inputs, make, planned, warm_up  # noqa: F401

import npconformer
from npconformer import Tensor, no_grad, ops
from npconformer.arrays import special
from npconformer.models import unchanged
from npconformer.models.call_plans import CALLS_BEFORE
from npconformer.models.conformer import attention, feed_forward
from npconformer.models.model_plan import same_bits
from npconformer.nn import Linear, Module, Parameter
from npconformer.ops.layer_norm import LayerNorm
from npconformer.tape.autograd import Operation
from npconformer.verify.functional_call import substituted


def first_block(model):
    return model.wav2vec2_conformer.encoder.layers[0]


def new_data(model, monkeypatch):
    parameter = first_block(model).ffn1.intermediate_dense.weight
    parameter.data = parameter.data * 2


def new_parameter(model, monkeypatch):
    model.lm_head.weight = Parameter(model.lm_head.weight.data * 2)


def new_parameter_of_one_number(model, monkeypatch):
    """The same number, then another: the old one's memory must not be read any more."""
    norm = model.wav2vec2_conformer.encoder.layer_norm
    norm.bias = Parameter(norm.bias.data.copy())
    norm.bias.data += 1


def no_bias(model, monkeypatch):
    model.lm_head.bias = None


def new_buffer(model, monkeypatch):
    first_block(model).conv_module.batch_norm.running_mean = np.full(16, 0.5, np.float32)


def set_buffer(model, monkeypatch):
    model.set_buffer(
        "wav2vec2_conformer.encoder.layers.1.conv_module.batch_norm.running_var", np.full(16, 0.5, np.float32)
    )


def loaded_state(model, monkeypatch):
    model.load_state_dict({name: array * np.float32(1.5) for name, array in model.state_dict().items()})


def new_module(model, monkeypatch):
    model.lm_head = Linear(16, 12, std=0.5)


def new_module_inside(model, monkeypatch):
    first_block(model).ffn1.output_dense = Linear(24, 16, std=0.5)


def wrapped_module(model, monkeypatch):
    class Doubled(Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x) * 2

    first_block(model).ffn2 = Doubled(first_block(model).ffn2)


def blocks_in_another_order(model, monkeypatch):
    layers = model.wav2vec2_conformer.encoder.layers
    first, second = layers[0], layers[1]
    setattr(layers, "0", second)
    setattr(layers, "1", first)


def new_setting(model, monkeypatch):
    first_block(model).ffn1_layer_norm.eps = 0.5


def new_config_field(model, monkeypatch):
    model.config.output_hidden_states = True


def new_config(model, monkeypatch):
    model.wav2vec2_conformer.encoder.config = type(model.config)(**{**model.config.to_dict(), "layerdrop": 0.1})


def hook(model, monkeypatch):
    first_block(model).register_forward_hook(lambda module, args, output: (output[0] * 2, output[1]))


def hook_of_the_model(model, monkeypatch):
    model.register_forward_hook(lambda module, args, output: type(output)(logits=output.logits * 2))


def forward_of_one_module(model, monkeypatch):
    first_block(model).ffn1.forward = lambda x: x * 3


def forward_of_the_model(model, monkeypatch):
    original = model.forward
    model.forward = lambda *arguments, **options: original(*arguments, output_attentions=True)


def forward_of_a_class(model, monkeypatch):
    monkeypatch.setattr(attention.SelfAttention, "can_add", lambda self: False)
    monkeypatch.setattr(Linear, "forward", lambda self, x, **fused: ops.linear(x, self.weight, None, **fused))


def method_of_an_operation(model, monkeypatch):
    original = LayerNorm.forward
    monkeypatch.setattr(LayerNorm, "forward", lambda self, *arrays: original(self, *arrays) * 2)


def static_method_of_an_operation(model, monkeypatch):
    kind = npconformer.ops.activations.SiLU
    monkeypatch.setattr(kind, "compute", staticmethod(lambda xp, y, x: xp.multiply(x, 0.5, out=y)))


def function_of_a_file(model, monkeypatch):
    monkeypatch.setattr(feed_forward, "half_step", lambda module, x, residual: residual + module(x))
    monkeypatch.setattr("npconformer.models.conformer.block.half_step", feed_forward.half_step)


def function_of_operations(model, monkeypatch):
    monkeypatch.setattr(ops, "conv1d", lambda x, *others, **options: ops.convolution.conv1d(x * 2, *others, **options))


def function_beside_an_operation(model, monkeypatch):
    original = special.normal_cdf_numpy
    monkeypatch.setattr(special, "_horner", lambda z, coefficients, out=None: np.multiply(z, 0, out=out))
    assert original is special.normal_cdf_numpy


def class_of_an_operation(model, monkeypatch):
    class Other(LayerNorm):
        def forward(self, *arrays):
            return super().forward(*arrays) + np.float32(1)

    monkeypatch.setattr(sys.modules["npconformer.ops.layer_norm"], "LayerNorm", Other)


def method_taken_away(model, monkeypatch):
    monkeypatch.delattr(LayerNorm, "backward")


def method_that_hides_a_base(model, monkeypatch):
    monkeypatch.setattr(Linear, "__call__", lambda self, *a, **k: Module.__call__(self, *a, **k) * 2, raising=False)
    assert "__call__" in vars(Linear)


def forward_that_hides_a_base(model, monkeypatch):
    kind = type(model)
    inherited = kind.forward
    assert "forward" not in vars(kind)

    def forward(self, *arguments, **options):
        output = inherited(self, *arguments, **options)
        return type(output)(logits=output.logits * 2)

    monkeypatch.setattr(kind, "forward", forward)
    assert "forward" in vars(kind)


def class_of_a_module(model, monkeypatch):
    class Half(Linear):
        def forward(self, x, **fused):
            return super().forward(x, **fused) * 0.5

    model.lm_head.__class__ = Half


def method_of_an_operation_that_hides_a_base(model, monkeypatch):
    kind = sys.modules["npconformer.ops.linear"].Linear

    def call(self, *arrays):
        result = Operation.__call__(self, *arrays)
        result.data = result.data * 2
        return result

    monkeypatch.setattr(kind, "__call__", call, raising=False)


def contents_of_a_dictionary(model, monkeypatch):
    classes = sys.modules["npconformer.ops.activations"]._CLASSES
    for name, kind in list(classes.items()):
        monkeypatch.setitem(classes, name, sys.modules["npconformer.ops.activations"].ReLU if name else kind)


def block_taken_out_of_the_registry(model, monkeypatch):
    del model.wav2vec2_conformer.encoder.layers._modules["1"]


def another_block_in_the_registry(model, monkeypatch):
    layers = model.wav2vec2_conformer.encoder.layers
    layers._modules["1"] = layers[0]


def constant(model, monkeypatch):
    monkeypatch.setattr("npconformer.ops.convolution.FEW_ROWS", 0)


CHANGES = [
    new_data, new_parameter, new_parameter_of_one_number, no_bias, new_buffer, set_buffer, loaded_state, new_module,
    new_module_inside, wrapped_module, blocks_in_another_order, new_setting, new_config_field, new_config, hook,
    hook_of_the_model, forward_of_one_module, forward_of_the_model, forward_of_a_class, method_of_an_operation,
    static_method_of_an_operation, function_of_a_file, function_of_operations, function_beside_an_operation,
    class_of_an_operation, method_taken_away, method_that_hides_a_base, forward_that_hides_a_base, class_of_a_module,
    method_of_an_operation_that_hides_a_base, contents_of_a_dictionary,
    block_taken_out_of_the_registry, another_block_in_the_registry, constant,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(change, monkeypatch):
    model, x = planned(), inputs("layer", 1)
    model.lm_head.bias.data += 1  # in place, which changes no plan
    before = assert_alike(model, x)
    runs = count_runs(model)
    change(model, monkeypatch)
    after = assert_alike(model, x)
    assert not runs, "the plan was used"
    if change not in (new_config, constant, method_taken_away):  # that change no number here
        assert not same_bits(after, before)
    warm_up(model, inputs("layer"))
    assert_alike(model, x)


def test_training_mode_runs_the_model():
    model, x = planned(activation_dropout=0.5, layerdrop=0.0), inputs("layer")
    runs = count_runs(model)
    with no_grad():
        for part in (model, model.wav2vec2_conformer.encoder.layers[1].ffn1):
            part.train()
            npconformer.set_seed(1)
            first = model(x).logits.data
            assert not np.array_equal(first, model(x).logits.data)
            part.eval()
    assert not runs
    for _ in range(3):  # plans did not last, so the next comes later
        warm_up(model, x)
    assert len(model.call_plans) == 1


def test_the_memory_of_what_a_table_was_made_for_is_no_change():
    model = planned()
    runs = count_runs(model)
    with no_grad():
        model(inputs("layer", 0, (1, 21000)))
    assert_alike(model, inputs("layer", 1))
    assert len(runs) == 1


def test_substituted_parameters_are_seen():
    model, x = planned(), inputs("layer")
    name = "wav2vec2_conformer.encoder.layers.0.ffn1.intermediate_dense.weight"
    other = Tensor(np.zeros_like(model.get_parameter(name).data))
    before = both(model, x)[1]
    with substituted(model, {name: other}):
        expected, found = both(model, x)
        assert same_bits(found, expected) and not same_bits(found, before)
    assert same_bits(assert_alike(model, x), before)


def test_code_in_use_knows_the_functions_that_ran():
    with unchanged.code_in_use() as codes:
        npconformer.functional.gelu(Tensor(np.ones(3, np.float32)))
    assert {"_horner", "compute"} <= {code.co_name for code in codes}
    assert {names["__name__"].partition(".")[0] for names in codes.values()} == {"npconformer"}


def test_a_name_that_hides_one_of_pythons_is_seen(monkeypatch):
    def own_zip(*arguments, **options):
        seen.append(1)
        return zip(*arguments, **options)

    seen, model = [], planned()
    monkeypatch.setattr(sys.modules["npconformer.ops.linear"], "zip", own_zip, raising=False)
    with no_grad():
        model(inputs("layer"))
    assert seen


def test_a_mock_is_called_as_often_as_ever():
    place = sys.modules["npconformer.ops.dot_product_attention"]
    model, real = make("layer"), place.exponentials_in_place
    with mock.patch.object(place, "exponentials_in_place", wraps=real) as spy, no_grad():
        for _ in range(CALLS_BEFORE + 4):
            model(inputs("layer"))
        assert spy.call_count == 2 * (CALLS_BEFORE + 4)  # in each block
        spy.side_effect = LookupError
        with pytest.raises(LookupError):
            model(inputs("layer"))
    assert len(model.call_plans) == 0


def test_a_function_of_another_program_gives_no_plan(monkeypatch):
    """It may look at whatever it likes, such as a number beside it."""
    original, gain = feed_forward.half_step, [1.0]
    monkeypatch.setattr(
        "npconformer.models.conformer.block.half_step", lambda *arguments: original(*arguments) * gain[0]
    )
    model = make("layer")
    warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 0
    gain[0] = 2.0
    assert_alike(model, inputs("layer"))


def test_what_else_runs_meanwhile_is_no_matter():
    """Such as another program's function that is called for each collection of garbage."""

    def collected(phase, info):
        seen.append(phase)

    seen, thresholds = [], gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(5)
    try:
        model = planned()
    finally:
        gc.callbacks.remove(collected)
        gc.set_threshold(*thresholds)
    assert seen
    assert_alike(model, inputs("layer", 1))
