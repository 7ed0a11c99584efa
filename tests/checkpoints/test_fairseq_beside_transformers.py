"""Checkpoints of fairseq, converted: transformers and npconformer answer as the model that they were made of."""

import json

import numpy as np
import pytest
from command_line import run
from fairseq_files import LETTERS, bert_weights, reference_model, save_fairseq, write_dictionary

import npconformer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def answers(model, inputs):
    """Logits, or projected states, and hidden states of a model of transformers or of npconformer."""
    outputs = model(**inputs, output_hidden_states=True)
    first = next(
        outputs[name] for name in ("logits", "projected_states", "last_hidden_state") if name in outputs.keys()
    )
    return [np.asarray(one.detach() if torch.is_tensor(one) else one) for one in (first, *outputs.hidden_states)]


def assert_same_answers(reference, folder, kind):
    """transformers' to the bit, npconformer's within float32's rounding."""
    generator = torch.Generator().manual_seed(0)
    name, shape = ("input_features", (1, 30, 160)) if kind == "bert" else ("input_values", (1, 1600))
    sound = torch.randn(shape, generator=generator)
    with torch.no_grad():
        expected = answers(reference, {name: sound})
        loaded, report = type(reference).from_pretrained(folder, output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
        for one, other in zip(answers(loaded.eval(), {name: sound}), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    ours = getattr(npconformer, type(reference).__name__).from_pretrained(folder)
    with npconformer.no_grad():
        for one, other in zip(answers(ours, {name: sound.numpy()}), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-5 * np.abs(other).max())


@pytest.mark.parametrize("settings", ["cfg", "omegaconf", "args"])
@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("positions", ["relative", "rotary"])
@pytest.mark.parametrize("kind", ["ctc", "pretraining"])
def test_conformer(capsys, tmp_path, kind, positions, norm, settings):
    reference = reference_model(kind, positions, norm)
    path = save_fairseq(reference, tmp_path / "model.pt", settings)
    if kind == "ctc":
        write_dictionary(tmp_path / "dict.ltr.txt")
    status, _, err = run(capsys, "convert", path, tmp_path / "out")
    assert status == 0, err
    assert_same_answers(reference, tmp_path / "out", kind)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["mask_time_prob"] == (0.5 if kind == "ctc" else 0.65)
    assert config["layerdrop"] == (0.2 if kind == "ctc" else 0.05)
    assert config["contrastive_logits_temperature"] == 0.2
    if kind == "ctc":
        processor = transformers.Wav2Vec2Processor.from_pretrained(tmp_path / "out")
        assert processor.tokenizer.decode([5, 0, 5, 5, 4, 6, 8]) == "EE TO"
        assert processor.tokenizer.pad_token_id == config["pad_token_id"] == 0
        assert (config["ctc_zero_infinity"], config["final_dropout"]) == (True, 0.3)
        assert processor.feature_extractor.do_normalize
        assert len(processor.tokenizer) == len(LETTERS) + 4


@pytest.mark.parametrize(("fairseq2", "prefix"), [(True, ""), (True, "w2v2_model."), (False, "")])
def test_bert(capsys, tmp_path, fairseq2, prefix):
    reference = reference_model("bert")
    weights = {prefix + name: tensor for name, tensor in bert_weights(reference, fairseq2).items()}
    torch.save({"model": weights}, tmp_path / "model.pt")
    status, _, err = run(capsys, "convert", tmp_path / "model.pt", tmp_path / "out")
    assert status == 0, err
    assert_same_answers(reference, tmp_path / "out", "bert")
    extractor = transformers.AutoFeatureExtractor.from_pretrained(tmp_path / "out")
    assert type(extractor).__name__ == "SeamlessM4TFeatureExtractor"
    assert extractor.padding_value == 1


@pytest.mark.parametrize("old_layout", [False, True])
@pytest.mark.parametrize("options", [("--format", "bin"), ("--dtype", "bfloat16", "--max-shard-size", "20KB")])
def test_other_files(capsys, tmp_path, options, old_layout):
    reference = reference_model("ctc")
    torch_options = {"_use_new_zipfile_serialization": False} if old_layout else {}
    path = save_fairseq(reference, tmp_path / "model.pt", symbols=True, **torch_options)
    status, _, err = run(capsys, "convert", path, tmp_path / "out", *options)
    assert status == 0, err
    kind = torch.bfloat16 if "bfloat16" in options else torch.float32
    loaded = type(reference).from_pretrained(tmp_path / "out", dtype=kind)
    for name, tensor in reference.state_dict().items():
        expected = tensor.to(kind) if tensor.is_floating_point() else tensor
        assert torch.equal(loaded.state_dict()[name], expected), name
    assert json.loads((tmp_path / "out" / "vocab.json").read_text())["T"] == 6  # from the dictionary in the file


def test_half_precision_stays_so(capsys, tmp_path):
    reference = reference_model("ctc").half()
    save_fairseq(reference, tmp_path / "model.pt")
    status, _, err = run(capsys, "convert", tmp_path / "model.pt", tmp_path / "out")
    assert status == 0, err
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "float16"
    assert "no tokenizer" in err
