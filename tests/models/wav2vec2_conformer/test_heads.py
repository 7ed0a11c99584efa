"""The models with heads, without the reference: devices, dtypes, padding, freezing, conventions, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from backends import backend  # noqa: F401

import npconformer
from npconformer import (
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerForAudioFrameClassification,
    Wav2Vec2ConformerForPreTraining,
    Wav2Vec2ConformerForSequenceClassification,
    Wav2Vec2ConformerForXVector,
    Wav2Vec2ConformerModel,
    compute_mask_indices,
    no_grad,
    sample_negative_indices,
)

Sequence, Frames = Wav2Vec2ConformerForSequenceClassification, Wav2Vec2ConformerForAudioFrameClassification
XVector, PreTraining = Wav2Vec2ConformerForXVector, Wav2Vec2ConformerForPreTraining
HEADS = (Sequence, Frames, XVector, PreTraining)
every_head = pytest.mark.parametrize("head", HEADS, ids=lambda head: head.__name__.removeprefix("Wav2Vec2Conformer"))


def tiny_config(**settings) -> Wav2Vec2ConformerConfig:
    base = dict(
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
        num_labels=3,
        classifier_proj_size=7,
        tdnn_dim=(9, 8, 10),
        tdnn_kernel=(3, 3, 1),
        tdnn_dilation=(1, 2, 1),
        xvector_output_dim=6,
        num_codevectors_per_group=5,
        codevector_dim=8,
        proj_codevector_dim=7,
        num_negatives=4,
    )
    return Wav2Vec2ConformerConfig(**{**base, **settings})


def make_model(head: type, dtype: str = "float64", **settings):
    npconformer.manual_seed(7)
    model = head(tiny_config(**settings)).to(dtype)
    rng = np.random.default_rng(8)
    for parameter in model.parameters():
        parameter.data = (parameter.data + 0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model.eval()


def batch_of(lengths: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    return rng.standard_normal(mask.shape) * mask, mask


def extras(head: type, model, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Labels, or masked frames and negatives, for a batch with this mask."""
    rng = np.random.default_rng(2)
    shape = (len(mask), model._get_feat_extract_output_lengths(mask.shape[1]))
    if head is PreTraining:
        valid = np.arange(shape[1]) < model.frame_lengths(mask, mask)[:, None]
        masked = compute_mask_indices(shape, 0.5, 3, attention_mask=valid, min_masks=2, rng=rng)
        return {"mask_time_indices": masked, "sampled_negative_indices": sample_negative_indices(shape, 4, masked, rng)}
    if head is Frames:
        return {"labels": np.eye(3)[rng.integers(0, 3, shape)]}
    return {"labels": rng.integers(0, 3, len(mask))}


def outputs_of(out) -> dict[str, np.ndarray]:
    return {name: out[name].numpy() for name in out if name not in ("hidden_states", "attentions")}


@every_head
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mixes", [False, True])
def test_every_output_and_gradient_keeps_the_models_dtype(head: type, dtype: str, mixes: bool) -> None:
    model = make_model(head, dtype, use_weighted_layer_sum=mixes).train()
    values, mask = batch_of([700, 500])
    out = model(values, mask, **extras(head, model, mask))
    assert {array.dtype for array in outputs_of(out).values()} == {np.dtype(dtype)}
    out.loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    idle = ("pos_conv_embed", "masked_spec_embed", *(["encoder.layer_norm"] if mixes else []))
    assert all(any(part in name for part in idle) for name, gradient in gradients.items() if gradient is None)
    assert {g.dtype for g in gradients.values() if g is not None} == {np.dtype(dtype)}


