"""transformers loads the recogniser that npconformer trained, and hears the same."""

import numpy as np
import pytest

import npconformer
from npconformer.commands.demo import RECORDING
from npconformer.pipelines import EMBEDDED_DIGITS

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def test_logits_and_text_of_the_demo():
    processor = transformers.AutoProcessor.from_pretrained(EMBEDDED_DIGITS)
    theirs = transformers.Wav2Vec2ConformerForCTC.from_pretrained(EMBEDDED_DIGITS, dtype=torch.float32).eval()
    ours = npconformer.Wav2Vec2ConformerForCTC.from_pretrained(EMBEDDED_DIGITS)
    samples = npconformer.read_audio(RECORDING, 16000)
    inputs = processor(samples, sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        expected = theirs(**inputs).logits.numpy()
    logits = ours(**{name: array.numpy() for name, array in inputs.items()}).logits.numpy()
    worst = np.abs(logits - expected).max() / np.abs(expected).max()
    print(f"worst difference {worst:.1e}")
    assert worst < 2e-5  # as for outputs in float32 elsewhere
    assert processor.batch_decode(expected.argmax(axis=-1)) == ["THREE ONE FOUR ONE FIVE NINE TWO SIX"]
