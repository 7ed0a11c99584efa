"""Choosing, finding and leaving an array library."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from backends import backend  # noqa: F401
from strict_device import STRICT, DeviceArray

from npconformer.arrays import backend as backends
from npconformer.arrays.backend import (
    NUMPY,
    BackendError,
    asarray,
    backend_of,
    get_array_module,
    get_backend,
    is_array,
    known_array,
    normal_cdf,
    scatter_add,
    sliding_view,
    to_backend,
    to_host,
)

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def default_is_restored():
    before = backends._default
    yield
    backends._default = before


def run(code, **environment):
    """Runs code in a fresh interpreter, where nothing has been imported or chosen."""
    environment = {k: v for k, v in os.environ.items() if k != "NPCONFORMER_BACKEND"} | environment
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False, timeout=60
    )


def test_arrays_know_their_backend():
    x = STRICT.from_host(X)
    assert get_array_module(X) is np and get_array_module(3.0, None, [1]) is np and get_array_module() is np
    assert get_array_module(None, X, x, 2) is STRICT.xp and backend_of(x, X) is STRICT
    assert is_array(X) and is_array(x)
    assert not any(is_array(value) for value in (np.float32(1), 1.0, [1.0], None))


def test_moving(backend):  # noqa: F811
    x = backend.from_host(X)
    assert type(x) is backend.array_type
    np.testing.assert_array_equal(to_host(x), X)
    assert to_backend(x, backend) is x and asarray(x, x) is x
    for value in (X, 2.5, [1, 2]):
        moved = to_backend(value, backend)
        assert type(moved) is backend.array_type and moved.dtype == np.asarray(value).dtype
        assert type(asarray(value, x)) is backend.array_type
    back = to_backend(x, NUMPY)
    assert type(back) is np.ndarray and back.dtype == np.float32


def test_from_device_to_device_goes_through_the_host():
    assert type(asarray(STRICT.from_host(X), X)) is np.ndarray
    assert type(asarray(X, STRICT.from_host(X))) is DeviceArray


class OfAnotherLibrary:
    """An array in a GPU's memory that belongs to neither NumPy nor CuPy."""

    __cuda_array_interface__ = None

    def __array__(self, *args, **kwargs):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def test_arrays_that_another_library_has_on_a_gpu_are_taken_over_there(monkeypatch):
    taken = []
    cupy = dataclasses.replace(STRICT, from_host=lambda array: taken.append(array) or STRICT.from_host(X))
    monkeypatch.setattr(backends, "_load_cupy", lambda: cupy)
    array = OfAnotherLibrary()
    assert type(known_array(array)) is DeviceArray and taken == [array]
    np.testing.assert_array_equal(to_host(array), X)
    assert type(to_backend(array, cupy)) is DeviceArray and type(to_backend(array, NUMPY)) is np.ndarray
    assert known_array(X) is X and known_array([1, 2]).tolist() == [1, 2] and to_host(2.5) == 2.5


@pytest.mark.gpu
def test_torchs_tensors_on_a_gpu():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch has no GPU")
    tensor = torch.arange(6, device="cuda")
    found = known_array(tensor)
    assert backend_of(found).name == "cupy" and found.data.ptr == tensor.data_ptr()
    np.testing.assert_array_equal(to_host(tensor), np.arange(6))


