"""With exact padding each utterance of a batch gives what it gives alone; "reference" differs in the adapter only."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bert import KERNELS_AND_STRIDES, POSITIONS, batch_of, make_model

from npconformer import Wav2Vec2BertForXVector, Wav2Vec2BertModel, no_grad

EXACTLY = dict(rtol=1e-9, atol=1e-11)
ADAPTER = dict(add_adapter=True, output_hidden_size=10, use_intermediate_ffn_before_adapter=True)
every_adapter = pytest.mark.parametrize(
    ("kernel", "stride", "layers"),
    [(kernel, stride, layers) for kernel, stride in KERNELS_AND_STRIDES for layers in (1, 2, 3)],
)


def adapter_settings(kernel: int, stride: int, layers: int) -> dict:
    return dict(**ADAPTER, adapter_kernel_size=kernel, adapter_stride=stride, num_adapter_layers=layers)


@pytest.mark.parametrize("mode", ["reference", "exact"])
@pytest.mark.parametrize("positions", POSITIONS)
def test_the_encoder_never_sees_padding(positions: str | None, mode: str) -> None:
    model = make_model(position_embeddings_type=positions)
    features, mask = batch_of([23, 17, 5, 1])
    with no_grad():
        together = model(features, mask, padding_mode=mode, output_hidden_states=True)
        for row, length in enumerate(mask.sum(axis=1)):
            alone = model(features[row : row + 1, :length], output_hidden_states=True)
            for found, expected in zip(
                (together.logits, *together.hidden_states), (alone.logits, *alone.hidden_states), strict=True
            ):
                np.testing.assert_allclose(found.numpy()[row, :length], expected.numpy()[0], **EXACTLY)


def test_what_padding_holds_says_nothing() -> None:
    model = make_model()
    features, mask = batch_of([23, 17])
    other, _ = batch_of([23, 17], padding=-50.0)
    own = mask.astype(bool)
    np.testing.assert_array_equal(model(other, mask).logits.numpy()[own], model(features, mask).logits.numpy()[own])


@every_adapter
def test_adapters_with_exact_padding(kernel: int, stride: int, layers: int) -> None:
    model = make_model(**adapter_settings(kernel, stride, layers))
    shortest = model.receptive_field
    lengths = [shortest + 40, *range(shortest + 20, shortest + 26), shortest + 1, shortest]
    features, mask = batch_of(lengths)
    with no_grad():
        together = model(features, mask, padding_mode="exact").logits.numpy()
        for row, length in enumerate(lengths):
            own = features[row : row + 1, :length]
            for alone in (model(own), model(own, mask[row : row + 1, :length])):
                frames = alone.logits.numpy()[0]
                assert len(frames) >= 1
                np.testing.assert_allclose(together[row, : len(frames)], frames, **EXACTLY)


@every_adapter
def test_the_padding_modes_differ_in_the_adapter_alone(kernel: int, stride: int, layers: int) -> None:
    model = make_model(Wav2Vec2BertModel, **adapter_settings(kernel, stride, layers))
    longest = model.receptive_field + 20
    features, mask = batch_of([longest, longest - 6])
    exact, leaking = (
        model(features, mask, padding_mode=mode, output_hidden_states=True) for mode in ("exact", "reference")
    )
    for first, second in zip(exact.hidden_states, leaking.hidden_states, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())
    first, second = exact.last_hidden_state.numpy(), leaking.last_hidden_state.numpy()
    np.testing.assert_allclose(first[0], second[0], **EXACTLY)  # the longest has no padding
    frames = model(features[1:, : longest - 6]).last_hidden_state.shape[1]
    assert abs(first[1, :frames] - second[1, :frames]).max() > 1e-6


@every_adapter
def test_losses_with_exact_padding(kernel: int, stride: int, layers: int) -> None:
    """The loss, too, is that of each utterance alone: frames that only the formula knows do not count."""
    settings = adapter_settings(kernel, stride, layers)
    model = make_model(**settings, ctc_loss_reduction="sum")
    longest = model.receptive_field + 30
    lengths = [longest, longest - 9, longest - 10, longest - 11]
    features, mask = batch_of(lengths)
    labels = np.array([[3], [4], [5], [6]])
    with no_grad():
        together = model(features, mask, labels=labels, padding_mode="exact").loss.item()
        alone = [
            model(features[row : row + 1, :length], labels=labels[row : row + 1]).loss.item()
            for row, length in enumerate(lengths)
        ]
    assert together == pytest.approx(sum(alone), rel=1e-6)  # the loss is computed in float32


@pytest.mark.parametrize(("kernel", "stride"), KERNELS_AND_STRIDES)
def test_speaker_vectors_with_exact_padding(kernel: int, stride: int) -> None:
    settings = adapter_settings(kernel, stride, 1) | dict(output_hidden_size=16)
    model = make_model(Wav2Vec2BertForXVector, **settings)
    lengths = [60, 46, 45, 44, 43]
    features, mask = batch_of(lengths)
    with no_grad():
        together = model(features, mask, padding_mode="exact").embeddings.numpy()
        for row, length in enumerate(lengths):
            alone = model(features[row : row + 1, :length]).embeddings.numpy()[0]
            np.testing.assert_allclose(together[row], alone, rtol=1e-8, atol=1e-10)
