"""What transformers saves is loaded, and what npconformer saves is loaded by transformers."""

import json

import pytest
from small_checkpoints import TINY, assert_same_state, every_kind

from npconformer import Wav2Vec2ConformerForCTC, Wav2Vec2ConformerModel


def their_model(name="Wav2Vec2ConformerForCTC", **kind):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = getattr(transformers, name)(transformers.Wav2Vec2ConformerConfig(**{**TINY, **kind}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
        for buffer_name, buffer in model.named_buffers():
            if "running" in buffer_name:
                buffer.uniform_(0.5, 2)
            elif "num_batches" in buffer_name:
                buffer.fill_(7)
    return model


@every_kind
def test_from_transformers_and_back(tmp_path, kind):
    theirs = their_model(**kind)
    theirs.save_pretrained(tmp_path / "theirs")
    ours, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "theirs", output_loading_info=True)
    assert not report.missing and not report.unexpected and not report.computed
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in theirs.state_dict().items()})

    ours.save_pretrained(tmp_path / "ours")
    again, info = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info.values()), info
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in again.state_dict().items()})
    config = json.loads((tmp_path / "theirs/config.json").read_text())
    assert json.loads((tmp_path / "ours/config.json").read_text()) == config


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("position", ["relative", "rotary"])
def test_other_dtypes_from_transformers(tmp_path, dtype, position):
    torch = pytest.importorskip("torch")
    theirs = their_model(position_embeddings_type=position).to(getattr(torch, dtype))
    theirs.save_pretrained(tmp_path / "theirs")
    ours = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "theirs")
    computed_in = "float64" if dtype == "float64" else "float32"
    assert (f"stored in {dtype}, computed in float32" in str(ours.load_report)) == (dtype != "float64")
    expected = {
        name: t.to(getattr(torch, computed_in)) if t.is_floating_point() else t
        for name, t in theirs.state_dict().items()
    }
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in expected.items()})
    ours.save_pretrained(tmp_path / "ours")
    assert json.loads((tmp_path / "ours/config.json").read_text())["dtype"] == computed_in


def test_base_model_from_transformers_and_back(tmp_path):
    theirs = their_model("Wav2Vec2ConformerModel")
    theirs.save_pretrained(tmp_path / "theirs")
    ours = Wav2Vec2ConformerModel.from_pretrained(tmp_path / "theirs")
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in theirs.state_dict().items()})
    ours.save_pretrained(tmp_path / "ours")
    _, info = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info.values()), info


@pytest.mark.parametrize(
    "task", ["ForPreTraining", "ForSequenceClassification", "ForAudioFrameClassification", "ForXVector"]
)
def test_base_of_every_task(tmp_path, task):
    theirs = their_model(
        f"Wav2Vec2Conformer{task}", use_weighted_layer_sum=True, tdnn_dim=(8, 8), tdnn_kernel=(3, 1),
        tdnn_dilation=(1, 1), xvector_output_dim=8, codevector_dim=8, proj_codevector_dim=8,
        num_codevectors_per_group=4, classifier_proj_size=8,
    )  # fmt: skip
    theirs.save_pretrained(tmp_path)
    ours, report = Wav2Vec2ConformerModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report.missing and not report.unexpected
    assert len(report.unused_by_design) > 3
    assert_same_state(
        ours.state_dict(), {name: t.numpy() for name, t in theirs.wav2vec2_conformer.state_dict().items()}
    )
