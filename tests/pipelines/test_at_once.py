"""Several recordings at once: in as many threads, with the bits that each has alone, in their order."""

import threading

import numpy as np
import pytest

import npconformer
from npconformer.arrays import pool, threads
from npconformer.pipelines import at_once
from npconformer.pipelines.logits import LogitsPipeline

RATE, SECONDS = 16000, (2.2, 3.1, 1.7, 4.0, 2.5)


@pytest.fixture(scope="module")
def listen():
    return LogitsPipeline.of(npconformer.pipeline("automatic-speech-recognition"))


@pytest.fixture(scope="module")
def recordings():
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(round(RATE * one)).astype(np.float32) for one in SECONDS]


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch):
    monkeypatch.setattr(threads, "_threads", 2)


@pytest.fixture
def who_ran(listen, monkeypatch):
    """The thread, and whether it was alone, of each batch; the first two wait for each other if `meet` is there."""
    ran, meet, run_frames = [], threading.Barrier(2, timeout=60), listen.run_frames

    def noted(waveforms):
        ran.append((threading.current_thread().name, pool._is_alone()))
        if len(ran) <= 2 and pool._is_alone():
            meet.wait()
        return run_frames(waveforms)

    monkeypatch.setattr(listen, "run_frames", noted)
    return ran


def test_a_list_is_run_in_two_threads_with_the_bits_of_each_alone(listen, recordings, who_ran):
    alone = [listen(one).rows for one in recordings]
    assert {is_alone for _, is_alone in who_ran} == {False}
    who_ran.clear()
    together = listen(recordings)
    assert len({name for name, _ in who_ran}) == 2 and len(who_ran) == len(recordings)
    for one, rows in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.rows, rows)


def test_a_long_recording_is_run_in_two_threads(listen, recordings, who_ran):
    options, long = {"chunk_length_s": 2.0, "stride_length_s": 0.2}, np.concatenate(recordings)
    one_by_one = next(listen.stream(iter([long]), **options)).rows
    assert len({name for name, _ in who_ran}) == 2  # chunks of one recording are there already, whoever gives it
    who_ran.clear()
    np.testing.assert_array_equal(listen(long, **options).rows, one_by_one)
    np.testing.assert_allclose(listen(long, batch_size=3, **options).rows, one_by_one, atol=1e-4)


def test_one_that_fails_costs_no_other(listen, recordings, who_ran, monkeypatch):
    right, run_frames = listen(recordings), listen.run_frames
    who_ran.clear()

    def failing(waveforms):
        rows = run_frames(waveforms)
        if len(waveforms[0]) == len(recordings[2]):
            raise MemoryError("8 GiB")
        return rows

    monkeypatch.setattr(listen, "run_frames", failing)
    results = list(listen.stream(recordings, return_errors=True))
    assert {is_alone for _, is_alone in who_ran} == {True}  # the failed one is tried again where it was
    assert isinstance(results[2], ValueError) and "inputs[2]" in str(results[2]) and "8 GiB" in str(results[2])
    for i in (0, 1, 3, 4):
        np.testing.assert_array_equal(results[i].rows, right[i].rows)
    with pytest.raises(MemoryError):
        listen(recordings)
    assert not pool._is_alone() and not pool.is_busy()


def test_an_iterator_is_not_read_ahead(listen, recordings, who_ran):
    read = []

    def source():
        for i, one in enumerate(recordings):
            read.append(i)
            yield one

    results = listen(source())
    next(results)
    assert read == [0]
    assert len(list(results)) == 4 and len({name for name, _ in who_ran}) == 1
    read.clear()
    next(listen.stream(source(), at_once=True))
    assert read == [0, 1, 2, 3, 4]


def test_batches_of_an_iterator_are_run_at_once_as_well(listen, recordings, who_ran):
    list(listen(iter(recordings * 2), batch_size=2))
    assert len({name for name, _ in who_ran}) == 2
    who_ran.clear()
    list(listen.stream(recordings * 2, batch_size=2, at_once=False))
    assert {is_alone for _, is_alone in who_ran} == {False}


def test_one_thread_a_hook_or_a_device_run_them_one_by_one(listen, recordings, who_ran, monkeypatch):
    def is_alone():
        who_ran.clear()
        listen(recordings, batch_size=1)
        list(listen(iter(recordings), batch_size=2))
        return {alone for _, alone in who_ran}

    assert at_once.threads_for(listen.model) == 2 and at_once.read_ahead(2) == 2 * at_once.WAITING
    handle = next(listen.model.modules()).register_forward_hook(lambda *_: None)
    assert at_once.threads_for(listen.model) == 1 and is_alone() == {False}
    handle.remove()
    assert is_alone() == {True}
    monkeypatch.setattr(type(listen.model), "device", "cuda:0")
    assert at_once.threads_for(listen.model) == 1 and is_alone() == {False}


def test_many_cores_run_no_more_than_a_few_at_once(listen, monkeypatch):
    monkeypatch.setattr(threads, "_threads", 64)
    assert at_once.threads_for(listen.model) == at_once.MOST
    monkeypatch.setattr(threads, "_threads", 1)
    assert at_once.threads_for(listen.model) == at_once.read_ahead(1) == 1


FITS, TOO_SMALL, TOO_LARGE = at_once.SMALLEST, at_once.SMALLEST - 1, at_once.LARGEST + 1


def test_only_batches_of_a_size_for_it_are_run_at_once():
    def run(batch):
        return batch, pool._is_alone()

    sizes = [FITS, TOO_SMALL, at_once.LARGEST, TOO_LARGE, FITS]
    answers = at_once.run_at_once(run, range(5), sizes, 2)
    assert answers == [(0, True), (1, False), (2, True), (3, False), (4, True)]
    assert at_once.run_at_once(run, range(2), [FITS, TOO_LARGE], 2) == [(0, False), (1, False)]  # one is not several
    assert at_once.run_at_once(run, [], [], 2) == []


def test_the_longest_begin_first():
    begun = []
    at_once.run_at_once(begun.append, range(4), [FITS + 1, FITS + 3, FITS, FITS + 2], 2)
    assert begun[0] in (1, 3) and begun[-1] in (0, 2)  # of two threads, either may note its own first


def test_an_error_is_raised_once():
    with pytest.raises(KeyError, match="two"):
        at_once.run_at_once({0: 0, 1: 1}.__getitem__, [0, 1, "two"], [FITS] * 3, 2)
    assert not pool._is_alone() and not pool.is_busy()


def test_groups_end_at_what_is_run_apart():
    sizes = [FITS, FITS, FITS, TOO_LARGE, TOO_SMALL, FITS, FITS]
    groups = list(at_once.groups(range(7), sizes.__getitem__, 2))
    assert groups == [[0, 1], [2], [3], [4], [5, 6]]
    assert list(at_once.groups(range(3), lambda _: FITS, 1)) == [[0], [1], [2]]
    assert list(at_once.groups([], len, 2)) == []
