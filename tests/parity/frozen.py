"""Frozen results of the reference: npconformer compared with them without torch. See tests/reference_cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from . import head_ours, ours
from .arrays import Inputs
from .compare import assert_equal_enough, compare
from .families import FAMILIES
from .head_inputs import HeadInputs

FOLDER = Path(__file__).resolve().parents[1] / "reference_cases"


def names(folder: str = ".") -> list[str]:
    """The frozen models in a folder of reference_cases."""
    return sorted(path.stem for path in (FOLDER / folder).glob("*.npz") if path.stem != "span_masks")


def part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def read(name: str, folder: Path) -> tuple[dict[str, Any], Inputs | HeadInputs, dict[str, np.ndarray]]:
    """The config, the inputs and all arrays of a case, whose model is written to `folder`."""
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    config = json.loads(str(arrays["config"]))
    (folder / "config.json").write_text(json.dumps(config))
    save_file(part(arrays, "weights."), folder / "model.safetensors")
    given = part(arrays, "inputs.")
    values = next(given[family.input_name] for family in FAMILIES if family.input_name in given)
    mask = given.get("attention_mask")
    if "head" in arrays:
        return config, HeadInputs(values, mask, part(arrays, "extra."), given.get("exponential")), arrays
    return config, Inputs(values, mask, given.get("labels"), given["logits_gradient"]), arrays


def check(name: str, dtype: str, mode: str, folder: Path) -> None:
    """Every frozen tensor of `mode` ("eval" or "train") agrees; the model is written to `folder` and loaded from it."""
    config, inputs, arrays = read(name, folder)
    theirs = part(arrays, f"{mode}.")
    # Everything frozen must be found; what was not frozen is not compared: of the heads not every gradient is.
    if isinstance(inputs, HeadInputs):
        found = head_ours.run(str(arrays["head"]), folder, inputs, dtype, mode == "train")
        mine = {tensor: value for tensor, value in found.items() if tensor in theirs}
    else:
        found = ours.run(folder, inputs, dtype, mode == "train")
        kinds = {tensor.split(".")[0] for tensor in theirs}
        mine = {tensor: value for tensor, value in found.items() if tensor.split(".")[0] in kinds}
    assert_equal_enough(compare(config, dtype, mine, theirs))
