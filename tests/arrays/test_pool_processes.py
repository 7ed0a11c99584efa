"""The pool in processes of its own: forks, interrupts by signals, the interpreter's end."""

import subprocess
import sys
import time

import pytest

PATIENCE = 240  # seconds: a thread may be kept from its core for long

START = """
import os, sys, threading, time
sys.path.insert(0, "tests")
import numpy as np
from npconformer.arrays import blas, pool, threads
threads.set_num_threads(2)

def blas_threads():
    return [library.num_threads for library in blas._libraries().lib_controllers]

def compute():
    both = threading.Barrier(2, timeout=240)
    pool.share(lambda part: both.wait(), 2, 2)  # the pool works: two threads meet
    a = np.random.default_rng(0).standard_normal((600, 256)).astype(np.float32)
    from npconformer import ops
    y = ops.linear(a, a[:512])
    return y.data.tobytes()
"""


def run_python(code):
    run = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


needs_fork = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")


@needs_fork
def test_a_forked_child_computes_the_same():
    run_python("""
before = compute()
threads_before = blas_threads()
child = os.fork()
if child == 0:
    ok = pool._made == 0 and compute() == before and pool._made == 1 and blas_threads() == threads_before
    os._exit(0 if ok else 3)
assert os.waitpid(child, 0)[1] == 0
assert compute() == before and pool._made == 1
""")


@needs_fork
def test_a_child_forked_while_another_thread_works():
    """Its locks may be held by a thread that the child does not have."""
    run_python("""
compute_before, stop = compute(), threading.Event()
threads_before = blas_threads()

def go_on():
    while not stop.is_set():
        with blas.single_threaded():
            pool.share(lambda part: None, 8, 2)

other = threading.Thread(target=go_on)
other.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        ok = compute() == compute_before and blas_threads() == threads_before
        os._exit(0 if ok else 3)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
other.join()
assert blas_threads() == threads_before
""")


@needs_fork
def test_multiprocessing_by_fork():
    run_python("""
import multiprocessing
def same(before):
    return compute() == before
before = compute()
with multiprocessing.get_context("fork").Pool(2) as processes:
    assert processes.map(same, [before] * 4) == [True] * 4
""")


def test_an_interrupt_of_a_model_leaves_everything_as_it_was():
    """By a signal, at many moments of a forward pass; afterwards the same numbers come out."""
    run_python("""
import _thread
from tiny_checkpoints import make_config
from npconformer import Wav2Vec2ConformerForCTC, no_grad
threads.SHARED_SIZE = threads.TINY_SIZE = 64  # so that a small model shares everything
from npconformer.arrays import products
products.SHARED_PRODUCT = 64
model = Wav2Vec2ConformerForCTC(make_config("layer")).eval()
x = np.random.default_rng(0).normal(size=(1, 16000)).astype(np.float32)
def forward():
    with no_grad():
        return model(x).logits.data.copy()
expected, threads_before = forward(), blas_threads()
start = time.perf_counter()
forward()
once, interrupted = time.perf_counter() - start, 0
for k in range(60):
    def interrupt():
        time.sleep(once * (k % 20) / 20)
        _thread.interrupt_main()
    other = threading.Thread(target=interrupt)
    try:
        other.start()
        while other.is_alive():
            forward()
        forward()
    except KeyboardInterrupt:
        interrupted += 1
    try:
        other.join()
        time.sleep(0.001)
    except KeyboardInterrupt:
        interrupted += 1
    assert blas_threads() == threads_before, k
    assert not pool.is_busy() and not blas._holders, k
assert interrupted > 30, interrupted
assert (forward() == expected).all()
end = time.monotonic() + 120
while len(pool._idle) < pool._made:
    assert time.monotonic() < end
    time.sleep(0.01)
""")


def test_the_interpreter_exits_with_idle_and_with_busy_workers():
    begin = time.monotonic()
    run_python("compute()")
    run_python("""
compute()
begun = threading.Event()
def work(part):
    begun.set()
    time.sleep(200)
threading.Thread(target=lambda: pool.share(work, 2, 2), daemon=True).start()
begun.wait()
""")
    assert time.monotonic() - begin < 150
