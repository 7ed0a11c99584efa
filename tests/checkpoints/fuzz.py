"""Damage files of weights at random, and see that reading them ends well.

    python -m tests.checkpoints.fuzz --files 20000
    python -m tests.checkpoints.fuzz --files 1 --seed 4711        # one of them again

Every damaged file must be refused with a ValueError or FileNotFoundError or give arrays, within 5 seconds and 1 GB of
memory. Anything else is printed with its seed, and the exit status is 1. Files are read in processes of their own that
are held to that memory; what ends such a process is a finding like any other. `damage` says what is damaged and how.
"""

import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "fuzz")]  # where pytest looks as well

from damage import whole_checkpoints, write_damaged  # noqa: E402
from engine import endings_of, main  # noqa: E402

from npconformer.checkpoints.array_file import open_weights  # noqa: E402


def read_one(folder):
    """How reading a folder's weights ended: "refused" or "read". Any other error goes on."""
    try:
        file = open_weights(folder)
        for name in file:
            array = file.read(name, np.float32)
            assert type(array) is np.ndarray and array.shape == file.shape(name)
            with np.errstate(all="ignore"):
                array.sum()  # touches every number
    except (ValueError, FileNotFoundError) as error:
        assert str(error)
        return "refused"
    return "read"


def read_damaged(seeds):
    """For each seed, how reading its checkpoint ended; "FAILED" and why where it did not end well."""
    checkpoints = list(whole_checkpoints())
    return endings_of(
        seeds,
        write=lambda folder, seed: write_damaged(folder, seed, checkpoints),
        read=lambda folder, _: read_one(folder),
    )


if __name__ == "__main__":
    sys.exit(main(__doc__, "tests.checkpoints.fuzz", read_damaged))
