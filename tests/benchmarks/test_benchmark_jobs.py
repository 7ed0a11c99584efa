"""Processes of their own: results come back, failures are named, threads are set; one case beside transformers."""

import importlib.util

import pytest

from benchmarks import jobs
from benchmarks.cases import DIGITS, RECORDING_SECONDS
from benchmarks.machine import processor

DIGITS_CASE = {"model": "digits", "seconds": RECORDING_SECONDS, "batch": 1, "models_folder": "unused", "threads": 1}


@pytest.fixture
def needs_reference():
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        pytest.skip("needs torch and transformers")


def test_a_result_comes_back():
    assert jobs.run("benchmarks.machine:processor", {}, threads=1) == processor()


def test_a_failure_is_named():
    with pytest.raises(jobs.JobError, match=r"FileNotFoundError.*nowhere"):
        jobs.run("benchmarks.models:weight_bytes", {"model": "base", "models_folder": "nowhere"}, threads=1)


def test_threads_are_set_for_every_library():
    environment = jobs.environment(3, CUPY_TF32="1")
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "3"
    assert environment["CUPY_TF32"] == "1" and environment["HF_HUB_OFFLINE"] == "1"


def test_memory_and_loading_of_npconformer_alone():
    found = jobs.run("benchmarks.memory:measure", {"side": "npconformer", **DIGITS_CASE}, threads=1)
    weights = (DIGITS / "model.safetensors").stat().st_size
    assert 10e6 < found["imported"] < found["imported"] + weights < found["peak"] < 1e9
    assert found["load"] > 0 and found["first"] > 0


@pytest.mark.slow
def test_forward_of_the_digits_model_beside_transformers(needs_reference):
    found = jobs.run("benchmarks.forward:measure", {**DIGITS_CASE, "rounds": 2, "budget": 1.0}, threads=1)
    assert found["difference"] < 2e-4
    assert found["seconds"] == pytest.approx(RECORDING_SECONDS, abs=1e-3)
    assert {name: len(samples) for name, samples in found["samples"].items()} == {
        "npconformer": 2,
        "transformers": 2,
        "floor": 2,
    }
    assert all(second > 0 for samples in found["samples"].values() for second in samples)
