"""The same text as transformers on real recordings; the full count is `python -m tests.parity.transcripts`."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from . import transcripts


@pytest.mark.parametrize("batch_size", [1, 5])
def test_texts_are_those_of_transformers(shared: Path, tmp_path: Path, batch_size: int) -> None:
    recordings = shared / "data" / "fsdd"
    files = transcripts.choose_files(recordings, 20, seed=1)
    files += transcripts.write_strings(sorted(recordings.glob("*.wav")), 4, 1, tmp_path)
    assert transcripts.differences(shared / "models" / "digits-hf", files, batch_size) == []
