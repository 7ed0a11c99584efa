"""A model that is run by noted calls gives the same bits as the model, whatever is changed in between."""

import numpy as np
import pytest
from tiny_checkpoints import make_config

import npconformer
from npconformer import Tensor, no_grad, ops
from npconformer.arrays import threads
from npconformer.arrays.call_plan import SharedCalls
from npconformer.models import call_plans, model_plan
from npconformer.models.auto import model_class
from npconformer.models.call_plans import CALLS_BEFORE, set_call_plans
from npconformer.models.model_plan import ModelPlan, same_bits
from npconformer.nn.stored_layers import StoredLinear

MODELS = ("layer", "group", "bert", "nemo")
SHAPES = {"layer": (2, 7000), "group": (2, 7000), "bert": (2, 30, 160), "nemo": (1, 90, 20)}


@pytest.fixture(autouse=True)
def enabled():
    set_call_plans(True)
    yield
    set_call_plans(True)


def make(kind, head="ctc", **settings):
    npconformer.set_seed(3)
    config = make_config(kind, **settings)
    return model_class(config.model_type, head)(config).eval()


def inputs(kind, seed=0, shape=None):
    return np.random.default_rng(seed).standard_normal(shape or SHAPES[kind]).astype(np.float32)


def planned(kind="layer", head="ctc", **settings):
    """A model that has a plan for its shape."""
    model = make(kind, head, **settings)
    warm_up(model, inputs(kind))
    assert len(model.call_plans) == 1
    return model


@no_grad()
def warm_up(model, x):
    for _ in range(CALLS_BEFORE + 2):
        model(x)


@no_grad()
def both(model, x, **options):
    """What the model gives, run and by whatever way it chooses itself."""
    set_call_plans(False)
    expected = model(x, **options)
    set_call_plans(True)
    return expected, model(x, **options)


def assert_alike(model, x, **options):
    expected, found = both(model, x, **options)
    assert same_bits(found, expected) and type(found) is type(expected)
    return found


def count_runs(model, runs=None):
    """A list that grows with each run by noted calls."""
    runs = [] if runs is None else runs
    for plan in model.call_plans._plans.values():
        if isinstance(plan, ModelPlan):
            plan.calls._steps.append(lambda: runs.append(1))
    return runs


def made_models():
    for kind in MODELS:
        heads = ["ctc"] if kind == "nemo" else [None, "ctc", "sequence_classification", "audio_frame_classification"]
        heads += [] if kind == "nemo" else ["xvector"] + (["pretraining"] if kind != "bert" else [])
        for head in heads:
            yield kind, head, {}
        positions = {"nemo": [], "bert": ["relative", "rotary", None]}.get(kind, ["rotary", None])
        for one in positions:
            yield kind, "ctc", {"position_embeddings_type": one}
        if kind != "nemo":
            yield kind, "ctc", {"add_adapter": True, "output_hidden_size": 16}
    yield "layer", "sequence_classification", {"use_weighted_layer_sum": True}
    yield "layer", "ctc", {"hidden_act": "laplace", "feat_extract_activation": "mish"}
    yield "layer", "ctc", {"hidden_act": "gelu", "feat_extract_activation": "relu"}
    yield "bert", "ctc", {"use_intermediate_ffn_before_adapter": True, "add_adapter": True}


