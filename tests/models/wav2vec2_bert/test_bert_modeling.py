"""The whole model, without the reference: devices, dtypes, recomputation, training, what a call returns."""

from __future__ import annotations

import numpy as np
import pytest
from backends import backend  # noqa: F401
from strict_array import count_synchronisations
from strict_device import STRICT
from tiny_bert import DROPOUTS, LABELS, POSITIONS, batch_of, make_model

import npconformer
from npconformer import Wav2Vec2BertModel, no_grad

ADAPTER = dict(add_adapter=True, output_hidden_size=10, use_intermediate_ffn_before_adapter=True)
every_position = pytest.mark.parametrize("positions", POSITIONS)
with_and_without_adapter = pytest.mark.parametrize("adapter", [{}, ADAPTER], ids=["", "adapter"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@with_and_without_adapter
@every_position
def test_every_output_and_gradient_keeps_the_models_dtype(positions: str | None, adapter: dict, dtype: str) -> None:
    model = make_model(dtype=dtype, position_embeddings_type=positions, **adapter).train()
    features, mask = batch_of([19, 14])
    out = model(features, mask, labels=LABELS, output_hidden_states=True, output_attentions=True)
    assert out.logits.dtype == dtype
    assert {h.dtype for h in (*out.hidden_states, *out.attentions)} == {np.dtype(dtype)}
    base = model.base_model(features, mask)
    assert {base.last_hidden_state.dtype, base.extract_features.dtype} == {np.dtype(dtype)}
    out.loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert {name for name, gradient in gradients.items() if gradient is None} <= {"wav2vec2_bert.masked_spec_embed"}
    assert {g.dtype for g in gradients.values() if g is not None} == {np.dtype(dtype)}


@with_and_without_adapter
@every_position
def test_same_numbers_on_every_backend(backend, positions: str | None, adapter: dict) -> None:  # noqa: F811
    settings = dict(position_embeddings_type=positions, **DROPOUTS, **adapter)
    features, mask = batch_of([19, 14])
    results = []
    for where in ("numpy", backend):
        model = make_model(**settings).train()
        model.to(where)
        npconformer.manual_seed(3)  # dropout and SpecAugment on, and the same on every device
        out = model(features, mask, labels=LABELS, padding_mode="exact")
        out.loss.backward()
        gradients = {n: npconformer.Tensor(p.grad).numpy() for n, p in model.named_parameters() if p.grad is not None}
        results.append((out.logits.numpy(), out.loss.item(), gradients))
    (logits, loss, gradients), (other_logits, other_loss, other_gradients) = results
    np.testing.assert_allclose(other_logits, logits, rtol=1e-9, atol=1e-11)
    assert other_loss == pytest.approx(loss, rel=1e-6)
    assert gradients.keys() == other_gradients.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(other_gradients[name], gradient, rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("mode", ["reference", "exact"])
@with_and_without_adapter
@every_position
def test_the_model_never_waits_for_the_device(positions: str | None, adapter: dict, mode: str) -> None:
    model = make_model(dtype="float32", position_embeddings_type=positions, **adapter)
    model.to(STRICT)
    features, mask = batch_of([19, 14])
    with no_grad():
        with count_synchronisations() as waits:
            model(features, mask, padding_mode=mode)
    assert waits.sites == []


@with_and_without_adapter
def test_recomputing_blocks_changes_no_gradient(adapter: dict) -> None:
    features, mask = batch_of([19, 14])
    results = []
    for recompute in (False, True):
        model = make_model(**DROPOUTS, **adapter).train()
        if recompute:
            model.gradient_checkpointing_enable()
        npconformer.manual_seed(5)
        loss = model(features, mask, labels=LABELS).loss
        loss.backward()
        results.append((loss.item(), {n: p.grad for n, p in model.named_parameters()}))
    assert results[0][0] == results[1][0]
    for name, gradient in results[0][1].items():
        if gradient is None:
            assert results[1][1][name] is None
        else:
            np.testing.assert_allclose(results[1][1][name], gradient, rtol=1e-12, atol=1e-14, err_msg=name)


def test_two_training_steps_lower_the_loss() -> None:
    model = make_model(apply_spec_augment=False, final_dropout=0.0, conformer_conv_dropout=0.0, **ADAPTER).train()
    features, mask = batch_of([19, 17])
    losses = []
    for _ in range(3):
        model.zero_grad()
        loss = model(features, mask, labels=LABELS).loss
        loss.backward()
        losses.append(loss.item())
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.data = parameter.data - 1e-3 * parameter.grad
    assert losses[2] < losses[1] < losses[0]


def test_return_dict_false_gives_the_fields_in_order() -> None:
    model = make_model(**ADAPTER)
    features, mask = batch_of([19, 14])
    out = model(features, mask, labels=LABELS, output_hidden_states=True, output_attentions=True)
    loss, logits, hidden_states, attentions = model(
        features, mask, labels=LABELS, output_hidden_states=True, output_attentions=True, return_dict=False
    )
    assert loss.item() == out.loss.item() and (logits.data == out.logits.data).all()
    assert len(hidden_states) == 3 and len(attentions) == 2  # the encoder's: an adapter's are left out
    assert list(out) == ["loss", "logits", "hidden_states", "attentions"]


def test_what_the_base_model_returns() -> None:
    features, mask = batch_of([19, 14])
    model = make_model(Wav2Vec2BertModel)
    out = model(features, mask, output_hidden_states=True)
    assert out.last_hidden_state is out.hidden_states[-1]  # no layer norm follows the last block
    assert out.extract_features.shape == (2, 19, 6)
    adapted = make_model(Wav2Vec2BertModel, **ADAPTER)
    assert adapted(features, mask).last_hidden_state.shape == (2, 10, 10)
    assert adapted._get_feat_extract_output_lengths(19) == 10
    assert adapted._get_feat_extract_output_lengths(19, add_adapter=False) == 19


def test_mask_time_indices_put_the_mask_vector_in_place() -> None:
    model = make_model(Wav2Vec2BertModel)
    features, _ = batch_of([19])
    indices = np.zeros((1, 19), bool)
    indices[0, 2:5] = True
    states = model(features, mask_time_indices=indices, output_hidden_states=True).hidden_states[0].numpy()
    assert (states[0, 2:5] == model.masked_spec_embed.data).all()
    assert (states[0, 5:] != model.masked_spec_embed.data).any(axis=1).all()
    with pytest.raises(ValueError, match="mask_time_indices: expected shape"):
        model(features, mask_time_indices=indices[:, 1:])


def test_without_mask_probabilities_there_is_no_mask_vector() -> None:
    model = make_model(Wav2Vec2BertModel, mask_time_prob=0.0)
    assert "masked_spec_embed" not in model.state_dict()
    features, _ = batch_of([19])
    assert np.isfinite(model.train()(features).last_hidden_state.numpy()).all()
    with pytest.raises(ValueError, match="mask_time_prob"):
        model(features, mask_time_indices=np.ones((1, 19), bool))


def test_eps_of_the_config_is_in_every_layer_norm() -> None:
    model = make_model(layer_norm_eps=0.25, **ADAPTER)
    norms = [module for name, module in model.named_modules() if name.endswith("layer_norm")]
    assert len(norms) == 1 + 2 * 6 + 4 and {module.eps for module in norms} == {0.25}