def test_sums_of_products(backend):  # noqa: F811
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 5, 4))
    x, y = backend.from_host(a), backend.from_host(b)
    for subscripts, expected in (
        ("buc,bukc->kc", np.einsum("buc,bukc->kc", a, b)),
        ("buc,bukc->buk", np.einsum("buc,bukc->buk", a, b)),
        ("buc,bukc->ucb", np.einsum("buc,bukc->ucb", a, b)),
    ):
        np.testing.assert_allclose(to_host(backend.sums_of_products(subscripts, x, y)), expected, rtol=1e-13)
        out = backend.xp.zeros((*expected.shape, 2))[..., 1]
        backend.sums_of_products(subscripts, x, y, out=out)
        np.testing.assert_allclose(to_host(out), expected, rtol=1e-13)
    rows = backend.from_host(a[0])
    np.testing.assert_allclose(to_host(backend.row_sums(x)), a.sum(-1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(to_host(backend.row_products(rows, rows)), (a[0] ** 2).sum(-1)[:, None], rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_cdf_keeps_dtype(backend, dtype):  # noqa: F811
    y = normal_cdf(backend.from_host(np.array([0.0, 0.5, -2.0], dtype)))
    assert y.dtype == dtype and type(y) is backend.array_type
    np.testing.assert_allclose(to_host(y), [0.5, 0.6914624612740131, 0.022750131948179195], rtol=1e-6)


def test_scatter_add_adds_at_repeated_positions(backend):  # noqa: F811
    target = backend.from_host(np.zeros((3, 2), np.float32))
    index, values = backend.from_host(np.array([0, 2, 0])), backend.from_host(np.ones((3, 2), np.float32))
    scatter_add(target, index, values)
    assert to_host(target).tolist() == [[2, 2], [0, 0], [1, 1]]


def test_sliding_view_shares_memory(backend):  # noqa: F811
    x = backend.from_host(np.arange(5, dtype=np.float32))
    y = sliding_view(x, (3, 3), (4, 4))
    assert to_host(y).tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    x[2] = 10.0
    assert to_host(y)[0, 2] == to_host(y)[2, 0] == 10


@pytest.mark.parametrize("name", ["numpy", "cpu", "NumPy"])
def test_numpy_by_any_name(name):
    assert get_backend(name) is NUMPY


@pytest.mark.parametrize("name", ["torch", "cuda:x", "", None])
def test_unknown_backend_names_the_known_ones(name):
    with pytest.raises(ValueError, match=r"cupy.*numpy"):
        get_backend(name)


def test_use_changes_the_default(default_is_restored):
    backends.use("strict")
    assert backends.default_backend() is STRICT
    backends.use("cpu")
    assert backends.default_backend() is NUMPY
    with pytest.raises(ValueError):
        backends.use("nothing")
    assert backends.default_backend() is NUMPY


HIDE_CUPY = "import sys; sys.modules['cupy'] = None\n"


@pytest.mark.parametrize("name", ["cupy", "cuda", "gpu"])
def test_missing_cupy_names_the_install_command(name):
    code = HIDE_CUPY + f"from npconformer.arrays import backend\nbackend.use({name!r})"
    error = run(code).stderr
    assert "BackendError" in error and 'pip install "cupy-cuda12x[ctk]"' in error and "cuda13" in error


def test_missing_cupy_is_an_error_here_too():
    pytest.importorskip("numpy")
    try:
        import cupy  # noqa: F401
    except ImportError:
        with pytest.raises(BackendError, match=r"cupy-cuda12x"):
            get_backend("cupy")
    else:
        pytest.skip("CuPy is installed")


def test_cupy_without_a_device_says_so():
    code = """
import sys, types
cupy = types.ModuleType("cupy"); special = types.ModuleType("cupyx.scipy.special")
class CUDARuntimeError(RuntimeError): pass
def getDeviceCount(): raise CUDARuntimeError("cudaErrorNoDevice")
runtime = types.SimpleNamespace(getDeviceCount=getDeviceCount, CUDARuntimeError=CUDARuntimeError)
cupy.cuda, cupy.__version__, special.ndtr = types.SimpleNamespace(runtime=runtime), "14.0", None
for name in ("cupyx", "cupyx.scipy"): sys.modules[name] = types.ModuleType(name)
sys.modules["cupy"], sys.modules["cupyx.scipy.special"] = cupy, special
from npconformer.arrays import backend
backend.use("cuda")
"""
    error = run(code).stderr
    assert "BackendError: CuPy 14.0 is installed but finds no usable GPU" in error and "cudaErrorNoDevice" in error


PRINT_DEFAULT = "from npconformer.arrays import backend\nprint(backend.default_backend().name)"


def test_environment_variable_chooses_the_default():
    assert run(PRINT_DEFAULT).stdout == "numpy\n"
    assert run(PRINT_DEFAULT, NPCONFORMER_BACKEND="").stdout == "numpy\n"
    assert run(PRINT_DEFAULT, NPCONFORMER_BACKEND="cpu").stdout == "numpy\n"
    assert "torch" in run(PRINT_DEFAULT, NPCONFORMER_BACKEND="torch").stderr
    assert "BackendError" in run(HIDE_CUPY + PRINT_DEFAULT, NPCONFORMER_BACKEND="cupy").stderr


def test_use_wins_over_the_environment():
    code = "from npconformer.arrays import backend\nbackend.use('numpy')\nprint(backend.default_backend().name)"
    assert run(code, NPCONFORMER_BACKEND="cupy").stdout == "numpy\n"


@pytest.mark.with_reference
def test_import_loads_no_extra():
    code = "import npconformer.ops, sys\nprint(sorted({'cupy', 'scipy', 'torch', 'soundfile'} & set(sys.modules)))"
    result = run(code)
    assert result.stdout == "[]\n", result.stderr
