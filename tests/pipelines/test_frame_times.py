"""When words are said: a click at a known sample, through real convolutions, and the times of the frames it shows in.

The models have no Conformer blocks, and their adapter's attention adds nothing, so that a frame sees a stretch of
samples. The layer behind says "A" in frames that the click has changed, and the blank in all others. Then the stretch
that a frame sees is found by moving the click, and its middle compared with the middle of the frame's reported time.
"""

import numpy as np
import pytest
from tiny_checkpoints import MODELS, VOCABULARY, make_config, make_local_extractor, silence_attention

from npconformer import Tensor, Wav2Vec2CTCTokenizer, manual_seed, pipeline
from npconformer.models.auto import model_class
from npconformer.nn import Module

LOCAL = {"num_hidden_layers": 0, "position_embeddings_type": None}
RELEASED = {"conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2), "conv_dim": (4,) * 7}
SEEN = {"layer": 400, "bert": 560}  # samples behind a frame of the encoder, which are 320 apart
ADAPTERS = [
    None,
    *((kernel, stride, layers) for kernel, stride in [(3, 2), (5, 3), (5, 2), (4, 3)] for layers in (1, 2, 3)),
]
FRAME = 3  # the one that is looked at


class ChangedFrames(Module):
    """In place of lm_head: "A" in frames that are not as they were the first time, else the blank."""

    quiet = None

    def forward(self, x):
        x = x.numpy()
        if self.quiet is None:
            self.quiet = x
        changed = np.abs(x - self.quiet).max(axis=-1) > 1e-9
        return Tensor(np.eye(len(VOCABULARY))[np.where(changed, VOCABULARY["A"], 0)])


def build(kind, adapter):
    manual_seed(3)
    settings = dict(LOCAL)
    if adapter is not None:
        kernel, stride, layers = adapter
        settings |= {"add_adapter": True, "num_adapter_layers": layers}
        settings |= {"adapter_kernel_size": kernel, "adapter_stride": stride}
    if kind == "layer":
        settings |= RELEASED
    config = make_config(kind, **settings)
    model = model_class(config.model_type, "ctc")(config)
    silence_attention(model)
    model.lm_head = ChangedFrames()
    return pipeline(
        model=model,
        feature_extractor=make_local_extractor(kind),
        tokenizer=Wav2Vec2CTCTokenizer(VOCABULARY),
        dtype="float64",
    )


@pytest.mark.parametrize("adapter", ADAPTERS, ids=str)
@pytest.mark.parametrize("kind", MODELS)
def test_the_reported_time_of_a_frame_is_that_of_what_it_sees(kind, adapter):
    recognise = build(kind, adapter)
    kernel, stride, layers = adapter or (1, 1, 0)
    size = 320 * stride**layers  # samples from one frame to the next
    waveform = 0.01 * np.random.default_rng(1).standard_normal(7 * size + SEEN[kind])
    assert recognise(waveform, return_timestamps="word") == {"text": "", "chunks": []}  # remembered as quiet

    def shows(sample):
        """Whether a click at that sample is reported at the middle of the frame."""
        clicked = waveform.copy()
        clicked[sample] = 1.0
        times = [word["timestamp"] for word in recognise(clicked, return_timestamps="word")["chunks"]]
        return any(start < (FRAME + 0.5) * size / 16000 < end for start, end in times)

    middle = round((FRAME + 0.5) * size)
    first, last = edge(shows, middle, 0), edge(shows, middle, len(waveform) - 1)
    assert abs((first + last) / 2 - middle) <= size / 2

    # and exactly, as frame_clock.py derives it
    padding = 1 if kind == "layer" else stride // 2
    encoder_frames = FRAME
    for _ in range(layers):
        encoder_frames = stride * encoder_frames + (kernel - 1) / 2 - padding
    assert (first + last) / 2 == pytest.approx(320 * encoder_frames + SEEN[kind] / 2, abs=1)


def edge(shows, inside, outside):
    """The last sample on the way from one that shows to one that does not."""
    assert shows(inside) and not shows(outside)
    while abs(outside - inside) > 1:
        between = (inside + outside) // 2
        if shows(between):
            inside = between
        else:
            outside = between
    return inside
