"""Wav2Vec2-BERT against frozen results of transformers, without torch: see tests/reference_cases/make_bert_cases.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from parity import frozen

NAMES = frozen.names("wav2vec2_bert")


def test_the_cases_are_there() -> None:
    heads = {name.split("-")[0] for name in NAMES if name.startswith("For")}
    assert heads == {"ForAudioFrameClassification", "ForSequenceClassification", "ForXVector"}
    assert {"relative_key", "relative", "rotary", "adapter", "adapter-5-3"} <= set(NAMES)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_frozen_tensor_agrees(name: str, dtype: str, mode: str, tmp_path: Path) -> None:
    frozen.check(f"wav2vec2_bert/{name}", dtype, mode, tmp_path)
