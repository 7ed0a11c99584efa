"""The heads against frozen results of transformers, without torch: see tests/reference_cases/make_head_cases.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from parity import head_ours
from parity.compare import compare
from parity.head_inputs import HeadInputs
from safetensors.numpy import save_file

FOLDER = Path(__file__).resolve().parents[2] / "reference_cases" / "heads"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))


def test_the_cases_are_there() -> None:
    assert [name.split("-")[0] for name in NAMES] == sorted(
        ["ForAudioFrameClassification", "ForPreTraining", "ForSequenceClassification", "ForXVector"]
    )


def part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_frozen_tensor_agrees(name: str, dtype: str, mode: str, tmp_path: Path) -> None:
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    config = json.loads(str(arrays["config"]))
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(part(arrays, "weights."), tmp_path / "model.safetensors")
    given = part(arrays, "inputs.")
    inputs = HeadInputs(
        given["input_values"], given["attention_mask"], part(arrays, "extra."), given.get("exponential")
    )
    theirs = part(arrays, f"{mode}.")
    found = head_ours.run(str(arrays["head"]), tmp_path, inputs, dtype, train=mode == "train")
    assert not theirs.keys() - found.keys()
    wrong = [
        difference
        for difference in compare(config, dtype, {tensor: found[tensor] for tensor in theirs}, theirs)
        if difference.too_large
    ]
    assert not wrong, wrong[:12]
