"""Pipelines with their model in a device's memory give what they give on the host."""

import numpy as np
import pytest
from backends import backend  # noqa: F401
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

from npconformer import pipeline

TASKS = {
    "audio-classification": "ForSequenceClassification",
    "speaker-embedding": "ForXVector",
    "speaker-diarization": "ForAudioFrameClassification",
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("task", list(TASKS))
def test_the_same_answers(task, kind, backend, tmp_path):  # noqa: F811
    folder = save_checkpoint(TASKS[task], tmp_path, kind, num_labels=3)
    waveforms = make_waveforms([9000, 16000, 5000])
    expected = pipeline(task, model=folder)(waveforms)
    on_device = pipeline(task, model=folder)
    on_device.model.to(backend)
    for result, reference in zip(on_device(waveforms, batch_size=3), expected):
        if task == "speaker-embedding":
            assert type(result) is np.ndarray
            np.testing.assert_allclose(result, reference, atol=2e-5)
        elif task == "speaker-diarization":
            assert result == reference
        else:
            scores = [[one["score"] for one in answer] for answer in (result, reference)]
            np.testing.assert_allclose(*scores, atol=2e-5)
