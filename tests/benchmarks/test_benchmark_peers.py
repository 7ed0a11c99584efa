"""npconformer beside its peers: who takes part, who is refused, what the table says of runs that the test makes up."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchmarks import jobs
from benchmarks.cases import DIGITS, RECORDING_SECONDS, Case
from benchmarks.conversions import LOGITS, REFERENCE_LOGITS, onnx_folder
from benchmarks.peer_sides import PEERS, measure, strangers, why_not
from benchmarks.peers import Peers, chosen_cases, chosen_sides, input_of, main, parse, table_of
from benchmarks.timing import timed_passes

CASE = Case("digits", 0.5)
OTHERS = ("transformers", "onnxruntime", "ctranslate2")


class Machine:
    """Stands for the processes: every side gives the same logits, in `seconds`; `fails` and `apart` change that."""

    def __init__(self, models_folder):
        self.models_folder, self.calls = models_folder, []
        self.seconds = {"npconformer": 2.0, "transformers": 4.0, "onnxruntime": 1.0, "ctranslate2": 3.0, "floor": 0.5}
        self.apart, self.fails, self.export_apart = {}, set(), 0.0

    def run(self, function, arguments, threads, variables=None):
        name = function.partition(":")[2]
        if name in self.fails or arguments.get("side") in self.fails:
            raise jobs.JobError("ended by signal 9")
        if name == "to_onnx":
            folder = onnx_folder(Case(arguments["model"], arguments["seconds"], arguments["batch"]), self.models_folder)
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / REFERENCE_LOGITS, np.float32([1, 2]))
            np.save(folder / LOGITS, np.float32([1, 2 + 2 * self.export_apart]))
            return "dynamo"
        if name == "to_ctranslate2":
            return "converted"
        assert name == "measure" and arguments["threads"] == threads and Path(arguments["input_file"]).exists()
        side = arguments["side"]
        self.calls.append((side, threads))
        if arguments["logits_file"] and side != "floor":
            np.save(arguments["logits_file"], np.float32([[[1, -2, 1 + 2 * self.apart.get(side, 0.0)]]]))
        return {"seconds": self.seconds[side] / threads, "passes": 3, "peak": 100_000_000}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    monkeypatch.setattr(jobs, "run", machine.run)
    monkeypatch.setattr("benchmarks.peers.why_not", lambda side, model: None)
    return machine


def measured(machine, threads=(1,), rounds=2):
    peers = Peers(chosen_sides(None), threads, rounds, machine.models_folder)
    peers.run(CASE)
    return peers


def sides_of(peers):
    return [row["side"].partition(",")[0] for row in peers.tables[0].rows]


def test_npconformer_is_always_among_the_sides_and_the_first():
    assert chosen_sides(None) == list(PEERS)
    assert chosen_sides(["floor", "transformers"]) == ["npconformer", "transformers", "floor"]


def test_cases_are_every_combination():
    assert list(chosen_cases(["base", "digits"], None, [1])) == [Case("base", 10), Case("digits", RECORDING_SECONDS)]
    assert list(chosen_cases(["base", "base"], [1, 10], [8, 1])) == [
        Case("base", 1, 8), Case("base", 10, 8), Case("base", 1), Case("base", 10)
    ]  # fmt: skip


def test_the_digits_model_hears_its_recording_or_noise_of_any_length():
    assert input_of(Case("digits", 0.5, 2)).shape == (2, 8000)
    recording = input_of(Case("digits", RECORDING_SECONDS))
    assert abs(recording.shape[1] - RECORDING_SECONDS * 16000) < 16
    assert np.abs(recording[0, :800]).max() < 0.5  # no noise of size 1


def test_sides_that_cannot_run_say_why(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert all(why_not(side, "w2v-bert-adapter") is None for side in PEERS)
    for model in ("digits", "base", "w2v-bert"):
        assert "adapter" in why_not("ctranslate2", model)
        assert all(why_not(side, model) is None for side in PEERS if side != "ctranslate2")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name != "npconformer" else object())
    assert why_not("transformers", "base") == "torch and transformers not installed"
    assert why_not("onnxruntime", "base") == "onnxruntime not installed"
    assert why_not("npconformer", "base") is why_not("floor", "base") is None


def test_processes_take_turns(machine):
    peers = measured(machine, threads=(1, 2))
    assert machine.calls == [(side, threads) for threads in (1, 2) for side in PEERS] * 2
    assert not peers.failures and not peers.left_out


def test_ratios_are_those_of_each_round():
    seconds = {
        ("npconformer", 1): [1.0, 4.0, 9.0],
        ("transformers", 1): [2.0, 1.0, 10.0],
        ("floor", 1): [1.0, 1.0, 1.0],
        ("npconformer", 3): [0.5, 1.0, 9.0],
        ("transformers", 3): [1.0, 1.0, 1.0],
    }
    runs = {key: [{"seconds": s, "peak": 2e8} for s in found] for key, found in seconds.items()}
    table = table_of(CASE, runs, {("npconformer", 1): 0.0, ("transformers", 1): 1e-6}, (1, 3))
    rows = {row["side"]: row for row in table.rows}
    assert table.title == "digits, 0.5 s, batch 1"
    assert list(rows) == ["npconformer, 1 thread", "transformers, 1 thread", "floor, 1 thread",
                          "npconformer, 3 threads", "transformers, 3 threads"]  # fmt: skip
    one = rows["transformers, 1 thread"]
    assert one["npconformer / it"] == 0.9 and one["difference"] == 1e-6 and one["peak MB"] == 200  # 0.5, 4, 0.9
    assert one["s"].median == 2.0
    assert rows["transformers, 3 threads"]["npconformer / it"] == 1.0
    assert rows["npconformer, 3 threads"]["times its 1 thread"] == 2.0  # of 2, 4 and 1
    assert one["times its 1 thread"] is None and rows["npconformer, 1 thread"]["npconformer / it"] is None
    floor = rows["floor, 1 thread"]
    assert floor["npconformer / it"] == 4.0 and floor["peak MB"] is floor["difference"] is None


def test_one_number_of_threads_has_no_speed_up():
    runs = {("npconformer", 2): [{"seconds": 1.0, "peak": 1e8}]}
    assert "times its 1 thread" not in table_of(CASE, runs, {}, (2,)).columns
    assert table_of(CASE, runs, {}, (2, 4)).rows[0]["times its 1 thread"] is None  # one thread was not asked for


@pytest.mark.parametrize("side", ["transformers", "onnxruntime"])
def test_who_differs_is_refused(machine, side):
    machine.apart[side] = 1e-3
    peers = measured(machine, threads=(1, 2), rounds=3)
    assert sides_of(peers) == [name for name in PEERS if name != side] * 2
    assert machine.calls.count((side, 1)) == 1 and (side, 2) not in machine.calls
    (failure,) = peers.failures
    assert failure.startswith(f"{CASE}, {side}, 1 thread: the outputs differ by 1.0e-03")


def test_ctranslate2_may_differ_and_it_is_printed(machine):
    machine.apart["ctranslate2"] = 0.5
    peers = measured(machine)
    assert not peers.failures
    differences = {row["side"].partition(",")[0]: row["difference"] for row in peers.tables[0].rows}
    assert differences == {"npconformer": None, "transformers": 0, "onnxruntime": 0, "ctranslate2": 0.5, "floor": None}


def test_an_export_that_fails_is_left_out_and_one_that_differs_is_refused(machine):
    machine.fails = {"to_onnx"}
    peers = measured(machine)
    assert peers.left_out == [f"{CASE}, onnxruntime: no conversion: ended by signal 9"]
    assert not peers.failures and "onnxruntime" not in sides_of(peers)
    machine.fails, machine.export_apart = set(), 1e-3
    peers = measured(machine)
    assert not peers.left_out and "onnxruntime" not in sides_of(peers)
    assert "onnxruntime's conversion: the outputs differ by 1.0e-03" in peers.failures[0]


def test_a_process_that_ends_badly_is_a_failure_and_the_rest_is_measured(machine):
    machine.fails = {"transformers"}
    peers = measured(machine)
    assert peers.failures == [f"{CASE}, transformers, 1 thread: ended by signal 9"]
    assert sides_of(peers) == ["npconformer", "onnxruntime", "ctranslate2", "floor"]
    machine.fails = {"npconformer"}
    assert not measured(machine).tables


def test_exit_status_and_files(machine, tmp_path, capsys):
    arguments = ["--only", "digits", "--seconds", "0.5", "--rounds", "1", "--threads", "1", "--models", str(tmp_path)]
    assert main([*arguments, "--sides", "transformers", "--output", str(tmp_path / "results" / "peers")]) == 0
    out = capsys.readouterr().out
    assert "digits, 0.5 s, batch 1" in out and "npconformer / it" in out and "onnxruntime, 1 thread" not in out
    markdown = (tmp_path / "results" / "peers.md").read_text()
    assert "## digits, 0.5 s, batch 1" in markdown and "| transformers, 1 thread " in markdown
    rows = (tmp_path / "results" / "peers.csv").read_text().splitlines()
    assert '"digits, 0.5 s, batch 1","transformers, 1 thread",npconformer / it,0.5' in rows
    machine.apart["transformers"] = 1.0
    assert main(arguments) == 1
    assert "FAILED digits, 0.5 s, batch 1, transformers, 1 thread: the outputs differ" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["--only", "small"], ["--sides", "jax"], ["--threads", "0"], ["--seconds", "-1"], ["--batch", "x"]]
)
def test_wrong_arguments_end_with_the_reason(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(arguments)
    assert stop.value.code == 2
    assert arguments[1] in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "passes"), [(2.0, 3), (0.5, 3), (0.25, 4), (0.125, 8)])
def test_passes_take_a_second_and_are_three_at_least(seconds, passes):
    now = [0.0]

    def run():
        now[0] += seconds

    assert timed_passes(run, clock=lambda: now[0]) == [seconds] * passes


def test_other_sides_libraries_are_strangers():
    loaded = {"numpy": 1, "torch": 1, "transformers": 1, "npconformer": 1}
    assert strangers("transformers", loaded) == ["npconformer"]
    assert strangers("npconformer", loaded) == ["torch", "transformers"]
    assert strangers("floor", {"numpy": 1}) == []


def test_a_process_with_a_strangers_library_is_no_measurement(tmp_path):
    np.save(tmp_path / "input.npy", input_of(CASE))
    with pytest.raises(RuntimeError, match=r"npconformer.* loaded in the process of floor"):
        measure("floor", str(DIGITS), str(tmp_path / "input.npy"), None, 1)  # this process has npconformer


@pytest.mark.parametrize("side", ["npconformer", "floor"])
def test_a_real_process(side, tmp_path):
    np.save(tmp_path / "input.npy", input_of(CASE))
    files = {"input_file": str(tmp_path / "input.npy"), "logits_file": str(tmp_path / "logits.npy")}
    given = {"side": side, "folder": str(DIGITS), "threads": 1, **files}
    found = jobs.run("benchmarks.peer_sides:measure", given, threads=1)
    assert found["passes"] >= 3 and 0 < found["seconds"] < 5 and 10e6 < found["peak"] < 1e9
    assert (tmp_path / "logits.npy").exists() == (side != "floor")
    if side != "floor":
        assert np.load(tmp_path / "logits.npy").shape[0] == 1


@pytest.mark.slow
def test_the_digits_model_beside_transformers_and_onnxruntime(tmp_path):
    for name in ("torch", "transformers", "onnx", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}")
    peers = Peers(["npconformer", "transformers", "onnxruntime"], [1], 1, tmp_path)
    peers.run(CASE)
    assert not peers.failures and not peers.left_out
    differences = [row["difference"] for row in peers.tables[0].rows]
    assert differences[0] is None and all(0 < difference < 2e-4 for difference in differences[1:])
