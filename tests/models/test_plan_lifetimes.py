"""When plans are made and when they go: by shapes, threads, changes, memory, other people's code, interrupts."""

import copy
import cProfile
import pickle
import sys
import weakref

import numpy as np
import pytest
from test_call_plans import assert_alike, both, count_runs, enabled, inputs, make, planned, warm_up  # noqa: F401

import npconformer
from npconformer import Tensor, no_grad
from npconformer.arrays import capture
from npconformer.models import call_plans, model_plan
from npconformer.models.call_plans import CALLS_BEFORE, set_call_plans
from npconformer.models.model_plan import same_bits
from npconformer.nn import Linear


@pytest.mark.parametrize(("place", "name"), [(model_plan, "MOST_CALLS"), (call_plans, "MOST_MEMORY")])
def test_no_plan_of_too_many_calls_or_too_much_memory(place, name, monkeypatch):
    model = make("layer")
    with monkeypatch.context() as patched:
        patched.setattr(place, name, 100)
        warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 0
    assert_alike(model, inputs("layer", 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.train(),
        lambda model: model.to("float64"),
        lambda model: model.half(),
        lambda model: model.load_state_dict(model.state_dict()),
    ],
)
def test_plans_go_with_what_they_were_made_of(change):
    model = planned()
    plan = weakref.ref(next(iter(model.call_plans._plans.values())))
    change(model)
    assert len(model.call_plans) == 0 and plan() is None


def test_plans_and_shapes_are_few():
    model = make("layer")
    for length in range(3000, 3000 + 320 * 7, 320):
        warm_up(model, inputs("layer", 0, (1, length)))
        assert 1 <= len(model.call_plans) <= call_plans.MOST_PLANS
    with no_grad():
        for length in range(3000, 3300):
            model(inputs("layer", 0, (1, length)))
    assert len(model.call_plans._plans) <= call_plans.MOST_SHAPES


def test_a_copy_begins_without_plans():
    model = planned()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model.call_plans))):
        assert len(getattr(other, "call_plans", other)) == 0
    other = copy.deepcopy(model)
    other.lm_head.bias.data += 1
    warm_up(other, inputs("layer"))
    assert_alike(other, inputs("layer"))
    assert_alike(model, inputs("layer"))


def test_a_model_that_nobody_has_goes_at_once():
    model = planned()
    gone = weakref.ref(model)
    weights = weakref.ref(model.lm_head.weight)
    del model
    assert gone() is None and weights() is None


def test_a_profiler_sees_the_model_run():
    model = make("layer")
    profile = cProfile.Profile()
    profile.enable()
    warm_up(model, inputs("layer"))
    profile.disable()
    assert len(model.call_plans) == 0
    warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 1


def test_shapes_that_take_turns_have_few_plans_and_make_no_more(monkeypatch):
    model, made = make("layer"), []
    monkeypatch.setattr(call_plans, "make_plan", lambda *args: made.append(1) or model_plan.make_plan(*args))
    shapes = [(1, length) for length in range(3000, 3000 + 320 * 6, 320)]
    with no_grad():
        for _ in range(5 * CALLS_BEFORE):
            for shape in shapes:
                model(inputs("layer", 0, shape))
        assert len(model.call_plans) == len(made) == call_plans.MOST_PLANS
        monkeypatch.setattr(call_plans, "UNUSED", 0.0)
        for _ in range(2 * CALLS_BEFORE):
            model(inputs("layer", 0, shapes[-1]))
    assert len(model.call_plans) == call_plans.MOST_PLANS and len(made) == call_plans.MOST_PLANS + 1


def test_plans_that_do_not_last_are_made_ever_more_rarely(monkeypatch):
    model, made = make("layer"), []
    monkeypatch.setattr(call_plans, "make_plan", lambda *args: made.append(1) or model_plan.make_plan(*args))
    with no_grad():
        for _ in range(40):
            model.lm_head.weight.data = model.lm_head.weight.data * 1
            for _ in range(CALLS_BEFORE + 2):
                model(inputs("layer"))
    assert 1 <= len(made) <= 6


def test_a_plan_that_was_worth_it_takes_no_patience():
    model = planned()
    with no_grad():
        for _ in range(call_plans.WORTH):
            model(inputs("layer"))
    model.train().eval()
    assert model.call_plans._patience == CALLS_BEFORE
    warm_up(model, inputs("layer"))
    model.train().eval()
    assert model.call_plans._patience == 2 * CALLS_BEFORE


class Counting(Linear):
    """Has a memory, which a run more or less would change."""

    calls = 0

    def forward(self, x, **fused):
        self.calls += 1
        return super().forward(x, **fused) * float(self.calls)


class Strict(Linear):
    def forward(self, x, **fused):
        assert type(x.data) is np.ndarray
        return super().forward(x, **fused)


@pytest.mark.parametrize("kind", [Counting, Strict])
def test_code_of_another_program_is_run_as_often_as_ever(kind):
    model = make("layer")
    model.lm_head = kind(16, 12).eval()
    warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 0 and getattr(model.lm_head, "calls", 10) in (10, CALLS_BEFORE + 2)