@pytest.mark.parametrize(("kind", "head", "settings"), list(made_models()))
def test_the_same_bits_for_other_inputs_and_other_numbers_in_the_weights(kind, head, settings):
    model = planned(kind, head, **settings)
    runs = count_runs(model)
    for seed in range(3):
        assert_alike(model, inputs(kind, seed))
    rng = np.random.default_rng(0)
    arrays = {name: parameter.data for name, parameter in model.named_parameters()} | dict(model.named_buffers())
    arrays = {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
    before, unused = assert_alike(model, inputs(kind)), []
    for name, array in arrays.items():
        array += np.abs(0.1 * rng.standard_normal(array.shape)).astype(array.dtype)
        after = assert_alike(model, inputs(kind))
        unused += [name] if same_bits(before, after) else []
        before = after
        if "linear_pos" in name or "inv_freq" in name:  # of which something is kept from input to input: a new plan
            model.call_plans = type(model.call_plans)()
            warm_up(model, inputs(kind))
            count_runs(model, runs)
    assert len(runs) > 0.9 * len(arrays) and len(unused) < len(arrays) / 2


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_work_that_threads_share(kind, count, monkeypatch):
    for module, name in ((threads, "SHARED_SIZE"), (threads, "TINY_SIZE"), (ops.dot_product_attention, "SHARED_SIZE")):
        monkeypatch.setattr(module, name, 16)
    monkeypatch.setattr(npconformer.arrays.products, "SHARED_PRODUCT", 64)
    before = threads.get_num_threads()
    try:
        npconformer.set_num_threads(count)
        model = planned(kind)
        runs = count_runs(model)
        for seed in range(5):
            assert_alike(model, inputs(kind, seed))
        steps = [step for plan in model.call_plans._plans.values() for step in plan.calls._steps]
        assert len(runs) == 5 and any(isinstance(step, SharedCalls) for step in steps) == (count > 1)
        npconformer.set_num_threads(count + 1)
        assert_alike(model, inputs(kind))
        assert len(runs) == 5
    finally:
        npconformer.set_num_threads(before)


def test_options_have_plans_of_their_own():
    model = make("layer")
    x = inputs("layer")
    for options in ({}, {"output_hidden_states": True}, {"output_attentions": True, "return_dict": False}):
        with no_grad():
            for _ in range(CALLS_BEFORE + 2):
                model(x, **options)
        assert_alike(model, inputs("layer", 1), **options)
    assert len(model.call_plans) == 3
    with no_grad():
        for _ in range(CALLS_BEFORE + 2):
            model(input_values=Tensor(x), attention_mask=None)
    assert len(model.call_plans) == 4


def test_what_has_other_arguments_runs_the_model():
    model = planned()
    runs, x = count_runs(model), inputs("layer")
    with no_grad():
        for _ in range(CALLS_BEFORE + 2):
            model(x, attention_mask=np.full((2, 7000), 2))
        model(x, labels=[[1, 2], [3, 4]])
        model(x.tolist())
        with pytest.raises(TypeError, match="nonsense"):
            model(x, nonsense=None)
        with pytest.raises(TypeError):
            model()
    assert len(model.call_plans) == 1 and not runs


@pytest.mark.parametrize("kind", MODELS)
def test_masks_have_plans_of_their_own(kind):
    model, x = make(kind), inputs(kind)
    masks = [np.ones(x.shape[:2], np.int64) for _ in range(3)]
    masks[1][0, -x.shape[1] // 4 :] = 0
    given = [{"attention_mask": masks[0]}, {"attention_mask": masks[1]}]
    given.append({"attention_mask": masks[1].astype(bool), "padding_mode": "exact"})
    for options in given:
        with no_grad():
            for _ in range(CALLS_BEFORE + 1):
                model(x, **options)
    assert len(model.call_plans) == 3
    runs = count_runs(model)
    found = [assert_alike(model, inputs(kind, 1), **options).logits.data for options in given]
    assert len(runs) == 3 and not np.array_equal(found[0], found[1])
    masks[1][...] = masks[2]  # the plan has a mask of its own
    np.testing.assert_array_equal(assert_alike(model, inputs(kind, 1), attention_mask=masks[1]).logits.data, found[0])
    masks[1][0, -x.shape[1] // 4 :] = 0
    np.testing.assert_array_equal(assert_alike(model, inputs(kind, 1), attention_mask=masks[1]).logits.data, found[1])
    assert len(runs) == 5


def test_gradients_and_checks_run_the_model():
    model, x = planned(), inputs("layer")
    runs = count_runs(model)
    output = model(x)
    output.logits.backward(np.ones(output.logits.shape, np.float32))
    assert model.lm_head.weight.grad is not None
    with no_grad(), npconformer.detect_anomaly():
        model(x)
    assert not runs and len(model.call_plans) == 1


def test_each_output_has_arrays_of_its_own():
    model = planned()
    with no_grad():
        first, second = model(inputs("layer", 1)).logits.data, model(inputs("layer", 2)).logits.data
    assert not np.array_equal(first, second) and type(first) is np.ndarray and first.flags.writeable
    kept = second.copy()
    first[...] = 0
    with no_grad():
        model(inputs("layer", 3))
    np.testing.assert_array_equal(second, kept)


def test_the_input_is_not_written_to_and_not_kept():
    model, x = planned(), inputs("layer", 1)
    kept = x.copy()
    assert_alike(model, x)
    np.testing.assert_array_equal(x, kept)
    x[...] = 0
    assert_alike(model, inputs("layer", 1))


def test_a_wrong_number_is_an_error_as_always_and_the_next_input_is_none():
    model = planned()
    runs, x = count_runs(model), inputs("layer")
    x[1, 5] = np.nan
    with no_grad(), pytest.raises(ValueError, match="NaN"):
        model(x)
    assert_alike(model, inputs("layer", 1))
    assert len(runs) == 1


def test_a_plan_that_mostly_diverges_is_given_up():
    model = planned()
    x = inputs("layer")
    x[0, 0] = np.inf
    with no_grad():
        for _ in range(call_plans.MOST_DIVERGED + 1):
            with pytest.raises(ValueError, match="infinite"):
                model(x)
    assert len(model.call_plans) == 0
    assert_alike(model, inputs("layer"))


@pytest.mark.parametrize("options", [{"dtype": "float16"}, {"dtype": "bfloat16"}, {"load_in_8bit": True}])
def test_stored_weights_give_the_same(options, tmp_path):
    make("layer").save_pretrained(tmp_path)
    model = npconformer.AutoModelForCTC.from_pretrained(tmp_path, **options)
    assert any(isinstance(module, StoredLinear) for module in model.modules())
    warm_up(model, inputs("layer"))
    for seed in range(3):
        assert_alike(model, inputs("layer", seed))


def test_a_long_input_of_parts():
    model = make("nemo")
    x = inputs("nemo", shape=(1, 1400, 20))  # in two parts, of which the subsampling takes slices
    warm_up(model, x)
    assert len(model.call_plans) == 1
    assert_alike(model, inputs("nemo", 1, (1, 1400, 20)))


def test_what_modules_keep_of_inputs_is_not_shared_with_their_copies():
    model = make("layer", position_embeddings_type="relative")
    twin = model_plan.with_captured_weights(model)
    for own, other in zip(model.modules(), twin.modules(), strict=True):
        assert own is not other
        for name in ("latest", "projected", "call_plans"):
            assert not hasattr(own, name) or getattr(own, name) is not getattr(other, name)
    parameters = zip(model.parameters(), twin.parameters(), strict=True)
    assert all(own is not other and np.shares_memory(own.data, other.data) for own, other in parameters)


def test_float64():
    model = make("layer", feat_extract_activation="relu").to("float64")
    warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 1
    assert assert_alike(model, inputs("layer", 1)).logits.dtype == np.float64


def test_a_switch_that_is_none():
    with pytest.raises(ValueError, match="enabled"):
        set_call_plans("no")
