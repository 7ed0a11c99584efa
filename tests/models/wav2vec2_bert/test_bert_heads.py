"""Wav2Vec2-BERT with each head, without the reference: devices, dtypes, padding, freezing, saving, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from backends import backend  # noqa: F401
from tiny_bert import DROPOUTS, LABELS, batch_of, make_model, tiny_config

import npconformer
from npconformer import (
    Wav2Vec2BertForAudioFrameClassification,
    Wav2Vec2BertForCTC,
    Wav2Vec2BertForSequenceClassification,
    Wav2Vec2BertForXVector,
    Wav2Vec2BertModel,
    no_grad,
)

Sequence, Frames = Wav2Vec2BertForSequenceClassification, Wav2Vec2BertForAudioFrameClassification
CTC, XVector = Wav2Vec2BertForCTC, Wav2Vec2BertForXVector
every_head = pytest.mark.parametrize("head", (Sequence, Frames, XVector), ids=lambda head: head.head_name)
mixed_or_not = pytest.mark.parametrize("mixes", [False, True])


def labels_for(head: type, mask: np.ndarray) -> np.ndarray:
    if head is CTC:
        return LABELS
    classes = np.random.default_rng(2).integers(0, 3, mask.shape if head is Frames else len(mask))
    return np.eye(3)[classes] if head is Frames else classes


def outputs_of(out) -> dict[str, np.ndarray]:
    return {name: out[name].numpy() for name in out if name not in ("hidden_states", "attentions")}


@every_head
@mixed_or_not
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_output_and_gradient_keeps_the_models_dtype(head: type, dtype: str, mixes: bool) -> None:
    model = make_model(head, dtype, use_weighted_layer_sum=mixes).train()
    features, mask = batch_of([19, 14])
    out = model(features, mask, labels=labels_for(head, mask))
    assert {array.dtype for array in outputs_of(out).values()} == {np.dtype(dtype)}
    out.loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert {name for name, gradient in gradients.items() if gradient is None} <= {"wav2vec2_bert.masked_spec_embed"}
    assert {g.dtype for g in gradients.values() if g is not None} == {np.dtype(dtype)}


@every_head
@pytest.mark.parametrize("mode", ["reference", "exact"])
def test_same_numbers_on_every_backend(backend, head: type, mode: str) -> None:  # noqa: F811
    features, mask = batch_of([19, 14])
    results = []
    for where in ("numpy", backend):
        model = make_model(head, use_weighted_layer_sum=True, **DROPOUTS).train()
        model.to(where)
        npconformer.manual_seed(3)
        out = model(features, mask, padding_mode=mode, labels=labels_for(head, mask))
        out.loss.backward()
        gradients = {n: npconformer.Tensor(p.grad).numpy() for n, p in model.named_parameters() if p.grad is not None}
        results.append((outputs_of(out), gradients))
    for first, other in zip(*results, strict=True):
        assert first.keys() == other.keys()
        for name, array in first.items():
            np.testing.assert_allclose(other[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


@every_head
@mixed_or_not
def test_exact_padding_gives_what_the_utterance_gives_alone(head: type, mixes: bool) -> None:
    model = make_model(head, use_weighted_layer_sum=mixes)
    features, mask = batch_of([23, 17, 9])
    with no_grad():
        together = outputs_of(model(features, mask, padding_mode="exact"))
        for row, length in enumerate(mask.sum(axis=1)):
            for name, alone in outputs_of(model(features[row : row + 1, :length])).items():
                found = together[name][row : row + 1]
                found = found[:, :length] if head is Frames else found
                np.testing.assert_allclose(found, alone, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("head", [CTC, Sequence, Frames, XVector], ids=lambda head: head.head_name)
def test_what_is_frozen_gets_no_gradient(head: type) -> None:
    features, mask = batch_of([19, 14])
    model = make_model(head).train()
    model.freeze_base_model()
    model(features, mask, labels=labels_for(head, mask)).loss.backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("wav2vec2_bert."), name


def test_there_is_no_feature_encoder_to_freeze() -> None:
    with pytest.raises(ValueError, match=r"Wav2Vec2BertForCTC has no feature encoder to freeze: .*input_features"):
        make_model().freeze_feature_encoder()


def test_mixed_hidden_states_survive_layer_drop() -> None:
    model = make_model(Sequence, use_weighted_layer_sum=True, layerdrop=1.0).train()
    features, mask = batch_of([19, 14])
    out = model(features, mask, labels=[0, 1], output_hidden_states=True)
    assert len(out.hidden_states) == 3
    out.loss.backward()
    assert model.layer_weights.grad.shape == (3,)


@pytest.mark.parametrize("head", [Sequence, Frames])
def test_adapters_are_rejected_where_the_reference_rejects_them(head: type) -> None:
    with pytest.raises(ValueError, match="add_adapter"):
        head(tiny_config(add_adapter=True))
    XVector(tiny_config(add_adapter=True))


@pytest.mark.parametrize("mode", ["reference", "exact"])
def test_speaker_vectors_need_the_context_of_the_tdnn_layers(mode: str) -> None:
    model = make_model(XVector)
    assert model.tdnn_context == 7
    features, mask = batch_of([8, 8])
    assert np.isfinite(model(features, mask, padding_mode=mode).embeddings.numpy()).all()
    with pytest.raises(ValueError, match="utterance 0 has 7 frames, too few for a speaker vector"):
        model(features[:, :-1])
    with pytest.raises(ValueError, match=r"utterance 1 has 4 frames.*give at least 8 frames"):
        model(*batch_of([19, 4]), padding_mode=mode)


@pytest.mark.parametrize("head", [CTC, Sequence, Frames, XVector], ids=lambda head: head.head_name)
@mixed_or_not
def test_saved_and_loaded(head: type, mixes: bool, tmp_path) -> None:
    adapter = dict(add_adapter=True) if head in (CTC, XVector) else {}
    model = make_model(head, "float32", use_weighted_layer_sum=mixes, **adapter)
    model.save_pretrained(tmp_path)
    again, report = head.from_pretrained(tmp_path, output_loading_info=True)
    assert not report.missing and not report.unexpected and not report.mismatched
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array, err_msg=name)
    features, mask = batch_of([29, 24])
    for name, array in outputs_of(model(features, mask)).items():
        # Loaded weights lie otherwise in memory, for which some BLAS libraries add products up in another order.
        scale = np.abs(array).max()
        np.testing.assert_allclose(outputs_of(again(features, mask))[name], array, atol=1e-5 * scale, err_msg=name)
    report = Wav2Vec2BertModel.from_pretrained(tmp_path, output_loading_info=True)[1]
    assert not report.missing and not report.unexpected


def test_fine_tuning_starts_from_a_model_without_a_head(tmp_path) -> None:
    """As from the released checkpoint: no vocabulary, an adapter to be added."""
    base = make_model(Wav2Vec2BertModel, "float32", vocab_size=None)
    base.save_pretrained(tmp_path)
    settings = dict(vocab_size=9, add_adapter=True)
    with pytest.raises(ValueError, match="allow_missing=True"):
        CTC.from_pretrained(tmp_path, allow_missing=False, **settings)
    model, report = CTC.from_pretrained(tmp_path, output_loading_info=True, **settings)
    assert {name.split(".")[1] for name in report.missing if name.startswith("wav2vec2_bert.")} == {"adapter"}
    assert model(*batch_of([19, 14])).logits.shape == (2, 10, 9)
    state = model.state_dict()
    for name, array in base.state_dict().items():
        np.testing.assert_array_equal(state[f"wav2vec2_bert.{name}"], array, err_msg=name)
