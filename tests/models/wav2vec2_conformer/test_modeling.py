"""The whole model, without the reference: devices, dtypes, padding modes, recomputation, training, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from backends import backend  # noqa: F401
from strict_array import count_synchronisations
from strict_device import STRICT

import npconformer
from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC, Wav2Vec2ConformerModel, no_grad

POSITIONS = ("relative", "rotary", None)


def tiny_config(**settings) -> Wav2Vec2ConformerConfig:
    base = dict(
        vocab_size=12,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        hidden_act="swish",
        conv_dim=(8, 8, 12),
        conv_kernel=(10, 3, 2),
        conv_stride=(5, 2, 2),
        conv_bias=True,
        feat_extract_norm="layer",
        conv_depthwise_kernel_size=7,
        num_conv_pos_embeddings=6,
        num_conv_pos_embedding_groups=2,
        layerdrop=0.0,
        mask_time_length=2,
        ctc_loss_reduction="mean",
    )
    return Wav2Vec2ConformerConfig(**{**base, **settings})


def make_model(dtype: str = "float64", **settings) -> Wav2Vec2ConformerForCTC:
    npconformer.manual_seed(7)
    model = Wav2Vec2ConformerForCTC(tiny_config(**settings)).to(dtype)
    rng = np.random.default_rng(8)
    for parameter in model.parameters():
        parameter.data = (parameter.data + 0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model.eval()


def batch_of(lengths: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    return rng.standard_normal(mask.shape) * mask, mask


LABELS = np.array([[3, 4, 4, 5], [6, 7, -100, -100]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("positions", POSITIONS)
def test_every_output_and_gradient_keeps_the_models_dtype(positions: str | None, dtype: str) -> None:
    model = make_model(dtype, position_embeddings_type=positions).train()
    values, mask = batch_of([700, 500])
    out = model(values, mask, labels=LABELS, output_hidden_states=True, output_attentions=True)
    assert out.logits.dtype == dtype
    assert {h.dtype for h in (*out.hidden_states, *out.attentions)} == {np.dtype(dtype)}
    out.loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    without = {name for name, gradient in gradients.items() if gradient is None}
    assert all("pos_conv_embed" in name or name.endswith("masked_spec_embed") for name in without)
    assert {g.dtype for g in gradients.values() if g is not None} == {np.dtype(dtype)}
    assert {b.dtype for _, b in model.named_buffers() if b.dtype.kind == "f"} == {np.dtype(dtype)}


@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("adapter", [False, True])
def test_same_numbers_on_every_backend(backend, positions: str | None, norm: str, adapter: bool) -> None:  # noqa: F811
    settings = dict(position_embeddings_type=positions, feat_extract_norm=norm, add_adapter=adapter)
    settings.update(output_hidden_size=10 if adapter else None, num_adapter_layers=1)
    values, mask = batch_of([1300, 900])
    results = []
    for where in ("numpy", backend):
        model = make_model(**settings).train()
        model.to(where)
        npconformer.manual_seed(3)  # dropout and SpecAugment on, and the same on every device
        out = model(values, mask, labels=LABELS, padding_mode="exact")
        out.loss.backward()
        gradients = {n: npconformer.Tensor(p.grad).numpy() for n, p in model.named_parameters() if p.grad is not None}
        results.append((out.logits.numpy(), out.loss.item(), gradients))
    (logits, loss, gradients), (other_logits, other_loss, other_gradients) = results
    np.testing.assert_allclose(other_logits, logits, rtol=1e-9, atol=1e-11)
    assert other_loss == pytest.approx(loss, rel=1e-6)
    assert gradients.keys() == other_gradients.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(other_gradients[name], gradient, rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("adapter", [False, True])
def test_exact_padding_gives_what_the_utterance_gives_alone(positions: str | None, norm: str, adapter: bool) -> None:
    model = make_model(position_embeddings_type=positions, feat_extract_norm=norm, add_adapter=adapter)
    values, mask = batch_of([1900, 1211, 640])
    with no_grad():
        together = model(values, mask, padding_mode="exact").logits.numpy()
        leaking = model(values, mask, padding_mode="reference").logits.numpy()
        for row, length in enumerate(mask.sum(axis=1)):
            alone = model(values[row : row + 1, :length]).logits.numpy()[0]
            assert len(alone) == model._get_feat_extract_output_lengths(int(length))
            np.testing.assert_allclose(together[row, : len(alone)], alone, rtol=1e-9, atol=1e-11)
            if length < mask.shape[1]:
                assert abs(leaking[row, : len(alone)] - alone).max() > 1e-6


@pytest.mark.parametrize("kernel", [2, 3, 5])
def test_losses_with_exact_padding_are_those_of_each_utterance_alone(kernel: int) -> None:
    """Lengths are counted as if an adapter's kernel was 1: of a wider one some frames are only in the count."""
    model = make_model(add_adapter=True, num_adapter_layers=1, adapter_kernel_size=kernel, ctc_loss_reduction="sum")
    values, mask = batch_of([1900, 1240, 1220, 1200])
    labels = np.array([[3], [4], [5], [6]])
    with no_grad():
        together = model(values, mask, labels=labels, padding_mode="exact").loss.item()
        alone = [
            model(values[row : row + 1, :length], labels=labels[row : row + 1]).loss.item()
            for row, length in enumerate(mask.sum(axis=1))
        ]
    assert together == pytest.approx(sum(alone), rel=1e-6)  # the loss is computed in float32


