"""What a Wav2Vec2-BERT model refuses, each by name, and the shortest inputs that it takes."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bert import LABELS, POSITIONS, batch_of, make_model, tiny_config

from npconformer import (
    Wav2Vec2BertForCTC,
    Wav2Vec2BertModel,
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerModel,
    no_grad,
)

ROWS = np.zeros((2, 19, 6))
HOLES = np.ones((2, 19))
HOLES[1, 4] = 0

BAD_INPUTS = {
    "waveforms": (np.zeros((2, 16000)), None, r"\(batch, frames, 6\), got \(2, 16000\); a waveform goes"),
    "one waveform": (np.zeros(16000), None, "input_features: expected shape"),
    "waveforms with a last axis": (np.zeros((2, 16000, 1)), None, "expected 6 features a frame .*, got 1"),
    "wrong width": (np.zeros((2, 19, 160)), None, r"expected 6 features a frame \(feature_proj\w*\), got 160"),
    "4-D array": (np.zeros((1, 2, 19, 6)), None, r"input_features: expected shape \(batch, frames, features\)"),
    "no utterance": (np.zeros((0, 19, 6)), None, "batch is empty"),
    "no frame": (np.zeros((1, 0, 6)), None, "0 frames are too few"),
    "NaN": (ROWS * np.nan, None, "NaN"),
    "infinity": (ROWS + np.inf, None, "infinite"),
    "text": (np.full((1, 2, 6), "a"), None, "dtype"),
    "booleans": (ROWS > 0, None, "dtype"),
    "mask of another length": (ROWS, np.ones((2, 18)), r"attention_mask: expected shape \(2, 19\) .*got \(2, 18\)"),
    "mask of another batch": (ROWS, np.ones((1, 19)), "attention_mask: expected shape"),
    "mask with a hole": (ROWS, HOLES, "right-padded"),
    "left-padded mask": (ROWS, np.arange(19) > np.array([[-1], [3]]), "right-padded"),
    "masked throughout": (ROWS, np.ones((2, 19)) * [[1], [0]], "utterance 1 has 0 frames; one frame needs 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_refused_by_name(name: str) -> None:
    features, mask, message = BAD_INPUTS[name]
    with pytest.raises(ValueError, match=message):
        make_model()(features, mask)


def test_features_are_no_waveforms_for_the_conformer() -> None:
    config = Wav2Vec2ConformerConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(4,),
        conv_kernel=(3,),
        conv_stride=(2,),
        num_conv_pos_embedding_groups=2,
    )
    with pytest.raises(ValueError, match=r"input_values: expected shape \(batch, samples\), got \(2, 19, 6\)"):
        Wav2Vec2ConformerModel(config)(ROWS)


def test_bad_labels_and_options_are_refused() -> None:
    model = make_model()
    features, mask = batch_of([19, 14])
    for labels in (LABELS[:1], LABELS + 100, LABELS.astype(float), np.full((2, 2), -1)):
        with pytest.raises(ValueError, match="labels"):
            model(features, mask, labels=labels)
    with pytest.raises(ValueError, match="padding_mode"):
        model(features, mask, padding_mode="best")
    with pytest.raises(TypeError, match="'output_hiden_states' is no argument"):
        model(features, mask, output_hiden_states=True)
    with pytest.raises(ValueError, match="config: expected Wav2Vec2BertConfig, got dict"):
        Wav2Vec2BertModel({"hidden_size": 16})


def test_a_ctc_model_needs_a_vocabulary() -> None:
    """The released checkpoint has none: it ships no tokenizer."""
    config = tiny_config(vocab_size=None)
    assert Wav2Vec2BertModel(config)(ROWS).last_hidden_state.shape == (2, 19, 16)
    with pytest.raises(ValueError, match=r"config.vocab_size: .* got None"):
        Wav2Vec2BertForCTC(config)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_one_frame_is_enough(positions: str | None, layers: int) -> None:
    """Also for an adapter of kernel 3, which sees padding on both sides."""
    model = make_model(position_embeddings_type=positions, add_adapter=layers > 0, num_adapter_layers=layers or 1)
    assert model.receptive_field == 1
    features, mask = batch_of([1, 1])
    for padding_mode in ("reference", "exact"):
        out = model(features, mask, labels=np.array([[3], [4]]), padding_mode=padding_mode)
        assert out.logits.shape == (2, 1, 12) and np.isfinite(out.loss.item())


@pytest.mark.parametrize(
    ("kernel", "stride", "layers", "needed"),
    [(5, 2, 1, 3), (5, 2, 2, 7), (5, 3, 1, 3), (5, 3, 3, 27), (4, 3, 1, 2), (4, 3, 2, 5), (3, 2, 3, 1)],
)
def test_adapters_need_as_many_rows_as_their_convolutions(kernel: int, stride: int, layers: int, needed: int) -> None:
    model = make_model(add_adapter=True, adapter_kernel_size=kernel, adapter_stride=stride, num_adapter_layers=layers)
    assert model.receptive_field == needed
    features, mask = batch_of([needed, needed])
    for padding_mode in ("reference", "exact"):
        assert model(features, mask, padding_mode=padding_mode).logits.shape[1] == 1
    if needed > 1:
        with pytest.raises(
            ValueError, match=f"input_features: {needed - 1} frames are too few; one frame needs {needed}"
        ):
            model(features[:, :-1])
        mask[1, -1] = 0
        with pytest.raises(ValueError, match=f"attention_mask: utterance 1 has {needed - 1} frames"):
            model(features, mask)


def test_float16_and_integer_features_take_the_models_dtype() -> None:
    model = make_model(dtype="float32")
    with no_grad():
        for dtype in ("float16", "float64", "int16"):
            assert model(np.ones((1, 9, 6), dtype)).logits.dtype == np.float32
