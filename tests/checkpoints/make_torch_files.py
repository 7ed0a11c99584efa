"""Write torch_files/: small files of torch.save in each of its layouts, and the arrays that are in them.

    python tests/checkpoints/make_torch_files.py

They let the tests of the reader run without torch. Made with torch 2.13; the tar file is laid out by `torch_cases` as
torch 0.1 did, and torch 2.13 reads it as well.
"""

from pathlib import Path

import numpy as np
import torch
from torch_cases import LAYOUTS, UNSIGNED, as_arrays, every_state, plain_state

FOLDER = Path(__file__).parent / "torch_files"


def main():
    FOLDER.mkdir(exist_ok=True)
    expected = {}
    for name, state in every_state().items():
        expected |= {f"{name}/{key}": array for key, array in as_arrays(state).items()}
        for layout, save in LAYOUTS.items():
            if (name, layout) == ("parameters", "tar"):  # the keys stand for tensors only
                continue
            save(state, FOLDER / f"{name}-{layout}.bin")
            again = torch.load(FOLDER / f"{name}-{layout}.bin", weights_only=False)
            for key, array in as_arrays(again).items():
                np.testing.assert_array_equal(array, expected[f"{name}/{key}"], strict=True)
    state = plain_state(UNSIGNED)
    expected |= {f"unsigned/{key}": array for key, array in as_arrays(state).items()}
    for layout in ("zip", "stream"):
        LAYOUTS[layout](state, FOLDER / f"unsigned-{layout}.bin")
    np.savez_compressed(FOLDER / "expected.npz", **expected)


if __name__ == "__main__":
    main()
