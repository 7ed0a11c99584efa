"""SGD and AdamW beside torch's and beside plain twins; their groups, their state, and whose memory they change."""

import numpy as np
import optimizer_twins as twins
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.arrays.backend import to_host
from npconformer.nn import Linear, Module, Parameter
from npconformer.optim import SGD, AdamW, parameter_groups
from npconformer.optim import pieces as pieces_module

CASES = {
    "sgd": (SGD, "SGD", dict(lr=0.1)),
    "momentum": (SGD, "SGD", dict(lr=0.05, momentum=0.9, weight_decay=0.1)),
    "nesterov": (SGD, "SGD", dict(lr=0.05, momentum=0.8, weight_decay=0.1, nesterov=True)),
    "adamw": (AdamW, "AdamW", dict(lr=0.02, weight_decay=0.1)),
    "adamw, no decay": (AdamW, "AdamW", dict(lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.0)),
}
SHAPES = {"matrix": (5, 3), "vector": (4,), "number": (), "late": (2, 2)}
TOLERANCE = {"float64": 1e-12, "float32": 2e-6}


def gradients_of(steps, dtype, seed=0):
    """One dictionary for each step; "late" has no gradient in the first and in the fourth step."""
    rng = np.random.default_rng(seed)
    rows = [
        {n: np.asarray(rng.normal(size=shape) * 10.0 ** (i % 3 - 1), dtype) for n, shape in SHAPES.items()}
        for i in range(steps)
    ]
    for i in (0, 3):
        rows[i]["late"] = None
    return rows


def start(dtype):
    rng = np.random.default_rng(7)
    return {name: np.asarray(rng.normal(size=shape), dtype) for name, shape in SHAPES.items()}


