"""The whole model without a reference: subsampling, padding, devices, dtypes, training, results and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from backends import backend  # noqa: F401
from make_nemo_cases import SIZES
from strict_array import count_synchronisations
from strict_device import STRICT
from tiny_nemo import DROPOUTS, LABELS, batch_of, make_model

import npconformer
from npconformer import FrameClock, NemoConformerConfig, NemoConformerModel, Tensor, no_grad
from npconformer.models.nemo_conformer import subsampling
from npconformer.models.nemo_conformer.subsampling import NemoConformerSubsampling

EXACTLY = dict(rtol=1e-9, atol=1e-11)
LENGTHS = [41, 40, 39, 38, 37, 5, 1]


KINDS = [("striding", 2), ("striding", 4), ("striding", 8), ("dw_striding", 4), ("dw_striding", 8), ("vggnet", 4)]
every_kind = pytest.mark.parametrize(("kind", "factor"), [*KINDS, ("vggnet", 8)])


def naive_convolution(x: np.ndarray, layer, stride: int) -> np.ndarray:
    """(T, J, C) -> (T', J', O): loops over what each output sees, zeros outside."""
    weight, kernel = layer.weight.data, layer.weight.shape[2]
    y = np.zeros((-(-x.shape[0] // stride), -(-x.shape[1] // stride), len(weight)))
    for u, v, i, j in np.ndindex(*y.shape[:2], kernel, kernel):
        t, f = stride * u + i - kernel // 2, stride * v + j - kernel // 2
        if 0 <= t < x.shape[0] and 0 <= f < x.shape[1]:
            is_depthwise = weight.shape[1] == 1 < x.shape[2]
            y[u, v] += weight[:, 0, i, j] * x[t, f] if is_depthwise else weight[:, :, i, j] @ x[t, f]
    return y + layer.bias.data


def naive_subsampling(module, kind: str, features: np.ndarray) -> np.ndarray:
    """(T, J) -> (T', H)"""
    x, layers = features[:, :, None], [*module.layers]
    while layers:
        if kind == "vggnet":
            for _ in range(2):
                x = np.maximum(naive_convolution(x, layers.pop(0), 1), 0)
            halves = np.ndindex(-(-x.shape[0] // 2), -(-x.shape[1] // 2))
            shape = (-(-x.shape[0] // 2), -(-x.shape[1] // 2), x.shape[2])
            x = np.array([x[2 * u : 2 * u + 2, 2 * v : 2 * v + 2].max(axis=(0, 1)) for u, v in halves]).reshape(shape)
            continue
        x = naive_convolution(x, layers.pop(0), 2)
        if kind == "dw_striding" and len(layers) + 1 < len(module.layers):
            x = naive_convolution(x, layers.pop(0), 1)
        x = np.maximum(x, 0)
    flat = np.array([[x[t, f, c] for c in range(x.shape[2]) for f in range(x.shape[1])] for t in range(len(x))])
    return flat @ module.linear.weight.data.T + module.linear.bias.data


@pytest.mark.parametrize("bands", [8, 7])
@every_kind
def test_subsampling_is_what_its_equations_say(kind, factor, bands):
    settings = dict(subsampling=kind, subsampling_factor=factor, num_mel_bins=bands)
    module = make_model(NemoConformerModel, **settings).subsampling
    assert type(module) is NemoConformerSubsampling
    x = np.random.default_rng(1).standard_normal((2, 21, bands))
    for lengths in (None, np.array([21, 13])):
        found = module(Tensor(x), lengths).numpy()
        for b, length in enumerate([21, 21] if lengths is None else lengths):
            expected = naive_subsampling(module, kind, x[b, :length])
            np.testing.assert_allclose(found[b, : len(expected)], expected, **EXACTLY)


@pytest.mark.parametrize("frames", [40, 41, 44, 45, 47])
@every_kind
def test_stretches_change_nothing(monkeypatch, kind, factor, frames):
    """Where nothing is recorded, and whatever the lengths of a batch."""
    module = make_model(NemoConformerModel, subsampling=kind, subsampling_factor=factor).subsampling
    x = Tensor(np.random.default_rng(1).standard_normal((4, frames, 8)))
    for lengths in (None, np.array([frames, 33, 7, 1])):
        expected = module(x, lengths).numpy()
        for stretch in (1, 2, 3):
            monkeypatch.setattr(subsampling, "STRETCH", stretch)
            with no_grad():
                np.testing.assert_allclose(module(x, lengths).numpy(), expected, rtol=1e-12, atol=1e-13)


# ---- padding


@pytest.mark.parametrize(
    ("mode", "kind", "factor"),
    [("reference", "striding", 4), *(("exact", *kind) for kind in [KINDS[1], *KINDS[3:]])],
)
def test_an_utterance_in_a_batch_is_as_it_is_alone(mode, kind, factor):
    model = make_model(subsampling=kind, subsampling_factor=factor)
    features, mask = batch_of(LENGTHS)
    with no_grad():
        together = model(features, mask, padding_mode=mode, output_hidden_states=True)
        for row, length in enumerate(LENGTHS):
            alone = model(features[row : row + 1, :length], output_hidden_states=True)
            assert alone.logits.shape[1] == model.count_frames(length)
            for found, expected in zip(
                (together.logits, *together.hidden_states), (alone.logits, *alone.hidden_states), strict=True
            ):
                expected = expected.numpy()[0]
                np.testing.assert_allclose(found.numpy()[row, : len(expected)], expected, **EXACTLY)


def test_what_padding_holds_says_nothing():
    model = make_model()
    features, mask = batch_of([41, 30])
    other, _ = batch_of([41, 30], padding=-50.0)
    np.testing.assert_array_equal(model(other, mask).logits.numpy()[1, :8], model(features, mask).logits.numpy()[1, :8])


# ---- dtypes, devices, training


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_output_and_gradient_keeps_the_models_dtype(dtype):
    model = make_model(dtype=dtype).train()
    features, mask = batch_of([41, 30])
    out = model(features, mask, labels=LABELS, output_hidden_states=True, output_attentions=True)
    assert {a.dtype for a in (out.logits, *out.hidden_states, *out.attentions)} == {np.dtype(dtype)}
    out.loss.backward()
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(dtype)}


def test_same_numbers_on_every_backend(backend):  # noqa: F811
    features, mask = batch_of([41, 30])
    results = []
    for where in ("numpy", backend):
        model = make_model(**DROPOUTS).train()
        model.to(where)
        npconformer.manual_seed(3)  # dropout and SpecAugment on, and the same on every device
        out = model(features, mask, labels=LABELS)
        out.loss.backward()
        gradients = {n: Tensor(p.grad).numpy() for n, p in model.named_parameters()}
        results.append((out.logits.numpy(), out.loss.item(), gradients))
    (logits, loss, gradients), (other_logits, other_loss, other_gradients) = results
    np.testing.assert_allclose(other_logits, logits, rtol=1e-9, atol=1e-11)
    assert other_loss == pytest.approx(loss, rel=1e-6)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(other_gradients[name], gradient, rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_model_never_waits_for_the_device():
    model = make_model(dtype="float32")
    model.to(STRICT)
    features, mask = batch_of([41, 30])
    with no_grad(), count_synchronisations() as waits:
        model(features, mask)
    assert waits.sites == []


def test_recomputing_blocks_changes_no_gradient():
    features, mask = batch_of([41, 30])
    results = []
    for recompute in (False, True):
        model = make_model(**DROPOUTS).train()
        if recompute:
            model.gradient_checkpointing_enable()
        npconformer.manual_seed(5)
        loss = model(features, mask, labels=LABELS).loss
        loss.backward()
        results.append((loss.item(), {n: p.grad for n, p in model.named_parameters()}))
    assert results[0][0] == results[1][0]
    for name, gradient in results[0][1].items():
        np.testing.assert_allclose(results[1][1][name], gradient, rtol=1e-12, atol=1e-14, err_msg=name)


def test_training_steps_lower_the_loss():
    dropouts = dict.fromkeys("conformer_conv_dropout hidden_dropout activation_dropout attention_dropout".split(), 0.0)
    model = make_model(apply_spec_augment=False, **dropouts)
    features, mask = batch_of([41, 39])
    losses = []
    for _ in range(3):
        model.train().zero_grad()
        loss = model(features, mask, labels=LABELS).loss
        loss.backward()
        losses.append(loss.item())
        for parameter in model.parameters():
            parameter.data = parameter.data - 1e-3 * parameter.grad
    assert losses[2] < losses[1] < losses[0]


def test_a_gradient_reaches_the_features():
    model = make_model(scale_input=False)
    features, mask = batch_of([12])
    x = Tensor(features, requires_grad=True)
    model(x, mask).logits.sum().backward()
    moved = features.copy()
    moved[0, 5, 3] += 1e-6
    slope = (model(moved, mask).logits.numpy().sum() - model(features, mask).logits.numpy().sum()) / 1e-6
    assert x.grad[0, 5, 3] == pytest.approx(slope, rel=1e-4)


# ---- what a call returns and refuses


def test_frames_are_scaled_where_the_config_says_so():
    scaled, plain = (make_model(NemoConformerModel, scale_input=scale) for scale in (True, False))
    features, _ = batch_of([12])
    first = [model(features, output_hidden_states=True).hidden_states[0].numpy() for model in (scaled, plain)]
    np.testing.assert_allclose(first[0], first[1] * np.sqrt(12), rtol=1e-12)


def test_the_clock():
    clock = FrameClock.of(make_model(), 16000, 0, 160)
    assert (clock.samples_per_frame, clock.seconds_per_frame, clock.receptive_field) == (640, 0.04, 1)
    assert clock.is_centred and not FrameClock.of(make_model(), 16000, 400, 160).is_centred
    assert [clock.frames(n) for n in (201, 639, 640, 16000)] == [1, 1, 2, 26]
    assert make_model().config.inputs_to_logits_ratio == 640


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((1, 16000)), "a waveform goes through NemoConformerFeatureExtractor first"),
        (np.zeros((1, 9, 7)), r"expected 8 features a frame \(num_mel_bins\), got 7"),
        (np.zeros((1, 0, 8)), "0 frames are too few; one frame needs 1"),
        (np.full((1, 9, 8), np.nan), "NaN"),
    ],
)
def test_bad_input(features, message):
    with pytest.raises(ValueError, match=message):
        make_model()(features)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (dict(subsampling_factor=3), r"'subsampling_factor' is 3 \(int\); expected one of \(2, 4, 8\)"),
        (dict(subsampling="striding_conv1d"), "'subsampling' is 'striding_conv1d'"),
        (dict(ctc_loss_reduction="average"), "'ctc_loss_reduction' is 'average'"),
        (dict(add_adapter=True), "'add_adapter' is True"),
        (dict(position_embeddings_type="rotary"), "'position_embeddings_type' is 'rotary'"),
        (dict(num_mel_bins=0), "'num_mel_bins' is 0"),
        (dict(scale_input="yes"), "'scale_input' is 'yes'"),
        (dict(freq_masks=-1), "'freq_masks' is -1"),
        (dict(time_width=1.5), "'time_width' is 1.5"),
    ],
)
def test_bad_settings(setting, message):
    with pytest.raises(ValueError, match=message):
        NemoConformerConfig(**{**SIZES, **setting})


def test_the_blank_is_the_last_class():
    assert NemoConformerConfig(vocab_size=33).pad_token_id == 32
    assert NemoConformerConfig(vocab_size=33, pad_token_id=0).pad_token_id == 0
    assert NemoConformerConfig().pad_token_id is None