def test_a_class_of_another_program_without_code_has_no_plan():
    model = type("Own", (type(make("layer")),), {"__module__": "somewhere"})(make("layer").config).eval()
    warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 0


@pytest.mark.parametrize("change", [lambda m: m.layers[:], lambda m: tuple(m.layers), lambda m: dict(a=m.layers)])
def test_modules_in_containers_have_no_plan(change):
    model = make("layer")
    encoder = model.wav2vec2_conformer.encoder
    encoder.other_layers = change(encoder)
    warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 0
    assert_alike(model, inputs("layer"))


def test_a_list_in_the_configuration_is_compared_by_what_is_in_it():
    model = make("bert", "xvector")
    model.config.tdnn_dilation = [1, 2, 1]
    warm_up(model, inputs("bert"))
    runs, before = count_runs(model), assert_alike(model, inputs("bert"))
    model.config.tdnn_dilation[0] = 3
    assert not same_bits(assert_alike(model, inputs("bert")), before) and len(runs) == 1


def test_checkpointed_functions_run_the_model():
    model, x = planned("group"), Tensor(inputs("group"))
    runs = count_runs(model)
    found = [npconformer.checkpoint(lambda x: model(x).logits, x).data]
    set_call_plans(False)
    found.append(npconformer.checkpoint(lambda x: model(x).logits, x).data)
    np.testing.assert_array_equal(*found)
    assert not runs


@pytest.mark.parametrize("view", [lambda x: x[..., ::-1], lambda x: np.asfortranarray(x), lambda x: x[..., ::2]])
def test_inputs_that_lie_otherwise_run_the_model(view):
    model = make("bert")
    x = inputs("bert", shape=(2, 30, 320))
    x = x if view(x).shape[-1] == 160 else x[..., :160].copy()
    warm_up(model, np.ascontiguousarray(view(x)))
    runs = count_runs(model)
    assert_alike(model, view(x))
    assert not runs and len(model.call_plans) == 1


def test_an_input_that_requires_a_gradient_is_checked_as_always():
    model = make("layer")
    x = inputs("layer").astype(np.float64)
    warm_up(model, x)
    assert len(model.call_plans) == 1
    with no_grad(), pytest.raises(ValueError, match="for its gradient"):
        model(Tensor(x, requires_grad=True))


def test_integers_run_the_model():
    model = make("layer")
    warm_up(model, np.full((2, 7000), np.iinfo(np.int32).max, np.int32))
    assert len(model.call_plans) == 0


def test_numbers_that_overflow_warn_as_always():
    model = planned()
    model.lm_head.weight.data *= 1e37
    model.lm_head.weight.data *= 100
    runs = count_runs(model)
    with no_grad(), pytest.warns(RuntimeWarning, match="overflow"):
        model(inputs("layer"))
    with no_grad(), np.errstate(over="raise"), pytest.raises(FloatingPointError):
        model(inputs("layer"))
    assert len(runs) == 1


def test_an_error_while_a_plan_is_made_is_nobodys(monkeypatch):
    model = make("layer")
    monkeypatch.setattr(model_plan, "with_captured_weights", lambda model: 1 // 0)
    warm_up(model, inputs("layer"))
    assert len(model.call_plans) == 0
    assert_alike(model, inputs("layer"))


def test_a_wrong_input_when_a_plan_is_due_is_an_error_and_the_next_one_makes_it():
    model, x = make("layer"), inputs("layer")
    with no_grad():
        for _ in range(CALLS_BEFORE):
            model(x)
        with pytest.raises(ValueError, match="NaN"):
            model(x * np.nan)
        assert not model.call_plans._making.locked()
    warm_up(model, x)
    assert len(model.call_plans) == 1


def test_an_interrupt_while_a_plan_is_made_leaves_nothing_at_work(monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    def in_the_middle_of_it(model):
        twin = real(model)
        if hasattr(model, "lm_head"):  # it calls itself for the modules inside
            vars(twin.lm_head)["forward"] = interrupt
        return twin

    model, x, real = make("layer"), inputs("layer"), model_plan.with_captured_weights
    for name in ("with_captured_weights", "Unchanged", "same_bits"):
        with monkeypatch.context() as patched:
            patched.setattr(model_plan, name, in_the_middle_of_it if name == "with_captured_weights" else interrupt)
            with no_grad(), pytest.raises(KeyboardInterrupt):
                for _ in range(CALLS_BEFORE + 1):
                    model(x)
        assert capture.current() is None and not capture._at_work and not model.call_plans._making.locked()
        assert not call_plans._running and sys.getprofile() is None
    warm_up(model, x)
    assert len(model.call_plans) == 1
    assert_alike(model, x)


def test_an_interrupt_while_a_plan_runs_leaves_it_for_the_next():
    model = planned()
    plan = model.call_plans._made()[0][1]
    interrupts = iter([True])

    def step():
        if next(interrupts, False):
            raise KeyboardInterrupt

    plan.calls._steps.insert(100, step)
    with no_grad(), pytest.raises(KeyboardInterrupt):
        model(inputs("layer"))
    assert not plan.lock.locked()
    runs = count_runs(model)
    assert_alike(model, inputs("layer", 1))
    assert len(runs) == 1
