"""What a tensor holds: sizes, Python's numbers, text, and changes in place."""

import pickle

import numpy as np
import pytest

from npconformer.arrays.backend import to_host
from npconformer.nn import Parameter
from npconformer.ops import methods
from npconformer.tape import attached
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import no_grad

X = np.arange(24.0).reshape(2, 3, 4)


def test_size_is_a_number_and_can_be_called(backend):
    x = Tensor(backend.from_host(X))
    assert x.size == 24 and x.size + 1 == 25 and isinstance(x.size, int) and f"{x.size}" == "24"
    assert x.size() == (2, 3, 4) and x.size(1) == 3 and x.size(-1) == 4 and x.size(dim=0) == 2
    assert type(pickle.loads(pickle.dumps(x.size))) is int
    assert x.numel() == x.nelement() == 24 and x.dim() == x.ndimension() == x.ndim == 3
    with pytest.raises(IndexError):
        x.size(3)


def test_python_numbers(backend):
    x = Tensor(backend.from_host(np.array(3)))
    assert int(x) == 3 and list(range(x)) == [0, 1, 2] and [5, 6, 7, 8][x] == 8 and "abcdef"[:x] == "abc"
    assert int(Tensor(backend.from_host(np.array([2.7])))) == 2
    assert Tensor(backend.from_host(X[0])).tolist() == X[0].tolist()
    for wrong in (np.array(2.0), np.array([1, 2])):
        with pytest.raises(TypeError, match="index"):
            range(Tensor(backend.from_host(wrong)))


def test_text(backend):
    x = Tensor(backend.from_host(X), requires_grad=True)
    assert f"{x.sum():.2f}" == "276.00" and f"{x[0, 0, 1]}" == "1.0" and f"{x[0, 0, :1]:.1f}" == "0.0"
    assert f"{x}" == str(x) and "requires_grad=True" in f"{x}"
    with pytest.raises(TypeError, match="format"):
        f"{x:.2f}"


def test_iteration(backend):
    assert [part.shape for part in Tensor(backend.from_host(X))] == [(3, 4)] * 2
    first, _ = Tensor(backend.from_host(X[0, :2]))
    assert first.tolist() == [0, 1, 2, 3]
    with pytest.raises(TypeError, match="iteration"):
        iter(Tensor(backend.from_host(np.array(1.0))))


def test_assignment(backend):
    x = Tensor(backend.from_host(X))
    x[0] = -1
    x[1, Tensor(backend.from_host(np.array([0, 2])))] = Tensor(backend.from_host(np.full(4, 7.0)))
    x[1, 1] = [1, 2, 3, 4]
    expected = [[[-1] * 4] * 3, [[7] * 4, [1, 2, 3, 4], [7] * 4]]
    assert x.tolist() == expected
    x[x > 5] = 0
    assert to_host(x.data).max() == 4
    mask = np.zeros(X.shape, bool)
    mask[0] = True
    x[backend.from_host(mask)] = np.array(9.0)
    assert x[0].tolist() == [[9] * 4] * 3


def test_in_place(backend):
    x = Tensor(backend.from_host(X.astype(np.float32)))
    array = x.data
    assert x.fill_(2) is x and x.tolist() == np.full(X.shape, 2).tolist()
    assert x.copy_(Tensor(backend.from_host(X))) is x and x.tolist() == X.tolist() and x.dtype == np.float32
    assert x.zero_() is x and not any(np.ravel(x.tolist())) and x.data is array


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.zero_(),
        lambda x: x.fill_(1),
        lambda x: x.copy_(x.detach()),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.mul_(2),
    ],
)
def test_what_is_recorded_is_not_changed_in_place(change):
    x = Parameter(X.copy())
    with pytest.raises(TypeError, match=r"in place.*no_grad"):
        change(x)
    np.testing.assert_array_equal(x.data, X)
    with no_grad():
        change(x)


def test_operations_in_place(backend):
    x = Tensor(backend.from_host(np.array([1.0, -2.0, 0.25])))
    array = x.data
    assert x.mul_(2).add_(1).sub_(x, alpha=0.5) is x and x.tolist() == [1.5, -1.5, 0.75]
    assert x.abs_().div_(3).neg_().clamp_(-0.5, -0.3).tolist() == [-0.5, -0.5, -0.3] and x.data is array
    assert x.masked_fill_(x < -0.4, 9).tolist() == [9, 9, -0.3]
    assert x.add(x, alpha=2)[0].item() == 27 and x.tolist() == [9, 9, -0.3]
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3,\)"):
        x.add_(np.zeros((2, 3)))


def test_a_step_of_training_by_hand():
    p = Parameter(np.array([1.0, 2.0]))
    (p * p).sum().backward()
    with no_grad():
        p.sub_(0.1 * p.grad)
    assert p.tolist() == [0.8, 1.6] and p.is_leaf and p.requires_grad


def test_requires_grad():
    x = Tensor(X)
    assert x.requires_grad_() is x and x.requires_grad and not x.requires_grad_(False).requires_grad
    with pytest.raises(ValueError, match="int64"):
        Tensor(np.arange(3)).requires_grad_()
    with pytest.raises(ValueError, match="detach"):
        (x.requires_grad_() * 2).requires_grad_(False)


def test_of_the_same_kind(backend):
    x = Tensor(backend.from_host(X.astype(np.float32)))
    for y, value in ((x.new_zeros(2, 3), 0), (x.new_ones((2, 3)), 1), (x.new_full((2, 3), 5), 5)):
        assert y.tolist() == [[value] * 3] * 2 and y.dtype == np.float32 and type(y.data) is backend.array_type
    y = x.new_tensor([1, 2])
    assert y.tolist() == [1, 2] and y.dtype == np.float32 and type(y.data) is backend.array_type
    assert x.new_zeros(2, dtype=np.int64).dtype == np.int64
    assert x.is_floating_point() and not (x > 0).is_floating_point()


def test_every_method_is_declared_and_every_declaration_is_one():
    """Type checkers read `tape/attached.py`; the program reads `ops/methods.py`."""
    import ast
    from pathlib import Path

    names = set()
    for node in ast.walk(ast.parse(Path(attached.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets}
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
    ours = {*methods.OPERATORS, *methods.METHODS, *methods.PROPERTIES} - {"__array_ufunc__"}
    assert names - {"Axis", "__slots__", "__hash__"} == ours
    assert all(hasattr(Tensor, name) for name in ours)
