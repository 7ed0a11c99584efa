"""What the visualizer says beside what the models do: weights, and frames that change when another one is touched."""

import numpy as np
import pytest
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint, save_recogniser, silence_attention

import npconformer
from npconformer import AutoFeatureExtractor, AutoModel, no_grad
from npconformer.plots import AttentionMaskVisualizer
from npconformer.tape.autograd import Tensor


@pytest.fixture(params=MODELS)
def kind(request):
    return request.param


def encoder_of(model):
    """The encoder with one block whose attention adds nothing, and with biases that are not 0."""
    silence_attention(model)
    rng = np.random.default_rng(0)
    for name, parameter in model.named_parameters():
        if name.endswith("bias") and "linear_v" not in name:
            parameter.data = rng.normal(size=parameter.shape).astype(np.float32)
    return model.eval().encoder


def run(encoder, x, frame_mask=None, masks_convolutions=False):
    with no_grad():
        return encoder(Tensor(x.copy()), frame_mask, masks_convolutions)[0].numpy()[0]


@pytest.mark.parametrize("mode", ["reference", "exact"])
def test_attention_of_a_padded_batch(kind, mode, tmp_path):
    folder = save_checkpoint("ForCTC", tmp_path, kind)
    waveforms = make_waveforms([8000, 4800, 6400], seed=3)
    masks = AttentionMaskVisualizer(folder).masks(waveforms, padding_mode=mode)
    model, extractor = AutoModel.from_pretrained(folder), AutoFeatureExtractor.from_pretrained(folder)
    features = extractor(waveforms, sampling_rate=16000, padding=True, return_tensors="np")
    with no_grad():
        attentions = model(**features, padding_mode=mode, output_attentions=True).attentions
    for mask, weights in zip(masks, attentions[-1].numpy()):
        np.testing.assert_array_equal(weights.min(axis=0) > 0, mask.attends)
    lengths = [int(mask.own.sum()) for mask in masks]
    assert lengths[0] > lengths[2] > lengths[1] and len(masks[1].own) == lengths[0]


def test_where_nobody_hides_padding(tmp_path):
    """A checkpoint whose extractor gives no mask: attention sees the padding, and so it is said."""
    folder = save_checkpoint("ForCTC", tmp_path, "group")
    waveforms = make_waveforms([8000, 4800], seed=3)
    visualizer = AttentionMaskVisualizer(folder)
    _, short = visualizer.masks(waveforms, padding_mode="reference")
    assert short.attends.all() and short.leaks[:15, 15:].all() and not short.leaks[15:].any()
    assert not visualizer.masks(waveforms, padding_mode="exact")[1].leaks.any()


def test_the_convolution_of_a_block(kind, tmp_path):
    folder = save_checkpoint("ForCTC", tmp_path, kind, num_hidden_layers=1)
    (mask,) = AttentionMaskVisualizer(folder).masks(make_waveforms([8000], seed=1))
    encoder = encoder_of(AutoModel.from_pretrained(folder))
    frames = len(mask.own)
    x = np.random.default_rng(1).normal(size=(1, frames, 16)).astype(np.float32)
    before = run(encoder, x)
    for j in range(frames):
        touched = x.copy()
        touched[0, j] += 1 + np.arange(16)
        changed = (run(encoder, touched) != before).any(axis=1)
        np.testing.assert_array_equal(changed, mask.convolves[:, j] | (np.arange(frames) == j), err_msg=str(j))


@pytest.mark.parametrize("mode", ["reference", "exact"])
def test_what_padding_does_to_a_block(kind, mode, tmp_path):
    folder = save_checkpoint("ForCTC", tmp_path, kind, num_hidden_layers=1)
    _, mask = AttentionMaskVisualizer(folder).masks(make_waveforms([8000, 4800], seed=1), padding_mode=mode)
    model = AutoModel.from_pretrained(folder)
    encoder, length = encoder_of(model), int(mask.own.sum())
    x = np.random.default_rng(1).normal(size=(1, len(mask.own), 16)).astype(np.float32)
    alone = run(encoder, x[:, :length])
    hides = mode == "exact" or kind == "bert"  # as their forward calls it
    batch = run(encoder, x, mask.own[None], masks_convolutions=hides)[:length]
    np.testing.assert_array_equal(np.abs(batch - alone).max(axis=1) > 1e-4, mask.leaks[:length].any(axis=1))
    assert mask.leaks.any() == (not hides) and not mask.leaks[~mask.own].any()


@pytest.mark.parametrize("adapter", [False, True])
def test_chunks_of_a_recording(kind, adapter, tmp_path):
    """A frame's samples are changed: the frames of the output that change with them are those that could see it."""
    folder = save_recogniser(tmp_path, kind, add_adapter=adapter, num_adapter_layers=1)
    (waveform,) = make_waveforms([24000], seed=2)
    options = {"chunk_length_s": 0.56, "stride_length_s": (0.16, 0.08)}
    (mask,) = AttentionMaskVisualizer(folder).masks(waveform, **options)
    assert len(mask.chunks) == len(mask.kept) >= 4
    assert [start for start, _ in mask.kept] == [0, *(end for _, end in mask.kept[:-1])]
    assert mask.kept[-1][1] == mask.chunks[-1][1] == len(mask.own) == (74 if kind == "bert" else 75)
    recognise = npconformer.pipeline("automatic-speech-recognition", model=str(folder))
    ratio = recognise.clock.samples_per_frame // 320
    assert ratio == (2 if adapter else 1)

    recognise.run_frames = lambda waveforms: [recognise.run_model([one]).logits.numpy()[0] for one in waveforms]

    def rows(samples):
        (frames,) = [recognise._prepare(samples, None, {**recognise.options, **options}).run(1, None)]
        return frames.rows

    before = rows(waveform)
    first, last = mask.chunks[1]
    for j in (3, first - 3, first + 3, 40, last - 4, 70):
        touched = waveform.copy()
        touched[320 * j + 100 : 320 * j + 220] += 0.5
        changed = (rows(touched) != before).any(axis=1)
        expected = mask.attends[::ratio, j][: len(changed)]
        np.testing.assert_array_equal(changed, expected, err_msg=str(j))
    assert not (mask.convolves & ~mask.attends).any()