@every_head
@pytest.mark.parametrize("mode", ["reference", "exact"])
def test_same_numbers_on_every_backend(backend, head: type, mode: str) -> None:  # noqa: F811
    values, mask = batch_of([900, 700])
    results = []
    for where in ("numpy", backend):
        model = make_model(head, use_weighted_layer_sum=True).train()
        model.to(where)
        npconformer.manual_seed(3)
        out = model(values, mask, padding_mode=mode, **extras(head, model, mask))
        out.loss.backward()
        gradients = {n: npconformer.Tensor(p.grad).numpy() for n, p in model.named_parameters() if p.grad is not None}
        results.append((outputs_of(out), gradients))
    for first, other in zip(*results, strict=True):
        assert first.keys() == other.keys()
        for name, array in first.items():
            np.testing.assert_allclose(other[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("head", [Sequence, Frames, XVector])
@pytest.mark.parametrize("mixes", [False, True])
def test_exact_padding_gives_what_the_utterance_gives_alone(head: type, mixes: bool) -> None:
    model = make_model(head, use_weighted_layer_sum=mixes)
    values, mask = batch_of([1900, 1211, 640])
    with no_grad():
        together = outputs_of(model(values, mask, padding_mode="exact"))
        for row, length in enumerate(mask.sum(axis=1)):
            for name, alone in outputs_of(model(values[row : row + 1, :length])).items():
                found = together[name][row : row + 1]
                found = found[:, : alone.shape[1]] if head is Frames else found
                np.testing.assert_allclose(found, alone, rtol=1e-8, atol=1e-10, err_msg=name)


def test_what_is_frozen_gets_no_gradient() -> None:
    values, mask = batch_of([700, 500])
    for head in HEADS:
        for freeze, part in (("freeze_base_model", "wav2vec2_conformer."), ("freeze_feature_encoder", ".conv_layers.")):
            model = make_model(head).train()
            getattr(model, freeze)()
            model(values, mask, **extras(head, model, mask)).loss.backward()
            assert not [name for name, p in model.named_parameters() if part in name and p.grad is not None]
            assert all(p.grad is not None for n, p in model.named_parameters() if "wav2vec2_conformer" not in n)


@pytest.mark.parametrize("convention", ["5.x", "4.x"])
def test_conventions_of_the_last_hidden_state(convention: str) -> None:
    model = make_model(Wav2Vec2ConformerModel, hidden_states_convention=convention)
    values, mask = batch_of([700, 500])
    out = model(values, mask, output_hidden_states=True)
    last = out.hidden_states[-1].numpy()
    assert (last == out.last_hidden_state.numpy()).all() == (convention == "4.x")
    if convention == "5.x":
        np.testing.assert_array_equal(model.encoder.layer_norm(out.hidden_states[-1]).numpy(), out.last_hidden_state)


def test_the_convention_is_kept_in_the_config_as_transformers_writes_it() -> None:
    former = tiny_config(hidden_states_convention="4.x")
    assert former.to_dict()["tie_last_hidden_states"] is True and "hidden_states_convention" not in former.to_dict()
    again = Wav2Vec2ConformerConfig.from_dict(former.to_dict())
    assert again == former and again.hidden_states_convention == "4.x"
    back = Wav2Vec2ConformerConfig.from_dict(former.to_dict(), hidden_states_convention="5.x")
    assert back.hidden_states_convention == "5.x" and "tie_last_hidden_states" not in back.to_dict()
    assert tiny_config().hidden_states_convention == "5.x"
    with pytest.raises(ValueError, match="hidden_states_convention"):
        tiny_config(hidden_states_convention="3.x")


def test_mixed_hidden_states_survive_layer_drop() -> None:
    model = make_model(Sequence, use_weighted_layer_sum=True, layerdrop=1.0).train()
    values, mask = batch_of([700, 500])
    out = model(values, mask, labels=[0, 1], output_hidden_states=True)
    assert len(out.hidden_states) == 3
    out.loss.backward()
    assert model.layer_weights.grad.shape == (3,)


def test_hidden_states_are_returned_only_when_asked_for() -> None:
    values, _ = batch_of([700])
    for head in (Sequence, Frames, XVector):
        model = make_model(head, use_weighted_layer_sum=True)
        assert model(values).hidden_states is None
        assert len(model(values, output_hidden_states=True).hidden_states) == 3
        assert isinstance(model(values, return_dict=False), tuple)


def test_frames_that_do_not_count() -> None:
    model = make_model(Frames)
    values, _ = batch_of([700])
    labels = np.eye(3)[np.arange(model._get_feat_extract_output_lengths(700)) % 3][None]
    labels[0, 5:] = -100
    logits = model(values, labels=labels).logits.numpy()[0, :5]
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(5), np.arange(5) % 3]
    assert model(values, labels=labels).loss.item() == pytest.approx(losses.mean(), rel=1e-12)


def test_pretraining_fields_and_temperature() -> None:
    model = make_model(PreTraining).train()
    values, mask = batch_of([900, 700])
    arguments = extras(PreTraining, model, mask)
    out = model(values, mask, **arguments)
    frames = model._get_feat_extract_output_lengths(900)
    assert out.projected_states.shape == out.projected_quantized_states.shape == (2, frames, 7)
    expected = out.contrastive_loss.item() + 0.1 * out.diversity_loss.item()
    assert out.loss.item() == pytest.approx(expected, rel=1e-12)
    share = 1 - out.codevector_perplexity.item() / 10
    assert out.diversity_loss.item() == pytest.approx(share * arguments["mask_time_indices"].sum(), rel=1e-12)
    assert model(values, mask).loss is None and model(values, mask).contrastive_loss is None
    model.set_gumbel_temperature(0.5)
    assert model.quantizer.temperature == 0.5
    with pytest.raises(ValueError, match="temperature"):
        model.set_gumbel_temperature(0)


@pytest.mark.parametrize("head", [Sequence, Frames])
def test_adapters_are_rejected_where_the_reference_rejects_them(head: type) -> None:
    with pytest.raises(ValueError, match="add_adapter"):
        head(tiny_config(add_adapter=True))
    XVector(tiny_config(add_adapter=True))


BAD_LABELS = [
    (Sequence, {}, [0, 1, 2], r"labels: expected shape \(2,\), got \(3,\)"),
    (Sequence, {}, [0, 3], r"labels: 3 at \[1\] is no class: expected 0..2"),
    (Sequence, {}, [0.0, 1.0], r"labels: expected shape \(2, 3\) as the logits, got \(2,\)"),
    (Sequence, {"num_labels": 1}, [[1.0, 2.0]], r"labels: expected shape \(2, 1\)"),
    (Sequence, {"num_labels": 1}, [1.0, np.nan], "labels: a target of a regression is NaN"),
    (Sequence, {"problem_type": "multi_label_classification"}, [[0, 1, 2], [0, 0, 0]], r"labels: 2 at \[0, 2\]"),
    (Sequence, {"problem_type": "regression"}, [1.0, 2.0], r"labels: expected shape \(2, 3\)"),
    (Frames, {}, np.zeros((2, 3), int), r"labels: expected one-hot labels of shape \(2, 34, 3\)"),
    (Frames, {}, np.zeros((2, 34, 3)), "frame 0 of item 0 is .*; expected one-hot labels"),
    (Frames, {}, np.full((2, 34, 3), -1), "expected one-hot labels"),
    (Frames, {}, np.full((2, 34, 3), -100), "every one is ignored"),
    (Frames, {"problem_type": "multi_label_classification"}, np.full((2, 34, 3), 2), r"labels: 2 at \[0, 0, 0\]"),
    (XVector, {}, [0, 3], r"labels: 3 at \[1\] is no class"),
    (XVector, {}, [0, -100], r"labels: -100 at \[1\] is no class"),
    (XVector, {}, [[0, 1], [1, 0]], r"labels: expected shape \(2,\), got \(2, 2\)"),
]


@pytest.mark.parametrize(("head", "settings", "labels", "message"), BAD_LABELS)
def test_bad_labels(head: type, settings: dict, labels, message: str) -> None:
    values, mask = batch_of([700, 500])
    with pytest.raises(ValueError, match=message):
        make_model(head, **settings)(values, mask, labels=labels)


@every_head
def test_all_masked_and_short_utterances(head: type) -> None:
    model = make_model(head)
    values, mask = batch_of([700, 500])
    with pytest.raises(ValueError, match="attention_mask: utterance 1 has 0 samples; one frame needs"):
        model(values, mask * [[1], [0]])
    with pytest.raises(ValueError, match="too few"):
        model(values[:, :20])


@pytest.mark.parametrize("mode", ["reference", "exact"])
def test_speaker_vectors_need_the_context_of_the_tdnn_layers(mode: str) -> None:
    model = make_model(XVector)
    assert model.tdnn_context == 7
    needed = model.receptive_field + (model.tdnn_context + 1 - 1) * model.config.inputs_to_logits_ratio
    values, mask = batch_of([needed, needed])
    assert np.isfinite(model(values, mask, padding_mode=mode).embeddings.numpy()).all()
    with pytest.raises(ValueError, match="utterance 0 has 7 frames, too few for a speaker vector"):
        model(values[:, :-1])
    with pytest.raises(ValueError, match=r"utterance 1 has 4 frames.*give at least 8 frames"):
        model(*batch_of([900, 100]), padding_mode=mode)


def test_bad_masks_and_negatives() -> None:
    model = make_model(PreTraining)
    values, mask = batch_of([700, 500])
    good = extras(PreTraining, model, mask)
    masked, negatives = good["mask_time_indices"], good["sampled_negative_indices"]
    for changes, message in (
        ({"mask_time_indices": None}, "mask_time_indices: needed together with sampled_negative_indices"),
        ({"mask_time_indices": masked[:, 1:]}, "mask_time_indices: expected shape"),
        ({"mask_time_indices": np.zeros_like(masked)}, "mask_time_indices: no frame is masked"),
        ({"sampled_negative_indices": negatives[0]}, "sampled_negative_indices: expected integers of shape"),
        ({"sampled_negative_indices": negatives + 100}, "sampled_negative_indices: expected frames 0..67"),
        ({"sampled_negative_indices": negatives * 1.0}, "sampled_negative_indices: expected integers"),
    ):
        with pytest.raises(ValueError, match=message):
            model(values, mask, **{**good, **changes})
    with pytest.raises(ValueError, match=r"config\.add_adapter"):
        adapted = make_model(PreTraining, add_adapter=True)
        adapted(values, mask, **good)


def test_labels_that_contradict_the_checkpoint(tmp_path) -> None:
    make_model(Sequence, "float32").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"classifier.weight is \(3, 7\) in the file and \(5, 7\) in the model"):
        Sequence.from_pretrained(tmp_path, num_labels=5)
    names = ["yes", "no", "maybe"]
    model = Sequence.from_pretrained(tmp_path, id2label=dict(enumerate(names)))
    assert model.config.label2id == {"yes": 0, "no": 1, "maybe": 2}


@every_head
@pytest.mark.parametrize("mixes", [False, True])
def test_saved_and_loaded(head: type, mixes: bool, tmp_path) -> None:
    model = make_model(head, "float32", use_weighted_layer_sum=mixes)
    model.save_pretrained(tmp_path)
    again, report = head.from_pretrained(tmp_path, output_loading_info=True)
    assert not report.missing and not report.unexpected and not report.mismatched
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array, err_msg=name)
    values, mask = batch_of([700, 500])
    for name, array in outputs_of(model(values, mask)).items():
        # Loaded weights lie otherwise in memory, for which some BLAS libraries add products up in another order.
        scale = np.abs(array).max()
        np.testing.assert_allclose(outputs_of(again(values, mask))[name], array, atol=1e-5 * scale, err_msg=name)
    report = Wav2Vec2ConformerModel.from_pretrained(tmp_path, output_loading_info=True)[1]
    assert not report.missing and not report.unexpected
