"""from_pretrained where file and model differ: names old, missing, unexpected, or of another shape."""

import json
import warnings

import numpy as np
import pytest
from small_checkpoints import assert_same_state, edit_config, edit_weights, small_model

from npconformer import Wav2Vec2ConformerForCTC, Wav2Vec2ConformerModel
from npconformer.checkpoints.safetensors_file import SafetensorsFile


def test_old_weight_norm_names(folder):
    expected = Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict()

    def rename(arrays):
        return {
            name.replace("parametrizations.weight.original0", "weight_g").replace(
                "parametrizations.weight.original1", "weight_v"
            ): array
            for name, array in arrays.items()
        }

    edit_weights(folder, rename)
    assert sum(name.endswith(("weight_g", "weight_v")) for name in SafetensorsFile(folder / "model.safetensors")) == 2
    assert_same_state(expected, Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict())


def test_head_is_left_out_and_missed(tmp_path):
    small_model().save_pretrained(tmp_path / "ctc")
    model, report = Wav2Vec2ConformerModel.from_pretrained(tmp_path / "ctc", output_loading_info=True)
    assert {"lm_head.weight", "lm_head.bias"} < set(report.unused_by_design)
    assert not report.missing and not report.unexpected
    model.save_pretrained(tmp_path / "base")
    assert json.loads((tmp_path / "base/config.json").read_text())["architectures"] == ["Wav2Vec2ConformerModel"]
    assert not any(
        name.startswith("wav2vec2_conformer.") for name in SafetensorsFile(tmp_path / "base/model.safetensors")
    )

    with pytest.raises(ValueError, match=r"lacks 2 of the .*lm_head\.weight.*allow_missing=True"):
        Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "base", allow_missing=False)
    again, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "base", output_loading_info=True)
    assert sorted(report.missing) == ["lm_head.bias", "lm_head.weight"]
    assert "initialised at random" in str(report)
    assert_same_state(model.state_dict(), again.wav2vec2_conformer.state_dict())
    head = again.lm_head.weight.data
    assert np.isfinite(head).all() and 0 < np.abs(head).max() < 1


def test_missing_weight_is_named(folder):
    name = "wav2vec2_conformer.encoder.layers.1.ffn1.output_dense.weight"
    edit_weights(folder, lambda arrays: arrays.pop(name) is None)
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_computed_buffers_may_be_missing(tmp_path):
    model = small_model(position_embeddings_type="rotary")
    model.save_pretrained(tmp_path)

    def without_computed(arrays):
        return {name: arrays[name] for name in arrays if not name.endswith(("inv_freq", "num_batches_tracked"))}

    edit_weights(tmp_path, without_computed)
    again, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert len(report.computed) == 3 and not report.missing
    assert_same_state(model.state_dict(), again.state_dict())


@pytest.mark.parametrize("contradiction", [{"num_hidden_layers": 1}, {"position_embeddings_type": None}], ids=str)
def test_unexpected_weights_are_an_error_unless_asked_for(folder, contradiction):
    with pytest.raises(ValueError, match=r"contradicts the weights.*have no place.*allow_unexpected=True"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, **contradiction)


def test_unexpected_weights_can_be_left_out(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder, num_hidden_layers=1, allow_unexpected=True)
    assert len(model.load_report.unexpected) > 20
    assert all(".layers.1." in name for name in model.load_report.unexpected)


def test_nothing_is_warned_of_otherwise(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_mismatched_shapes_name_both(folder):
    edit_config(folder, vocab_size=13)
    with pytest.raises(ValueError) as raised:
        Wav2Vec2ConformerForCTC.from_pretrained(folder)
    message = str(raised.value)
    assert "config contradicts the weights" in message
    assert "lm_head.bias is (12,) in the file and (13,) in the model" in message
    assert "lm_head.weight is (12, 16) in the file and (13, 16) in the model" in message


def test_a_new_head_of_another_size(folder):
    with pytest.raises(ValueError, match=r"such as num_labels.*pass ignore_mismatched_sizes=True"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, vocab_size=13)
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder, vocab_size=13, ignore_mismatched_sizes=True)
    assert {name for name, _, _ in model.load_report.mismatched} == {"lm_head.weight", "lm_head.bias"}
    assert model.lm_head.weight.shape == (13, 16) and 0 < np.abs(model.lm_head.weight.data).max() < 1
    whole = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    assert_same_state(whole.wav2vec2_conformer.state_dict(), model.wav2vec2_conformer.state_dict())
