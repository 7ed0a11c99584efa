"""Counting of steps against counting on one's fingers; the clocks of both models against what the models give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer import (
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertConfig,
    Wav2Vec2BertModel,
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerModel,
    no_grad,
)
from npconformer.models.frame_clock import FrameClock, Stage, count_steps, fewest_steps


def windows(steps: int, stage: Stage) -> int:
    """How many windows of `reach`, every `hop`, fit into so many steps."""
    number = 0
    while number * stage.hop + stage.reach <= steps:
        number += 1
    return number


def count_on_fingers(steps, stages):
    """0 where nothing is left on the way, whatever padding would make of nothing."""
    for stage in stages:
        steps = windows(steps, stage) if steps else 0
    return steps


some_stages = st.lists(st.builds(Stage, st.integers(1, 9), st.integers(1, 5)), max_size=4)
padded_stages = st.lists(st.builds(Stage, st.integers(-3, 9), st.integers(1, 5)), max_size=3)


@given(st.integers(0, 400), some_stages)
def test_count_steps(steps, stages):
    assert max(count_steps(steps, stages), 0) == count_on_fingers(steps, stages)


@given(st.integers(1, 400), padded_stages)
def test_count_steps_with_more_padding_than_reach(steps, stages):
    """As an adapter's convolutions may have: then something is left of every step."""
    expected = count_on_fingers(steps, stages)
    assert not expected or count_steps(steps, stages) == expected


@given(st.lists(st.integers(0, 400), min_size=1, max_size=8), some_stages)
def test_arrays_of_lengths(lengths, stages):
    counted = count_steps(np.array(lengths), stages)
    assert counted.tolist() == [count_steps(length, stages) for length in lengths]


@settings(deadline=None)
@given(st.integers(1, 12), padded_stages)
def test_fewest_steps(wanted, stages):
    fewest = next(steps for steps in range(1, 20000) if count_on_fingers(steps, stages) >= wanted)
    assert fewest_steps(wanted, stages) == fewest


def test_no_stages():
    assert count_steps(7, []) == fewest_steps(7, []) == 7


SMALL = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, output_hidden_size=16)
CONVOLUTIONS = dict(conv_dim=(4, 4), conv_kernel=(10, 3), conv_stride=(5, 4), num_conv_pos_embedding_groups=2)
ADAPTERS = [dict(add_adapter=False), *(dict(add_adapter=True, num_adapter_layers=n) for n in (1, 2, 3))]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: f"{a.get('num_adapter_layers', 0)} layers")
def test_the_clock_of_a_conformer(adapter):
    model = Wav2Vec2ConformerModel(Wav2Vec2ConformerConfig(**SMALL, **CONVOLUTIONS, **adapter)).eval()
    layers = adapter.get("num_adapter_layers", 0)
    clock = FrameClock.of(model, 16000)
    assert clock.samples_per_encoder_frame == 20 and clock.samples_per_frame == 20 * 2**layers
    assert clock.seconds_per_frame == clock.samples_per_frame / 16000
    assert clock.receptive_field == 20 and clock.samples_for(1) == 20
    for samples in (20, 21, 39, 40, 119, 120, 400, 777):
        with no_grad():
            frames = model(np.ones((1, samples))).last_hidden_state.shape[1]
        assert clock.frames(samples) == clock.frames_of_rows(samples) == frames
        assert clock.frames(clock.samples_for(frames)) == frames > clock.frames(clock.samples_for(frames) - 1)
    assert clock.start(3) == pytest.approx(3 * 20 * 2**layers / 16000)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: f"{a.get('num_adapter_layers', 0)} layers")
def test_the_clock_of_wav2vec2_bert(adapter):
    model = Wav2Vec2BertModel(Wav2Vec2BertConfig(**SMALL, **adapter)).eval()
    extractor = SeamlessM4TFeatureExtractor()
    layers = adapter.get("num_adapter_layers", 0)
    clock = FrameClock.of(model, 16000, extractor.reach, extractor.hop)
    assert clock.samples_per_encoder_frame == 320  # also without an adapter: the filterbank's own hop
    assert clock.samples_per_frame == 320 * 2**layers == model.config.inputs_to_logits_ratio
    assert clock.receptive_field == clock.samples_for(1) == 560
    for samples in (560, 879, 880, 1200, 5000, 8000):
        features = extractor(np.random.default_rng(0).standard_normal(samples), sampling_rate=16000)
        rows = int(np.sum(features["attention_mask"]))
        values = np.asarray(features["input_features"], np.float32)[:, :rows]
        with no_grad():
            frames = model(values).last_hidden_state.shape[1]
        assert clock.frames(samples) == clock.frames_of_rows(rows) == frames
        assert clock.frames(clock.samples_for(frames)) == frames > clock.frames(clock.samples_for(frames) - 1)


def test_a_clock_knows_the_rows_that_an_adapter_needs():
    """Lengths are counted as if kernel 5 with stride 2 had a frame of one row; its convolutions need three."""
    config = Wav2Vec2BertConfig(**SMALL, add_adapter=True, adapter_kernel_size=5)
    clock = FrameClock.of(Wav2Vec2BertModel(config), 16000, 560, 320)
    assert clock.frames(560) == 1 and clock.fewest_rows == 3 and clock.receptive_field == 560 + 2 * 320