def test_recomputing_blocks_changes_no_gradient_and_no_statistic() -> None:
    values, mask = batch_of([700, 500])
    results = []
    for recompute in (False, True):
        model = make_model().train()
        if recompute:
            model.gradient_checkpointing_enable()
        npconformer.manual_seed(5)
        model(values, mask, labels=LABELS).loss.backward()
        results.append((model.state_dict(), {n: p.grad for n, p in model.named_parameters()}))
    for (name, first), second in zip(results[0][0].items(), results[1][0].values(), strict=True):
        np.testing.assert_array_equal(first, second, err_msg=name)
    for name, gradient in results[0][1].items():
        if gradient is None:
            assert results[1][1][name] is None
        else:
            np.testing.assert_allclose(results[1][1][name], gradient, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_norms_that_are_folded_where_nothing_is_recorded_give_the_same(backend, norm: str) -> None:  # noqa: F811
    model = make_model(feat_extract_norm=norm)
    rng = np.random.default_rng(9)
    for layer in model.wav2vec2_conformer.encoder.layers:
        norm_of_layer = layer.conv_module.batch_norm
        norm_of_layer.running_mean = rng.standard_normal(16)
        norm_of_layer.running_var = rng.uniform(0.1, 4, 16)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    x, _ = batch_of([300, 300])
    recorded = model.to(backend)(backend.from_host(x)).logits
    with no_grad():
        folded = model(backend.from_host(x)).logits
    assert not folded.requires_grad and recorded.requires_grad
    np.testing.assert_allclose(folded.numpy(), recorded.numpy(), rtol=0, atol=1e-12 * np.abs(recorded.numpy()).max())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(backend.to_host(array), before[name])


def test_two_training_steps_lower_the_loss() -> None:
    still = dict(hidden_dropout=0, attention_dropout=0, conformer_conv_dropout=0, final_dropout=0, activation_dropout=0)
    model = make_model(**still, apply_spec_augment=False).train()
    values, mask = batch_of([700, 500])
    losses = []
    for _ in range(3):
        model.zero_grad()
        loss = model(values, mask, labels=LABELS).loss
        loss.backward()
        losses.append(loss.item())
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.data = parameter.data - 1e-3 * parameter.grad
    assert losses[2] < losses[1] < losses[0]


def test_frozen_feature_encoder_gets_no_gradient() -> None:
    model = make_model().train()
    model.freeze_feature_encoder()
    values, mask = batch_of([700, 500])
    model(values, mask, labels=LABELS).loss.backward()
    frozen = {n for n, p in model.named_parameters() if p.grad is None and "pos_conv" not in n and "masked" not in n}
    assert frozen == {n for n, _ in model.named_parameters() if ".feature_extractor." in n}


def test_return_dict_false_gives_the_fields_in_order() -> None:
    model = make_model()
    values, mask = batch_of([700, 500])
    out = model(values, mask, labels=LABELS, output_hidden_states=True, output_attentions=True)
    loss, logits, hidden_states, attentions = model(
        values, mask, labels=LABELS, output_hidden_states=True, output_attentions=True, return_dict=False
    )
    assert loss.item() == out.loss.item() and (logits.data == out.logits.data).all()
    assert len(hidden_states) == 3 and len(attentions) == 2
    assert list(out) == ["loss", "logits", "hidden_states", "attentions"] and out[1] is out["logits"]


def test_mask_time_indices_put_the_mask_vector_in_place() -> None:
    model = make_model(hidden_dropout=0.0).wav2vec2_conformer
    values, _ = batch_of([700])
    frames = model._get_feat_extract_output_lengths(700)
    indices = np.zeros((1, frames), bool)
    indices[0, 2:5] = True
    states = model(values, mask_time_indices=indices, output_hidden_states=True).hidden_states[0].numpy()
    assert (states[0, 2:5] == model.masked_spec_embed.data).all()
    with pytest.raises(ValueError, match="mask_time_indices"):
        model(values, mask_time_indices=indices[:, 1:])


def test_the_encoder_never_waits_for_the_device() -> None:
    model = make_model("float32", hidden_act="gelu")
    model.to(STRICT)
    values, mask = batch_of([700, 500])
    with no_grad():
        with count_synchronisations() as waits:
            model(values, mask)
    assert waits.count == 0


BAD_INPUTS = {
    "3-D array": (np.zeros((1, 2, 700)), None, "input_values"),
    "1-D array": (np.zeros(700), None, "input_values"),
    "no utterance": (np.zeros((0, 700)), None, "batch is empty"),
    "too short": (np.zeros((1, 20)), None, "too few"),
    "zero length": (np.zeros((1, 0)), None, "too few"),
    "NaN": (np.full((1, 700), np.nan), None, "NaN"),
    "text": (np.array([["a"]]), None, "dtype"),
    "mask of another shape": (np.zeros((1, 700)), np.ones((1, 600)), "attention_mask"),
    "left-padded mask": (np.zeros((1, 700)), np.arange(700)[None] > 100, "right-padded"),
    "mask shorter than a frame": (np.zeros((2, 700)), np.arange(700) < np.array([[700], [10]]), "utterance 1 has 10"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_refused_by_name(name: str) -> None:
    values, mask, message = BAD_INPUTS[name]
    with pytest.raises(ValueError, match=message):
        make_model()(values, mask)


def test_bad_labels_and_modes_are_refused() -> None:
    model = make_model()
    values, mask = batch_of([700, 500])
    for labels in (LABELS[:1], LABELS + 100, LABELS.astype(float), np.full((2, 2), -1)):
        with pytest.raises(ValueError, match="labels"):
            model(values, mask, labels=labels)
    with pytest.raises(ValueError, match="padding_mode"):
        model(values, mask, padding_mode="best")
    with pytest.raises(ValueError, match="vocab_size"):
        Wav2Vec2ConformerForCTC(tiny_config(vocab_size=None))
    with pytest.raises(ValueError, match="config"):
        Wav2Vec2ConformerModel({"hidden_size": 16})


def test_a_training_step_leaves_arrays_in_every_buffer() -> None:
    model = make_model().train()
    values, mask = batch_of([700, 500])
    model(values, mask)
    counts = [b for n, b in model.state_dict().items() if n.endswith("num_batches_tracked")]
    assert len(counts) == 2 and all(isinstance(b, np.ndarray) and b == 1 and b.shape == () for b in counts)
