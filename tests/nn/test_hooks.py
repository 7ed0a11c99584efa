"""Forward hooks: what they see, in which order, what they may change, and that they go when they are told to."""

import numpy as np
import pytest

from npconformer import Tensor, nn
from npconformer.nn.hooks import HookHandle


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList([nn.Linear(3, 4), nn.LayerNorm(4)])

    def forward(self, x, scale=1.0):
        for step in self.steps:
            x = step(x)
        return x * scale


X = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)


def test_a_hook_sees_module_positional_arguments_and_output():
    model, calls = Chain(), []
    model.register_forward_hook(lambda *seen: calls.append(seen))
    output = model(X, scale=2.0)
    ((module, args, given),) = calls
    assert module is model and args == (X,) and given is output


def test_inner_modules_are_done_before_outer_ones():
    model, order = Chain(), []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: order.append(name))
    model(X)
    assert order == ["steps.0", "steps.1", ""]


def test_what_a_hook_returns_replaces_the_output_for_the_next_one_too():
    model, seen = Chain(), []
    model.steps[0].register_forward_hook(lambda module, args, output: output * 0)
    model.steps[0].register_forward_hook(lambda module, args, output: seen.append(output))
    result = model(X)
    assert not seen[0].numpy().any()
    np.testing.assert_array_equal(result.numpy(), np.zeros((2, 4), np.float32))


def test_removing():
    model, calls = Chain(), []
    first = model.register_forward_hook(lambda *_: calls.append("first"))
    model.register_forward_hook(lambda *_: calls.append("second"))
    first.remove()
    first.remove()
    model(X)
    assert calls == ["second"] and isinstance(first, HookHandle)
    with model.register_forward_hook(lambda *_: calls.append("third")):
        model(X)
    model(X)
    assert calls == ["second", "second", "third", "second"]


def test_a_hook_may_remove_itself():
    model, calls = Chain(), []

    def once(*_):
        calls.append("once")
        handle.remove()

    handle = model.register_forward_hook(once)
    model.register_forward_hook(lambda *_: calls.append("always"))
    model(X), model(X)
    assert calls == ["once", "always", "always"]


def test_gradients_flow_through_a_replaced_output():
    model = Chain()
    model.steps[1].register_forward_hook(lambda module, args, output: output * 3.0)
    plain, hooked = Chain(), model
    hooked.load_state_dict(plain.state_dict())
    upstream = np.arange(8, dtype=np.float32).reshape(2, 4)
    for one in (plain, hooked):
        one(Tensor(X)).backward(upstream)
    np.testing.assert_allclose(hooked.steps[0].weight.grad, 3 * plain.steps[0].weight.grad, rtol=1e-5, atol=1e-6)


def test_a_failing_hook_is_not_hidden():
    model = Chain()

    def fail(*_):
        raise RuntimeError("from the hook")

    model.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="from the hook"):
        model(X)
