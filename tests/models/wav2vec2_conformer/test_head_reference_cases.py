"""The heads against frozen results of transformers, without torch: see tests/reference_cases/make_head_cases.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from parity import frozen

NAMES = frozen.names("heads")


def test_the_cases_are_there() -> None:
    assert [name.split("-")[0] for name in NAMES] == sorted(
        ["ForAudioFrameClassification", "ForPreTraining", "ForSequenceClassification", "ForXVector"]
    )


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_frozen_tensor_agrees(name: str, dtype: str, mode: str, tmp_path: Path) -> None:
    frozen.check(f"heads/{name}", dtype, mode, tmp_path)
