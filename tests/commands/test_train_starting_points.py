"""`npconformer train`: what of a checkpoint is kept, made anew, frozen or replaced."""

import json

import pytest
from tiny_checkpoints import save_checkpoint
from train_command import BERT_CONFIG, CONFIG, FAST, train

import npconformer
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.storage.step_log import read_log


def test_mislabelled_recordings_of_a_classifier(capsys, folder, tmp_path):
    source = save_checkpoint("ForSequenceClassification", tmp_path / "model", id2label={0: "b", 1: "other"})
    status, _, err = train(capsys, tmp_path / "out", "--task", "sequence", "--from", source, "--train", folder, *FAST)
    assert status == 0
    assert "4 left out" in err and "its label 'a' is none of the model's: 'b', 'other'" in err
    assert "4 of those left out have labels or letters that the model does not know; --new-head makes" in err
    argv = ("--task", "sequence", "--from", source, "--train", folder, *FAST, "--new-head")
    status, _, err = train(capsys, tmp_path / "new", *argv)
    assert status == 0 and "2 classes of the training data: a, b" in err and "left out" not in err
    assert "these start at random: classifier.weight, classifier.bias\n" in err
    status, _, err = train(capsys, tmp_path / "new", "--resume", "--steps", 6)  # the head is that of the checkpoint
    assert status == 0 and "random" not in err and "going on from step 4" in err


def test_labels_of_the_data(capsys, config, folder, tmp_path):
    source = save_checkpoint("ForPreTraining", tmp_path / "model", **{"proj_codevector_dim": 8, "codevector_dim": 8})
    argv = ("--task", "sequence", "--from", source, "--train", folder, *FAST, "--freeze-feature-encoder")
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0, err
    assert "2 classes of the training data: a, b" in err
    assert "these start at random: projector.weight" in err
    trained = npconformer.Wav2Vec2ConformerForSequenceClassification.from_pretrained(tmp_path / "out/model")
    assert trained.config.id2label == {0: "a", 1: "b"}
    before, after = (SafetensorsFile(p / "model.safetensors") for p in (source, tmp_path / "out/model"))
    frozen = [name for name in after if "feature_extractor" in name]
    assert frozen and all((before.read(name) == after.read(name)).all() for name in frozen)
    assert not all((before.read(n) == after.read(n)).all() for n in after if "encoder.layers.0" in n)


# What the well-known recipe for w2v-bert-2.0 sets (huggingface.co/blog/fine-tune-w2v2-bert), for fewer steps.
RECIPE = (
    *("--set", "attention_dropout=0.0", "--set", "hidden_dropout=0.0", "--set", "feat_proj_dropout=0.0"),
    *("--set", "mask_time_prob=0.0", "--set", "layerdrop=0.0"),
    *("--set", "ctc_loss_reduction=mean", "--set", "add_adapter=true"),
    *("--batch-size", 16, "--batch-seconds", 480, "--accumulate", 2, "--gradient-checkpointing"),
    *("--lr", 5e-5, "--warmup", 500, "--weight-decay", 0, "--epochs", 3),
    *("--eval-every", 2, "--save-every", 2, "--log-every", 1, "--keep", 2),
)


