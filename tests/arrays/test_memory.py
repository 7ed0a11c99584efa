"""Pages of mapped files that are given back, and arrays that must not lose what is in them."""

import mmap
import sys

import numpy as np
import pytest

from npconformer.arrays.memory import give_pages_back

SIZE = 8 << 20  # bytes
PAGE = mmap.PAGESIZE


@pytest.fixture
def path(tmp_path):
    numbers = np.random.default_rng(0).integers(0, 256, SIZE).astype(np.uint8)
    numbers.tofile(tmp_path / "numbers")
    return tmp_path / "numbers"


def resident(array):
    """Bytes of the mapping around an array that are in the process's memory, as Linux tells them."""
    address, found = array.ctypes.data, False
    for line in open("/proc/self/smaps"):
        head = line.split()[0]
        if "-" in head and not head.endswith(":"):
            low, high = (int(part, 16) for part in head.split("-"))
            found = low <= address < high
        elif found and head == "Rss:":
            return int(line.split()[1]) * 1024
    raise AssertionError("no such mapping")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps")
@pytest.mark.parametrize(
    "view",
    [
        lambda whole: whole,
        lambda whole: whole.view(np.ndarray).view(np.float32).reshape(1024, -1),
        lambda whole: whole.reshape(2048, -1).T,
    ],
)
def test_pages_are_given_back_and_read_again(path, view):
    whole = np.memmap(path, np.uint8, "r")
    before = view(whole).tobytes()
    assert resident(whole) > 0.9 * SIZE
    give_pages_back(view(whole))
    assert resident(whole) < 0.1 * SIZE
    assert view(whole).tobytes() == before == view(np.fromfile(path, np.uint8)).tobytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps")
def test_whole_pages_of_the_array_alone(path, monkeypatch):
    asked = []

    class Watched(mmap.mmap):
        def madvise(self, *arguments):
            asked.append(arguments)
            return super().madvise(*arguments)

    with open(path, "rb") as file:
        mapped = Watched(file.fileno(), 0, access=mmap.ACCESS_READ)
    whole = np.frombuffer(mapped, np.uint8)
    for first, stop, expected in (
        (PAGE, 3 * PAGE, (PAGE, 2 * PAGE)),
        (PAGE + 1, 3 * PAGE, (2 * PAGE, PAGE)),
        (PAGE, 3 * PAGE - 1, (PAGE, PAGE)),
        (PAGE - 1, 2 * PAGE + 1, (PAGE, PAGE)),
        (PAGE + 1, 2 * PAGE - 1, None),
        (5, 5, None),
    ):
        asked.clear()
        give_pages_back(whole[first:stop])
        assert asked == ([] if expected is None else [(mmap.MADV_DONTNEED, *expected)]), (first, stop)


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_what_was_written_stays(path, mode):
    whole = np.memmap(path, np.uint8, mode)
    whole[: 4 * PAGE] = 7
    give_pages_back(whole)
    assert (whole[: 4 * PAGE] == 7).all()


def test_arrays_of_their_own():
    for array in (np.ones(3 * PAGE), np.frombuffer(b"\1" * 3 * PAGE, np.uint8), np.ones((0, 4)), np.float32(3)[None]):
        before = array.copy()
        give_pages_back(array)
        np.testing.assert_array_equal(array, before)
