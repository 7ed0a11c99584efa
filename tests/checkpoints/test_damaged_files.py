"""Files of weights with random damage are refused with a ValueError or FileNotFoundError, or read: `fuzz`, in short."""

from collections import Counter

import pytest

pytest.importorskip("resource")  # not on Windows

from damage import whole_checkpoints
from fuzz import read_damaged, read_one

from npconformer.checkpoints.restricted_pickle import PickleMachine


def test_whole_checkpoints_are_read(tmp_path):
    checkpoints = list(whole_checkpoints())
    assert len(checkpoints) > 25
    for number, (files, _, _) in enumerate(checkpoints):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        assert read_one(folder) == "read"


def test_damaged_files():
    endings = dict(read_damaged(range(400)))
    assert {seed: ending for seed, ending in endings.items() if ending not in ("read", "refused")} == {}
    assert min(Counter(endings.values()).values()) > 20  # both occur


def test_a_fault_is_found(monkeypatch):
    """With a reader that trusts the memo, the same files show it."""

    def get(machine, index):
        machine.stack.append(machine.memo[index])

    monkeypatch.setattr(PickleMachine, "get", get)
    failures = [ending for _, ending in read_damaged(range(400)) if ending.startswith("FAILED")]
    assert failures and all("KeyError" in failure for failure in failures)