def test_fine_tuning_a_checkpoint_without_a_head(capsys, folder, tmp_path):
    """The recipe, on the pre-trained model's own layout; then only the adapter and the head."""
    npconformer.manual_seed(0)
    settings = {**BERT_CONFIG, "vocab_size": None, "mask_time_prob": 0.05}
    source = tmp_path / "pretrained"
    npconformer.Wav2Vec2BertModel(npconformer.Wav2Vec2BertConfig.from_dict(settings)).save_pretrained(source)
    npconformer.SeamlessM4TFeatureExtractor(padding_value=1).save_pretrained(source)
    argv = ("--task", "ctc", "--from", source, "--train", folder, "--eval", folder, *RECIPE)
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0, err
    assert "start at random: 22 in wav2vec2_bert.adapter" in err
    assert "these start at random: lm_head.weight, lm_head.bias\n" in err
    config = npconformer.Wav2Vec2BertConfig.from_pretrained(tmp_path / "out/model")
    assert config.add_adapter and config.vocab_size == 10 and config.pad_token_id == 0
    assert (config.attention_dropout, config.mask_time_prob, config.ctc_loss_reduction) == (0.0, 0.0, "mean")
    assert read_log(tmp_path / "out/log.csv")[-1]["eval_wer"] > 0
    frozen = (*argv, "--freeze", "feature_projection", "encoder.layers.0-1")
    status, _, err = train(capsys, tmp_path / "frozen", *frozen)
    assert status == 0
    assert "not trained: 4 in wav2vec2_bert.feature_projection, " in err and " in wav2vec2_bert.encoder\n" in err
    before, after = (SafetensorsFile(p / "model.safetensors") for p in (source, tmp_path / "frozen/model"))
    below = [name for name in before if name != "masked_spec_embed"]
    assert all((before.read(name) == after.read(f"wav2vec2_bert.{name}")).all() for name in below)
    for parts, message in [
        (("--freeze", "encoder.layers.0-11"), "has no weights in 'encoder.layers.2' of 'encoder.layers.0-11'"),
        (("--freeze-feature-encoder",), "Wav2Vec2BertForCTC has no feature encoder to freeze"),
    ]:
        status, _, err = train(capsys, tmp_path / "wrong", *argv, *parts)
        assert status == 2 and message in err


def test_fields_of_the_configuration(capsys, config, folder, tmp_path):
    argv = ("--task", "ctc", "--from", config, "--train", folder, *FAST)
    fields = ("--set", "hidden_dropout=0.0", "--set", "position_embeddings_type=rotary")
    assert train(capsys, tmp_path / "out", *argv, *fields)[0] == 0
    made = npconformer.Wav2Vec2ConformerConfig.from_pretrained(tmp_path / "out/model")
    assert (made.hidden_dropout, made.position_embeddings_type) == (0.0, "rotary")
    status, _, err = train(capsys, tmp_path / "other", *argv, "--set", "hidden_dropot=0")
    assert status == 2 and "hidden_dropot" in err


@pytest.mark.parametrize("name", ["tiny", "tiny-bert"])
def test_ready_configurations(name, capsys, folder, tmp_path, monkeypatch):
    argv = ("--task", "ctc", "--from", name, "--train", folder, *FAST, "--set", "num_hidden_layers=1")
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0 and f"all weights start at random: {name} is a configuration without weights" in err, err
    config = npconformer.AutoConfig.from_pretrained(tmp_path / "out/model")
    assert (config.hidden_size, config.num_hidden_layers, config.vocab_size) == (112, 1, 10)
    monkeypatch.chdir(tmp_path)
    status, _, err = train(capsys, tmp_path / "out", "--resume", *argv[:6], "--steps", 5)
    assert status == 0 and "going on from step 4" in err


@pytest.mark.parametrize("name", ["hidden_sise", "num_layers"])
def test_slips_in_a_configuration(name, capsys, folder, tmp_path):
    """Where a person writes it they are refused; where weights lie beside it they are told."""
    meant = {"hidden_sise": "hidden_size", "num_layers": "num_hidden_layers"}[name]
    settings = {("my_notes" if field == "mask_time_length" else field): value for field, value in CONFIG.items()}
    settings = {(name if field == meant else field): value for field, value in settings.items()}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings))
    argv = ("--task", "ctc", "--train", folder, *FAST)
    for source in (path, tmp_path):
        status, _, err = train(capsys, tmp_path / "out", "--from", source, *argv)
        assert status == 2 and f"'{name}' (did you mean '{meant}'?)" in err and "my_notes" not in err
    path.write_text(json.dumps({**CONFIG, "my_notes": "small", "transformers_version": "5"}))
    status, _, err = train(capsys, tmp_path / "out", "--from", path, *argv)
    assert status == 0 and "'my_notes' is no field of Wav2Vec2ConformerConfig and has no effect\n" in err
    assert "version" not in err
    path = tmp_path / "out/model/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hidden_sise": 9}))
    status, _, err = train(capsys, tmp_path / "next", "--from", path.parent, *argv)
    assert status == 0 and err.count("no effect; did you mean 'hidden_size'?") == 1 and "my_notes" not in err
