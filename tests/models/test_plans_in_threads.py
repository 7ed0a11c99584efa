"""One plan and several threads: who waits, who runs the model, and what a forked child finds."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from test_call_plans import assert_alike, both, count_runs, enabled, inputs, make, planned, warm_up  # noqa: F401

import npconformer
from npconformer import no_grad
from npconformer.models import call_plans
from npconformer.models.call_plans import CALLS_BEFORE, set_call_plans


def test_several_threads_at_once():
    model = planned()
    runs = count_runs(model)
    set_call_plans(False)
    with no_grad():
        expected = [model(inputs("layer", seed)).logits.data for seed in range(8)]
    set_call_plans(True)

    def work(seed):
        with no_grad():
            return [np.array_equal(model(inputs("layer", seed)).logits.data, expected[seed]) for _ in range(10)]

    with ThreadPoolExecutor(8) as pool:
        assert all(all(found) for found in pool.map(work, range(8)))
    assert runs


def test_threads_that_come_to_a_new_model_at_once():
    model = make("layer")
    start = threading.Barrier(4)
    expected = both(model, inputs("layer"))[0].logits.data

    def work(_):
        start.wait()
        with no_grad():
            return [np.array_equal(model(inputs("layer")).logits.data, expected) for _ in range(2 * CALLS_BEFORE)]

    with ThreadPoolExecutor(4) as pool:
        assert all(all(found) for found in pool.map(work, range(4)))
    assert len(model.call_plans) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_uses_the_plan():
    model = planned()
    runs, expected = count_runs(model), both(model, inputs("layer", 1))[0].logits.data.tobytes()

    def work(connection):
        with no_grad():
            connection.send((model(inputs("layer", 1)).logits.data.tobytes() == expected, len(runs)))

    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=work, args=(there,))
    child.start()
    child.join(30)
    assert here.poll() and here.recv() == (True, len(runs) + 1)


def test_who_finds_the_plan_in_use_waits_where_all_threads_are_busy():
    before = npconformer.get_num_threads()
    try:
        npconformer.set_num_threads(1)
        model = planned()
        runs, plan = count_runs(model), model.call_plans._made()[0][1]
        plan.lock.acquire()
        threading.Timer(0.2, plan.lock.release).start()
        started = time.monotonic()
        assert_alike(model, inputs("layer", 1))
        assert time.monotonic() - started > 0.1 and len(runs) == 1
        npconformer.set_num_threads(100)
        warm_up(model, inputs("layer"))
        [plan.lock.acquire() for _, plan in model.call_plans._made()]
        assert_alike(model, inputs("layer", 1))
        assert len(runs) == 1
    finally:
        npconformer.set_num_threads(before)


def test_a_plan_whose_holder_does_not_come_back_is_given_up(monkeypatch):
    before = npconformer.get_num_threads()
    try:
        npconformer.set_num_threads(1)
        model = planned()
        plan = model.call_plans._made()[0][1]
        plan.lock.acquire()
        plan.seconds = -0.04  # so that the wait is 0.2 s
        assert_alike(model, inputs("layer", 1))
        assert len(model.call_plans) == 0
    finally:
        npconformer.set_num_threads(before)


def test_a_lock_that_nobody_gives_back_is_given_up():
    before = npconformer.get_num_threads()
    try:
        npconformer.set_num_threads(100)
        model = planned()
        model.call_plans._made()[0][1].lock.acquire()
        with no_grad():
            for _ in range(call_plans.REFUSED + 1):
                model(inputs("layer"))
            assert len(model.call_plans) == 0
            model.call_plans._making.acquire()
            for _ in range((call_plans.REFUSED + 2) * (CALLS_BEFORE + 1)):
                model(inputs("layer", shape=(1, 1000)))
        assert len(model.call_plans) == 1
    finally:
        npconformer.set_num_threads(before)
