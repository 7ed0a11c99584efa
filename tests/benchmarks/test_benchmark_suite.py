"""From results to tables, with measurements that the test makes up."""

import csv

import numpy as np
import pytest

from benchmarks import gpu, jobs, start, timing
from benchmarks.cases import Case
from benchmarks.compare import run, save
from benchmarks.suite import Suite

CASE = Case("base", 10, batch=8)
RESULTS = {
    "benchmarks.forward:measure": {
        "samples": {"npconformer": [8.0, 9.0, 10.0], "transformers": [10.0, 10.0, 20.0], "floor": [4.0, 5.0, 5.0]},
        "disk faults": {"npconformer": 0, "transformers": 3, "floor": 0},
        "locked": True,
        "difference": 1e-6,
        "seconds": 10.0,
        "attention": "sdpa",
    },
    "benchmarks.training:measure": {
        "samples": {"npconformer": [2.0], "transformers": [4.0]},
        "loss difference": 1e-7,
        "gradient difference": 1e-4,
    },
}
GPU = {
    "npconformer": {"seconds": 0.2, "memory": 3e9},
    "transformers": {"seconds": 0.1, "memory": 4e9},
    "floor": {"seconds": 0.05, "memory": 1e9},
}
MEMORY = {
    "npconformer": {"imported": 30e6, "peak": 800e6, "load": 0.1, "first": 0.4},
    "transformers": {"imported": 300e6, "peak": 1600e6, "load": 0.5, "first": 0.5},
}


@pytest.fixture
def suite(tmp_path, monkeypatch):
    folder = tmp_path / "models" / "base"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(700))

    def answer(function, arguments, threads, variables=None):
        assert threads == 2
        if "gpu" in function:
            if arguments["outputs"]:
                np.save(arguments["outputs"], np.full((1, 2), 1 + 1e-5 * (arguments["side"] == "npconformer")))
            return GPU[arguments["side"]]
        return MEMORY[arguments["side"]] if "memory" in function else RESULTS[function]

    monkeypatch.setattr(jobs, "run", answer)
    monkeypatch.setattr(start, "measure_imports", lambda *_: {start.BARE: [0.01, 0.01], "a library": [0.5, 0.6]})
    monkeypatch.setattr(
        start, "measure_cold_start", lambda *_: ({"npconformer": [0.5], "transformers": [5.0]}, "THREE ONE")
    )
    return Suite(2, 3, 60.0, str(tmp_path / "models"))


def test_every_table_and_what_its_ratios_mean(suite):
    for measure in (suite.forward, suite.memory, suite.gpu):
        measure(CASE)
    suite.loading("base")
    suite.start()
    suite.training()
    rows = {title: table.rows[0] for title, table in suite.tables.items()}
    forward = rows["Forward"]
    assert forward["case"] == "base, 10 s, batch 8"
    assert (forward["ratio"], forward["npconformer / floor"], forward["transformers / floor"]) == (0.8, 2.0, 2.5)
    assert forward["npconformer rtf"] == 9 / 80 and forward["disk faults"] == "0, 3" and forward["rounds"] == 3
    assert suite.facts["weights locked in memory while they are timed"] == "yes"
    assert rows["Memory"]["ratio of peaks"] == 0.5 and rows["Memory"]["npconformer peak MB"] == 800
    assert rows["Loading"]["npconformer first result s"] == 0.5
    assert rows["Loading"]["ratio of first results"] == 0.5
    assert suite.tables["Import"].rows[1]["added s"] == pytest.approx(0.54)
    assert rows["Cold start"]["ratio"] == 0.1
    assert rows["Training step"]["ratio"] == 0.5
    on_gpu = suite.tables["Forward on a GPU"].rows
    assert [row["ratio"] for row in on_gpu] == [2.0] * len(gpu.MODES)
    assert on_gpu[0]["transformers MB"] == 4000 and on_gpu[0]["rounds"] == 3
    assert on_gpu[0]["difference"] == pytest.approx(1e-5)


@pytest.mark.parametrize("side", gpu.SIDES)
def test_a_side_of_the_gpu_benchmark_by_itself(side, tmp_path, monkeypatch):
    """On the CPU: the same functions but for waiting and the memory pool."""
    if side == "transformers":
        pytest.importorskip("transformers")
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    arguments = {"model": "digits", "seconds": 1.0, "batch": 1, "models_folder": ".", "mode": "float32"}
    found = gpu.measure(**arguments, side=side, outputs=str(tmp_path / "a.npy"), device="cpu")
    assert found["seconds"] > 0
    if side != "floor":
        assert np.load(tmp_path / "a.npy").argmax(-1).any()


def test_a_failure_is_kept_and_the_rest_is_measured(suite, monkeypatch, tmp_path):
    working = jobs.run

    def answer(function, arguments, threads, variables=None):
        if "forward" in function:
            raise jobs.JobError("the outputs differ by 1e-01")
        return working(function, arguments, threads, variables)

    monkeypatch.setattr(jobs, "run", answer)
    for _ in run(suite, [CASE], ["memory", "forward"], "cpu"):
        save(tmp_path / "results" / "some", suite)
    assert suite.failures == ["base, 10 s, batch 8, forward: the outputs differ by 1e-01"]
    text = (tmp_path / "results" / "some.md").read_text()
    assert "**Failed:** base, 10 s, batch 8, forward: the outputs differ" in text and "## Memory" in text
    rows = list(csv.DictReader((tmp_path / "results" / "some.csv").read_text().splitlines()))
    assert {row["table"] for row in rows} == {"Memory"}
