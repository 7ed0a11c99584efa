"""The BLAS library has one thread while a pass runs, and afterwards what it had before."""

import gc
import os
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from tiny_checkpoints import make_config

from npconformer import Wav2Vec2ConformerForCTC
from npconformer.arrays import blas, threads
from npconformer.arrays.blas import single_threaded

X = np.random.default_rng(0).normal(size=(1, 6400)).astype(np.float32)


def setting():
    return [library.num_threads for library in blas._libraries().lib_controllers]


@pytest.fixture(autouse=True)
def two_threads():
    """So that one thread is a change also where a machine has one core."""
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    with threadpool_limits(2, user_api="blas"):
        if set(setting()) != {2}:
            pytest.skip("needs a BLAS library whose threads can be set")
        yield
        assert set(setting()) == {2} and not blas._holders
    threads.set_num_threads(before)


def test_nested():
    with single_threaded():
        with single_threaded():
            assert set(setting()) == {1}
        assert set(setting()) == {1}
    assert set(setting()) == {2}


def test_an_error_inside():
    with pytest.raises(KeyError), single_threaded():
        raise KeyError
    assert set(setting()) == {2}


def test_an_interrupt_before_the_block_is_noted(monkeypatch):
    """The reference to the block dies before anybody has taken its hash; its callback must not need one."""
    complaints = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)

    def interrupted(holder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(blas, "_enter", interrupted)
        with single_threaded():
            pass
    with single_threaded():
        assert set(setting()) == {1}
    gc.collect()
    assert not complaints


def test_the_last_of_several_threads_restores():
    inside, leave = threading.Event(), threading.Event()

    def work():
        with single_threaded():
            inside.set()
            assert leave.wait(240)

    other = threading.Thread(target=work)
    with single_threaded():
        other.start()
        assert inside.wait(240)
    assert set(setting()) == {1}  # the other one is in there
    leave.set()
    other.join()
    assert set(setting()) == {2}


def test_what_somebody_else_sets_meanwhile_stays():
    with single_threaded():
        for library in blas._libraries().lib_controllers:
            library.set_num_threads(3)
    found = set(setting())
    for library in blas._libraries().lib_controllers:
        library.set_num_threads(2)
    assert found == {3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("who", ["another thread", "this thread"])
def test_in_a_child(who):
    """The setting of a thread that the child does not have is undone; its own stays until it leaves."""
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with single_threaded():
            assert set(setting()) == {1}
            inside.set()
            assert leave.wait(240)

    def forked():
        child = os.fork()
        if child == 0:
            os._exit(0 if set(setting()) == {2 if who == "another thread" else 1} else 3)
        assert os.waitpid(child, 0)[1] == 0

    if who == "this thread":
        with single_threaded():
            forked()
        return
    other = threading.Thread(target=hold)
    other.start()
    assert inside.wait(240)
    forked()
    leave.set()
    other.join()


@pytest.fixture(scope="module")
def model():
    return Wav2Vec2ConformerForCTC(make_config("layer")).eval()


def test_during_a_forward_and_a_backward(model):
    seen = []
    handle = model.lm_head.register_forward_hook(lambda *_: seen.append(set(setting())))
    loss = model(X, labels=[[2, 3]]).loss
    assert seen == [{1}] and set(setting()) == {2}
    loss.backward()
    assert set(setting()) == {2}
    handle.remove()


def test_an_exception_in_a_forward(model):
    def fail(*_):
        raise RuntimeError("from the hook")

    with model.lm_head.register_forward_hook(fail), pytest.raises(RuntimeError, match="from the hook"):
        model(X)
    assert set(setting()) == {2} and not blas._holders


def test_what_a_program_sets_makes_no_difference_to_results(model):
    results = []
    for number in (1, 2, 3):
        with threadpool_limits(number, user_api="blas"):
            results.append(model(X).logits.numpy().tobytes())
            assert set(setting()) == {number}
    assert len(set(results)) == 1
