"""The stand-in device must refuse what CuPy refuses, or the tests that lean on it prove nothing."""

import numpy as np
import pytest
from strict_device import STRICT, DeviceArray, count_synchronisations, xp

from npconformer.arrays import backend


@pytest.fixture
def x() -> DeviceArray:
    return xp.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))


HOST = np.ones((2, 3), np.float32)

REFUSED = {
    "asarray": lambda x: np.asarray(x),
    "numpy function": lambda x: np.sum(x),
    "numpy ufunc": lambda x: np.exp(x),
    "numpy concatenate": lambda x: np.concatenate([x, x]),
    "x + host": lambda x: x + HOST,
    "host + x": lambda x: HOST + x,
    "host @ x": lambda x: HOST.T @ x,
    "x == host": lambda x: x == HOST,
    "x += host": lambda x: x.__iadd__(HOST),
    "host += x": lambda x: HOST.copy().__iadd__(x),
    "x * wide scalar": lambda x: x * np.float64(0.5),
    "wide scalar * x": lambda x: np.float64(0.5) * x,
    "maximum(x, wide scalar)": lambda x: xp.maximum(x, np.float64(0)),
    "where(x, wide scalar)": lambda x: xp.where(x > 1, np.float64(0), x),
    "ufunc of host": lambda x: xp.add(x, HOST),
    "function of host": lambda x: xp.matmul(x, HOST.T),
    "concatenate with host": lambda x: xp.concatenate([x, HOST]),
    "where with host condition": lambda x: xp.where(HOST > 0, x, x),
    "out on the host": lambda x: xp.exp(x, out=HOST.copy()),
    "index by host": lambda x: x[np.array([0, 1])],
    "index by host in a tuple": lambda x: x[:, np.array([0, 1])],
    "mask on the host": lambda x: x[HOST > 0],
    "assign host": lambda x: x.__setitem__(slice(None), HOST),
    "assign at host index": lambda x: x.__setitem__(np.array([0]), 1.0),
    "assign list": lambda x: x.__setitem__(0, [1.0, 2.0, 3.0]),
    "assign overlapping": lambda x: x.__setitem__((slice(None), slice(1, None)), x[:, :-1]),
    "ufunc where": lambda x: xp.exp(x, where=x > 0),
    "max initial": lambda x: x.max(initial=0.0),
    "add.at of host": lambda x: xp.add.at(x, xp.asarray([0]), HOST[:1]),
    "add.at of int64": lambda x: xp.add.at(x.astype(np.int64), xp.asarray([0]), 1),
    "hash": lambda x: {x},
    "shape from an array": lambda x: xp.zeros(x),
}


@pytest.mark.parametrize("action", REFUSED.values(), ids=REFUSED.keys())
def test_refused(action, x):
    with pytest.raises(TypeError):
        action(x)


def test_names_that_are_not_listed_are_missing():
    with pytest.raises(AttributeError, match="errstate"):
        _ = xp.errstate
    with pytest.raises(AttributeError):
        _ = xp.add.reduce


def test_arithmetic_keeps_dtype_and_type(x):
    for y in (
        x + x,
        2 * x,
        x / 3,
        1.5 - x,
        x**2,
        -x,
        abs(x),
        np.float32(0.5) * x,
        x @ x.T,
        xp.exp(x),
        x.sum(),
    ):
        assert type(y) is DeviceArray and y.dtype == np.float32
    assert type(x > 1) is DeviceArray and (x > 1).dtype == bool


def test_reductions_and_single_elements_are_arrays(x):
    for y in (x.sum(), x.max(), x[1, 2], xp.mean(x), x.argmax()):
        assert type(y) is DeviceArray and y.shape == ()
    x[0, 1:2][0] += 5
    assert x[0, 1].item() == 6


def test_views_share_memory(x):
    y = x.reshape(3, 2).T
    y[0, 0] = 40
    y *= 2
    x[0][1] = 7
    assert x.get().tolist() == [[80, 7, 4], [6, 8, 10]]
    assert y.base is not None and x.base is None and not y.flags.c_contiguous
    assert xp.exp(x, out=x) is x
    windows = xp.lib.stride_tricks.as_strided(x, shape=(2, 2), strides=(4, 4))
    assert windows.get().tolist() == x.get().ravel()[[[0, 1], [1, 2]]].tolist()


def test_indexing_with_device_arrays(x):
    rows = xp.asarray([1, 1])
    assert x[rows].get().tolist() == [[3, 4, 5]] * 2
    assert x[[0, 1], [0, 2]].get().tolist() == [0, 5]
    assert x[:, None, -1].shape == (2, 1)
    xp.add.at(x, rows, xp.asarray(np.ones((2, 3), np.float32)))
    x[x > 6] = 0.0
    assert x.get().tolist() == [[0, 1, 2], [5, 6, 0]]


def test_empty_is_not_zero():
    assert xp.isnan(xp.empty((2, 2), np.float32)).all()
    assert (xp.empty_like(xp.asarray([1, 2])) != 0).all()


def test_synchronisations_are_counted(x):
    with count_synchronisations() as waits:
        y = xp.where(x > 2, x * 2, x.sum())
        y[y > 3] = 0.0
        xp.asarray(HOST)
        assert waits.count == 0 and waits.uploads == 1
        float(y.sum()), bool(y.any()), y.max().item(), int(y.argmax()), y.get(), y[y > 3]
        assert waits.count == 6
    assert all("test_strict_device.py" in site for site in waits.sites)
    y.get()
    assert waits.count == 6


def test_registered_as_a_backend(x):
    assert backend.get_array_module(HOST, x) is xp
    assert backend.backend_of(x) is STRICT and backend.get_backend("strict") is STRICT
    assert type(backend.to_host(x)) is np.ndarray
    assert type(backend.asarray(HOST, x)) is DeviceArray and backend.asarray(x, x) is x
    assert backend.asarray(3, x).shape == () and type(backend.asarray(3, x)) is DeviceArray
    np.testing.assert_allclose(backend.normal_cdf(x).get()[0], [0.5, 0.8413447, 0.9772499], rtol=1e-6)