def run_ours(kind, settings, dtype, gradients, backend=None):
    move = backend.from_host if backend else np.array
    params = {name: Parameter(move(value)) for name, value in start(dtype).items()}
    optimizer = kind(params, **settings)
    for row in gradients:
        for name, p in params.items():
            p.grad = None if row[name] is None else move(row[name].copy())
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_as_torch(case, dtype):
    torch = pytest.importorskip("torch")
    kind, name, settings = CASES[case]
    gradients = gradients_of(12, dtype)
    theirs = {n: torch.nn.Parameter(torch.from_numpy(np.array(v))) for n, v in start(dtype).items()}
    optimizer = getattr(torch.optim, name)(theirs.values(), foreach=False, **settings)
    for row in gradients:
        for n, p in theirs.items():
            p.grad = None if row[n] is None else torch.from_numpy(row[n].copy())
        optimizer.step()
    ours, _ = run_ours(kind, settings, dtype, gradients)
    for n, p in ours.items():
        assert p.data.dtype == dtype
        np.testing.assert_allclose(p.data, theirs[n].detach().numpy(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_as_the_twin(case, dtype, backend):
    kind, _, settings = CASES[case]
    gradients = gradients_of(9, dtype, seed=3)
    ours, _ = run_ours(kind, settings, dtype, gradients, backend)
    twin = twins.sgd if kind is SGD else twins.adamw
    for name, value in start(dtype).items():
        expected = twin(value, [row[name] for row in gradients], **settings)
        got = to_host(ours[name].data)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_frozen_numbers():
    """Three steps of torch 2.13's AdamW and SGD in float64, written down."""
    gradients = [0.5, -0.1, 0.3]
    p = Parameter(np.array([1.0, -2.0]))
    optimizer = AdamW({"p": p}, lr=0.1, betas=(0.9, 0.99), weight_decay=0.1)
    q = Parameter(np.array([1.0, -2.0]))
    other = SGD({"q": q}, lr=0.1, momentum=0.9, weight_decay=0.1)
    for g in gradients:
        p.grad, q.grad = np.array([g, 2 * g]), np.array([g, 2 * g])
        optimizer.step()
        other.step()
    np.testing.assert_allclose(p.data, FROZEN_ADAMW, rtol=1e-14)
    np.testing.assert_allclose(q.data, FROZEN_SGD, rtol=1e-14)


FROZEN_ADAMW = [0.7549983186674477, -2.1558986839944]
FROZEN_SGD = [0.7996739999999999, -2.1781680000000003]


@pytest.mark.parametrize("kind", [SGD, AdamW])
@given(size=st.integers(0, 40), piece=st.integers(1, 17))
def test_pieces_do_not_matter(kind, size, piece):
    rng = np.random.default_rng(size)
    value, gradient = rng.normal(size=size), rng.normal(size=size)

    def run(elements):
        before, pieces_module.PIECE = pieces_module.PIECE, elements
        try:
            p = Parameter(value.copy())
            optimizer = kind({"p": p}, lr=0.1)
            for _ in range(2):
                p.grad = gradient.copy()
                optimizer.step()
            return p.data
        finally:
            pieces_module.PIECE = before

    np.testing.assert_array_equal(run(piece), run(1000))


@pytest.mark.parametrize("case", CASES)
def test_resuming_is_exact(case):
    kind, _, settings = CASES[case]
    gradients = gradients_of(10, "float32")
    whole, _ = run_ours(kind, settings, "float32", gradients)
    params, optimizer = run_ours(kind, settings, "float32", gradients[:5])
    state = {name: array.copy() for name, array in optimizer.state_dict().items()}
    again = {name: Parameter(p.data.copy()) for name, p in params.items()}
    resumed = kind(again, **settings)
    resumed.load_state_dict(state)
    for row in gradients[5:]:
        for name, p in again.items():
            p.grad = None if row[name] is None else row[name].copy()
        resumed.step()
    for name, p in again.items():
        np.testing.assert_array_equal(p.data, whole[name].data)
    np.testing.assert_array_equal(state["step/matrix"], 5)  # and the state that was loaded is not what changed


def test_wrong_state_changes_nothing():
    _, optimizer = run_ours(AdamW, {}, "float32", gradients_of(5, "float32"))
    before = optimizer.state_dict()
    damaged = [
        {**before, "exp_avg/other": before["exp_avg/matrix"]},
        {**before, "velocity/matrix": before["exp_avg/matrix"]},
        {**before, "exp_avg/matrix": before["exp_avg/vector"]},
        {**before, "exp_avg/matrix": before["exp_avg/matrix"].astype(np.float64)},
        {name: array for name, array in before.items() if name != "exp_avg_sq/matrix"},
        {name: array for name, array in before.items() if name != "step/matrix"},
    ]
    for state in damaged:
        with pytest.raises(ValueError, match=r"state: .*(matrix|other)"):
            optimizer.load_state_dict(state)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_arrays_of_others_are_not_changed():
    given_array = np.ones(3)
    view = np.ones(3)
    view.flags.writeable = False
    p, q = Parameter(given_array), Parameter(view)
    optimizer = SGD({"p": p, "q": q}, lr=1.0)
    p.grad, q.grad = np.ones(3), np.ones(3)
    optimizer.step()
    np.testing.assert_array_equal([p.data, q.data], np.zeros((2, 3)))
    np.testing.assert_array_equal([given_array, view], np.ones((2, 3)))
    q.data = view  # as from_pretrained and load_state_dict assign arrays
    optimizer.step()
    np.testing.assert_array_equal(q.data, np.zeros(3))


def test_an_array_that_lies_transposed_is_replaced():
    p = Parameter(np.ones((3, 4)))
    optimizer = SGD({"p": p}, lr=1.0)
    p.data = transposed = np.asfortranarray(np.ones((3, 4)))  # as load_state_dict takes it over
    p.grad = np.arange(12.0).reshape(3, 4)
    optimizer.step()
    np.testing.assert_array_equal(p.data, 1 - p.grad)
    assert transposed.all()


def test_the_step_is_in_place():
    p = Parameter(np.ones(3))
    optimizer = AdamW({"p": p})
    array = p.data
    p.grad = np.ones(3)
    optimizer.step()
    assert p.data is array


class Small(Module):
    def __init__(self):
        super().__init__()
        self.dense, self.final_layer_norm, self.frozen = Linear(3, 2), Linear(1, 2), Linear(2, 2)
        self.frozen.requires_grad_(False)


def test_groups():
    groups = parameter_groups(Small(), 0.3)
    assert [(list(g["params"]), g["weight_decay"]) for g in groups] == [
        (["dense.weight"], 0.3),
        (["dense.bias", "final_layer_norm.weight", "final_layer_norm.bias"], 0.0),
    ]
    assert [len(g["params"]) for g in parameter_groups(Small(), 0.0)] == [4]
    assert [list(g["params"]) for g in parameter_groups(Small(), 0.3, no_decay=["dense"])][1] == [
        "dense.weight",
        "dense.bias",
    ]


def test_groups_have_their_own_settings():
    model = Small()
    optimizer = SGD([{"params": {"a": model.dense.weight}, "lr": 2.0}, {"params": {"b": model.dense.bias}}], lr=1.0)
    optimizer.scale_learning_rate(0.5)
    optimizer.scale_learning_rate(0.1)  # of the first rate, not of the one before
    assert [group["lr"] for group in optimizer.groups] == [0.2, 0.1]
    assert optimizer.learning_rate == 0.2
    before = model.dense.weight.data.copy()
    model.dense.weight.grad = np.ones((2, 3), np.float32)
    optimizer.step()
    np.testing.assert_allclose(model.dense.weight.data, before - 0.2, rtol=1e-6)
    optimizer.zero_grad()
    assert model.dense.weight.grad is None


def test_wrong_arguments():
    p = {"p": Parameter(np.ones(2))}
    for settings, message in [
        (dict(lr=-1), "lr"),
        (dict(lr=float("nan")), "lr"),
        (dict(weight_decay=-1), "weight_decay"),
        (dict(betas=(0.9, 1.0)), "betas"),
        (dict(betas=(0.9,)), "betas"),
        (dict(eps=-1), "eps"),
    ]:
        with pytest.raises(ValueError, match=message):
            AdamW(p, **settings)
    with pytest.raises(ValueError, match="momentum"):
        SGD(p, momentum=1.0)
    with pytest.raises(ValueError, match="nesterov"):
        SGD(p, nesterov=True)
    with pytest.raises(ValueError, match="nothing to train"):
        SGD({})
    with pytest.raises(ValueError, match="twice"):
        SGD([{"params": p}, {"params": {"q": p["p"]}}])
    with pytest.raises(ValueError, match="rate"):
        SGD([{"params": p, "rate": 1.0}])
    with pytest.raises(ValueError, match="params"):
        SGD([p["p"], "p"])
    with pytest.raises(ValueError, match="float16"):
        SGD({"p": Parameter(np.ones(2, np.float16))})
