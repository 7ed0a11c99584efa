"""The tape holds no array longer than a backward may need it, and leaves nothing to the garbage collector."""

import gc
import weakref

import numpy as np
import pytest
from tape import Count, X, leaf

from npconformer import ops


@pytest.fixture
def no_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_memory_goes_by_reference_count(no_garbage_collector):
    x = leaf()
    y = ops.exp(x)
    saved = weakref.ref(y._maker.saved[0])
    z = ops.sum(y * 2.0)
    del y
    assert saved() is not None  # exp's backward needs it
    makers = [weakref.ref(z._maker)]
    z.backward()
    del z
    assert saved() is None and makers[0]() is None


def test_intermediate_results_that_no_backward_needs_are_freed_at_once(no_garbage_collector):
    x = leaf()
    y = x + 1.0
    array = weakref.ref(y.data)
    z = y * 2.0
    del y
    assert array() is None
    z.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(X.shape, 2.0))


def test_backward_frees_saved_arrays_as_it_goes(no_garbage_collector):
    freed = []

    class Observe(Count):
        def backward(self, grad):
            freed.append(later_saved() is None)
            return grad

    x = leaf()
    y = ops.exp(Observe()(x))
    later_saved = weakref.ref(y._maker.saved[0])
    z = y.sum()
    del y
    z.backward(retain_graph=False)
    assert freed == [True]


def test_gradients_on_their_way_are_freed(no_garbage_collector):
    references = []

    class Remember(Count):
        def backward(self, grad):
            dx = grad * 1.0
            references.append(weakref.ref(dx))
            return dx

    x = leaf()
    y = Remember()(ops.negative(Remember()(x)))
    y.sum().backward()
    assert references[0]() is None and references[1]() is x.grad
