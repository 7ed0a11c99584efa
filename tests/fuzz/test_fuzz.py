"""Damaged files of every kind end in an error that is meant for people, or are read: `tests.fuzz`, in short."""

import importlib.util
import json
import random
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("resource")  # not on Windows

import kinds
from engine import endings_of, run
from mutations import damage_bytes, damage_json

spec = importlib.util.spec_from_file_location("fuzz_command", Path(__file__).parent / "__main__.py")
command = importlib.util.module_from_spec(spec)
spec.loader.exec_module(command)


@pytest.fixture(scope="module")
def all_kinds():
    return kinds.all_kinds()


def test_whole_files_are_read(all_kinds, tmp_path):
    assert len(all_kinds) > 25
    for number, kind in enumerate(all_kinds):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in kind.files.items():
            (folder / name).write_bytes(content)
        if kind.name != "sums":  # a checkpoint whose sums are those of something else
            assert command.read_one(folder, kind) == "read", kind.name


@pytest.mark.slow
def test_damaged_files():
    endings, failures, peak = run("tests.fuzz", 400, 0)
    assert failures == []
    assert min(endings.values()) > 40  # both occur
    assert 0 < peak < 10**9


@pytest.mark.parametrize(
    "error", [KeyError("a"), TypeError("a"), MemoryError(), ValueError("a\x1b[2J"), ValueError("a" * 9999)]
)
def test_a_fault_is_found(error):
    def use(folder):
        raise error

    def write(folder, seed):
        return kinds.Kind("any", {}, (), use)

    ((seed, ending),) = endings_of([7], write, command.read_one)
    assert seed == 7 and ending.startswith("FAILED Traceback")


def test_the_same_seed_damages_alike():
    content = json.dumps({"a": [1, {"b": "c"}], "d": None}).encode()
    for damage in (damage_bytes, damage_json):
        made = [damage(content, random.Random(seed)) for seed in range(300)]
        assert made == [damage(content, random.Random(seed)) for seed in range(300)]
        assert len(set(made)) > 100 and Counter(made)[content] < 60


def test_a_process_that_ends_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / "crashing.py").write_text("import os, sys\nif int(sys.argv[2]) < 3: os.abort()\nprint(3, 'read')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    endings, failures, _ = run("crashing", 4, 0)
    assert [line.split(":")[0] for line in failures] == ["--seed 0", "--seed 1", "--seed 2"]
    assert endings["read"] == 1 and all("ended with -6" in line for line in failures)
