"""npconformer against frozen results of transformers, without torch: see tests/reference_cases/make_cases.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from parity import frozen

from npconformer.models.spec_augment import compute_mask_indices

NAMES = frozen.names()


def test_the_cases_are_there() -> None:
    assert len(NAMES) == 6


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_frozen_tensor_agrees(name: str, dtype: str, mode: str, tmp_path: Path) -> None:
    frozen.check(name, dtype, mode, tmp_path)


def test_span_masks_are_those_of_the_reference() -> None:
    """Equal at every position of every item. For an item without room for a span the reference hides the last position
    of the row, which is padding and is set to zero later; npconformer never hides padding."""
    with np.load(frozen.FOLDER / "span_masks.npz") as file:
        arrays = dict(file)
    masks = {name.removesuffix(".mask"): value for name, value in arrays.items() if name.endswith(".mask")}
    assert len(masks) == 8
    for index, mask in masks.items():
        settings = json.loads(str(arrays[f"{index}.settings"]))
        rng = np.random.RandomState(settings.pop("seed"))
        valid = arrays.get(f"{index}.attention_mask", np.ones(mask.shape)) != 0
        valid = arrays.get(f"{index}.attention_mask", np.ones(mask.shape, bool))
        found = compute_mask_indices(
            mask.shape, attention_mask=arrays.get(f"{index}.attention_mask"), rng=rng, **settings
        )
        assert found.dtype == bool
        # For an utterance without room for a span the reference marks the batch's last frame, which is padding.
        np.testing.assert_array_equal(found, mask & valid, err_msg=f"spans {index}: {settings}")
