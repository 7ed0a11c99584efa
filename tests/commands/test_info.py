"""`npconformer info`: what it tells is what the loaded model is, and nothing but headers is read for it."""

import json
import re

import pytest
from command_line import run
from tiny_checkpoints import KINDS, SIZES, VOCABULARY, make_config, save_checkpoint, save_recogniser

from npconformer import AutoModelForCTC
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.commands.checkpoint_facts import module_of
from npconformer.models.auto import model_class


def facts_of(capsys, folder):
    status, out, err = run(capsys, "info", folder, "--format", "json")
    assert (status, err) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recogniser(capsys, tmp_path, kind):
    folder = save_recogniser(tmp_path, kind)
    model = AutoModelForCTC.from_pretrained(folder)
    facts = facts_of(capsys, folder)
    assert facts["class"] == type(model).__name__
    assert (facts["head"], facts["task"]) == ("ctc", "automatic-speech-recognition")
    assert facts["parameters"]["total"] == model.num_parameters()
    assert sum(one["parameters"] for one in facts["parameters"]["modules"]) == model.num_parameters()
    assert sum(one["share"] for one in facts["parameters"]["modules"]) == pytest.approx(1)
    assert facts["memory"] == {"dtype": "float32", "bytes": 4 * model.num_parameters()}
    assert facts["seconds_per_frame"] == 0.02
    assert facts["processor"]["tokenizer"]["tokens"][: len(VOCABULARY)] == list(VOCABULARY)
    assert facts["config"]["hidden_size"] == SIZES["hidden_size"]
    assert (facts["fit"]["missing"], facts["fit"]["unexpected"], facts["fit"]["mismatched"]) == ([], [], [])
    assert facts["files"] == [{"name": "model.safetensors", "bytes": (folder / "model.safetensors").stat().st_size}]


@pytest.mark.parametrize("head", ["ForSequenceClassification", "ForAudioFrameClassification", "ForXVector"])
@pytest.mark.parametrize("kind", ["layer", "bert"])
def test_other_heads(capsys, tmp_path, kind, head):
    facts = facts_of(capsys, save_checkpoint(head, tmp_path, kind, num_labels=3))
    assert facts["class"].endswith(head)
    assert facts["labels"] == (None if head == "ForXVector" else ["LABEL_0", "LABEL_1", "LABEL_2"])


def test_an_adapter_doubles_the_seconds_of_a_frame(capsys, tmp_path):
    facts = facts_of(capsys, save_checkpoint("ForCTC", tmp_path, add_adapter=True, num_adapter_layers=1))
    assert facts["seconds_per_frame"] == 0.04
    assert facts["config"]["adapter_stride"] == 2


def test_shards_and_dtypes(capsys, tmp_path):
    folder = save_checkpoint("ForCTC", tmp_path)
    model = AutoModelForCTC.from_pretrained(folder)
    model.save_pretrained(folder, dtype="float16", max_shard_size="20KB")
    facts = facts_of(capsys, folder)
    names = [file["name"] for file in facts["files"]]
    assert names[0] == "model.safetensors.index.json" and len(names) > 2
    assert set(facts["dtypes"]) == {"float16", "int64"}


def test_no_weight_is_read(capsys, tmp_path, monkeypatch):
    folder = save_recogniser(tmp_path)
    monkeypatch.setattr(SafetensorsFile, "read", lambda *arguments, **options: pytest.fail("a weight is read"))
    facts_of(capsys, folder)


def test_what_does_not_fit_is_told(capsys, tmp_path):
    folder = save_checkpoint("ForCTC", tmp_path)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "vocab_size": 30, "num_hidden_layers": 3}))
    status, out, _ = run(capsys, "info", folder)
    assert status == 0
    assert "but not all" in out
    assert re.search(r"missing +\d+ in wav2vec2_conformer.encoder", out)
    assert "lm_head.bias is (12,) in the file and (30,) in the model" in " ".join(out.split())


def test_text(capsys, tmp_path):
    status, out, err = run(capsys, "info", save_recogniser(tmp_path))
    assert (status, err) == (0, "")
    lines = dict(line.split(None, 1) for line in out.splitlines() if line and not line.startswith(" "))
    assert lines["model"] == "Wav2Vec2ConformerForCTC (wav2vec2-conformer)"
    assert lines["frame"] == "0.02 s"
    assert lines["all"] == f"{AutoModelForCTC.from_pretrained(tmp_path).num_parameters():,}"
    assert lines["fit"].endswith("none is missing")
    assert re.fullmatch(r"[\d,]+ +\d+\.\d%", lines["encoder.layers.*.self_attn"])


def test_a_model_without_a_head_and_without_a_processor(capsys, tmp_path):
    config = make_config("layer")
    model_class(config.model_type)(config).save_pretrained(tmp_path)
    status, out, _ = run(capsys, "info", tmp_path)
    assert status == 0
    assert "a model without a head" in out and "none in this folder" in out
    assert facts_of(capsys, tmp_path)["seconds_per_frame"] is None


def test_output_goes_to_a_file(capsys, tmp_path):
    folder = save_checkpoint("ForCTC", tmp_path / "model")
    assert run(capsys, "info", folder, "--format", "json", "--output", tmp_path / "facts.json") == (0, "", "")
    assert json.loads((tmp_path / "facts.json").read_text())["head"] == "ctc"


def damage(folder, what):
    if what == "no folder":
        return folder / "missing"
    if what == "no config":
        (folder / "config.json").unlink()
    elif what == "no weights":
        (folder / "model.safetensors").unlink()
    elif what == "cut weights":
        data = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    elif what == "other model":
        (folder / "config.json").write_text('{"model_type": "whisper"}')
    elif what == "broken tokenizer":
        (folder / "vocab.json").write_text("[")
    return folder


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no folder", "does not exist; expected a folder"),
        ("no config", "config.json does not exist"),
        ("no weights", "holds no model.safetensors"),
        ("cut weights", "is truncated"),
        ("other model", "model_type is 'whisper'"),
        ("broken tokenizer", "vocab.json is not valid JSON"),
    ],
)
def test_a_broken_folder_is_named(capsys, tmp_path, what, message):
    status, out, err = run(capsys, "info", damage(save_recogniser(tmp_path), what))
    assert (status, out) == (2, "")
    assert message in err and str(tmp_path) in err


def test_rows_of_the_table():
    rows = {
        "p.encoder.layers.11.self_attn.linear_q.weight": "encoder.layers.*.self_attn",
        "p.encoder.layers.0.final_layer_norm.bias": "encoder.layers.*.(layer norms)",
        "p.encoder.layer_norm.weight": "encoder.layer_norm",
        "p.feature_extractor.conv_layers.0.conv.weight": "feature_extractor",
        "lm_head.weight": "lm_head",
    }
    assert {name: module_of(name, "p") for name in rows} == rows
    assert {name: module_of(name.removeprefix("p."), "p") for name in rows} == rows  # as in a model without a head
