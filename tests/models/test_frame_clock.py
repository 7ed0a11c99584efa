"""The frame clock beside the models: as many frames as come out, the fewest samples, the CTC loss's frames, seconds."""

import doctest

import numpy as np
import pytest
from tiny_checkpoints import HEAD_NAMES, MODELS, make_config, make_extractor, make_waveforms

import npconformer
from npconformer.models import frame_clock
from npconformer.models.auto import model_class
from npconformer.models.frame_clock import FrameClock, Stage, count_steps, fewest_steps

ADAPTERS = [(3, 2), (5, 3), (5, 2), (4, 3), (4, 2), (2, 2), (1, 2), (3, 4)]


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


def build(kind, head="ForCTC", **settings):
    """A model, its extractor and its clock."""
    config = make_config(kind, num_hidden_layers=1, **settings)
    model = model_class(config.model_type, HEAD_NAMES[head])(config).eval()
    extractor = make_extractor(kind)
    return model, extractor, FrameClock.of(model, 16000, extractor.reach, extractor.hop)


def adapter_of(kernel, stride, layers):
    return {
        "add_adapter": True, "num_adapter_layers": layers, "adapter_kernel_size": kernel, "adapter_stride": stride
    }  # fmt: skip


def frames_out(model, extractor, samples):
    (waveform,) = make_waveforms([samples])
    features = extractor([waveform], sampling_rate=16000, padding=False, return_tensors="np")
    with npconformer.no_grad():
        return model(**features).logits.shape[1]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride"), ADAPTERS)
def test_as_many_frames_as_come_out(kind, kernel, stride, layers):
    model, extractor, clock = build(kind, **adapter_of(kernel, stride, layers))
    assert clock.samples_per_frame == 320 * stride**layers
    fewest = clock.samples_for(1)
    assert fewest == clock.receptive_field
    for samples in (fewest, fewest + 319, fewest + 320, *range(16_000, 16_000 + 320 * (stride + 2), 320)):
        assert clock.frames(samples) == frames_out(model, extractor, samples) >= 1
    with pytest.raises(ValueError, match=r"too (few|short)"):
        frames_out(model, extractor, fewest - 1)
    for frames in (4, 5):
        samples = clock.samples_for(frames)
        assert clock.frames(samples) == frames == clock.frames(samples - 1) + 1


def test_without_an_adapter(kind):
    model, extractor, clock = build(kind)
    reach = {"layer": 320, "bert": 560}[kind]
    assert (clock.samples_per_frame, clock.seconds_per_frame, clock.receptive_field) == (320, 0.02, reach)
    for samples in (reach, reach + 319, reach + 320, 16_000):
        assert clock.frames(samples) == frames_out(model, extractor, samples) == (samples - reach) // 320 + 1
    assert clock.frames(np.array([reach, 16_000])).tolist() == [1, (16_000 - reach) // 320 + 1]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("kernel", "stride"), ADAPTERS)
def test_as_many_frames_as_the_loss_uses(kind, kernel, stride, layers):
    """As many as the reference counts, in its own way, if there are so many."""
    model, _, clock = build(kind, **adapter_of(kernel, stride, layers))
    for samples in range(20_000, 20_000 + 320 * (stride**layers + 1), 320):
        frames = clock.frames_of_loss(samples)
        assert 1 <= frames <= clock.frames(samples)
        rows = count_steps(samples, [clock.input])
        counted = model._get_feat_extract_output_lengths(rows)
        assert frames == min(counted, clock.frames(samples))


def test_an_impossible_text_has_one_letter_more_than_frames_of_the_loss(kind):
    for kernel in (2, 5):
        model, extractor, clock = build(kind, **adapter_of(kernel, 2, 1))
        for samples in (9600, 9920):
            frames = clock.frames_of_loss(samples)
            features = extractor(make_waveforms([samples]), sampling_rate=16000, padding=False, return_tensors="np")
            letters = 5 + np.arange(frames + 1)[None] % 7  # no two neighbours are alike
            assert np.isfinite(model(**features, labels=letters[:, :-1]).loss.item())
            assert model(**features, labels=letters).loss.item() == np.inf


def test_seconds(kind):
    _, _, clock = build(kind, **adapter_of(3, 2, 1))
    assert [clock.start(frame) for frame in (0, 1, 25)] == [0.0, 0.04, 1.0]


def test_rows_of_a_padded_batch(kind):
    model, extractor, clock = build(kind, **adapter_of(5, 2, 1))
    features = extractor(make_waveforms([9000, 16_000]), sampling_rate=16000, padding=True, return_tensors="np")
    rows = features[model.main_input_name].shape[1]
    with npconformer.no_grad():
        assert model(**features).logits.shape[1] == clock.frames_of_rows(rows)


def test_speaker_vectors_of_batches_behind_unusual_adapters(kind):
    """The reference counts a frame more than there is, which the pooling of a padded batch must not take in."""
    model, extractor, clock = build(kind, "ForXVector", **adapter_of(5, 2, 1))
    waveforms = make_waveforms([9000, 9320, 16_000, clock.samples_for(model.tdnn_context + 1)])
    features = extractor(waveforms, sampling_rate=16000, padding=True, return_tensors="np")
    with npconformer.no_grad():
        together = model(**features, padding_mode="exact").embeddings.numpy()
        for vector, waveform in zip(together, waveforms):
            features = extractor([waveform], sampling_rate=16000, padding=False, return_tensors="np")
            alone = model(**features, padding_mode="exact").embeddings.numpy()[0]
            np.testing.assert_allclose(vector, alone, rtol=0, atol=2e-5)


@pytest.mark.parametrize("reach", [-1, 0, 1, 2, 5])
@pytest.mark.parametrize("hop", [1, 2, 3])
def test_fewest_steps_by_trying(reach, hop):
    """Whatever the padding of a convolution, there has to be a step for it to see."""
    stages = [Stage(7, 3), Stage(reach, hop)]
    for wanted in range(1, 6):
        tried = next(n for n in range(1, 99) if count_steps(n, stages[:1]) >= 1 and count_steps(n, stages) >= wanted)
        assert fewest_steps(wanted, stages) == tried


def test_the_example():
    convolutions = {"conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2), "conv_dim": (4,) * 7}
    model, extractor, _ = build("layer", **convolutions)
    results = doctest.testmod(frame_clock, extraglobs={"model": model, "extractor": extractor})
    assert (results.attempted, results.failed) == (2, 0)
