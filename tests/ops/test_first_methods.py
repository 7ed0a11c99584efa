"""A tensor's rarer methods are there from the first moment on, though they are loaded when one is used."""

import subprocess
import sys

import pytest

LOADED = "import sys; assert 'npconformer.ops.methods' in sys.modules"
USES = [
    "x.view(3, 1)",
    "x == x",
    "x.size",
    "np.exp(x)",
    "np.ones(3) + x",
    "np.sum(x)",
    "list(x)",
    "dir(x).index('argmax')",
    "1 in x",
    "f'{x}'",
    "x.__setitem__(0, 2)",
    "copy.deepcopy(x).T",
]
START = """
import copy, sys, threading
import numpy as np
from npconformer import ops
from npconformer.tape.autograd import Tensor
x = Tensor(np.ones(3))
x + x * 2 - x[0].sum() @ np.ones((1, 1)) if False else x.reshape(3, 1).mean()
copy.copy(x), np.asarray(x), np.zeros(3) + x.data
assert "npconformer.ops.methods" not in sys.modules and "npconformer.functional" not in sys.modules
"""


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("use", USES)
def test_the_first_use_loads_them(use):
    run(f"{START}\n{use}\n{LOADED}\nassert not hasattr(Tensor, '__getattr__')\nassert not hasattr(x, 'nonsense')")


@pytest.mark.slow
def test_the_name_at_the_top_has_them_all():
    run("import npconformer\nassert callable(npconformer.Tensor.argmax) and 'view' in dir(npconformer.Tensor)")


@pytest.mark.slow
def test_many_threads_at_once():
    run(
        START
        + """
seen = []
def use():
    seen.append((x == 1).all().item() and x.view(1, 3).size(1))
threads = [threading.Thread(target=use) for _ in range(16)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
assert seen == [3] * 16, seen
"""
    )


@pytest.mark.slow
def test_what_is_not_there_is_an_attribute_error():
    run(f"{START}\ntry:\n    x.nonsense\nexcept AttributeError as error:\n    assert 'nonsense' in str(error)")
