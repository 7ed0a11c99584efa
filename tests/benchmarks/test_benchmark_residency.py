"""Memory that stays where it is while something is timed."""

import sys

import pytest

from benchmarks import jobs
from benchmarks.memory import peak_bytes
from benchmarks.residency import disk_faults, read_into_cache


def test_a_file_is_read_without_being_kept(tmp_path):
    path = tmp_path / "weights"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    before = peak_bytes()
    read_into_cache(path)
    assert peak_bytes() - before < 100_000_000


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_into_cache(tmp_path / "weights")


def test_faults_only_grow():
    first = disk_faults()
    assert 0 <= first <= disk_faults()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is locked on Linux only")
def test_locking_answers_whether_it_worked():
    assert jobs.run("benchmarks.residency:lock_memory", {}, threads=1) in (True, False)
