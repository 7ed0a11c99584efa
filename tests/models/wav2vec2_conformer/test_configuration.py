"""Wav2Vec2ConformerConfig: transformers' defaults and JSON, unknown keys, refused contradictions."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig

# What a config.json of 2022 looks like: fields that no longer exist, others missing, torch_dtype.
OLD_FILE = {
    "_name_or_path": "somewhere",
    "architectures": ["Wav2Vec2ConformerForCTC"],
    "conv_bias": True,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "gradient_checkpointing": False,
    "hidden_act": "swish",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "model_type": "wav2vec2-conformer",
    "num_attention_heads": 16,
    "num_feat_extract_layers": 7,
    "num_hidden_layers": 24,
    "torch_dtype": "float32",
    "transformers_version": "4.19.0.dev0",
    "vocab_size": 32,
}

CONTRADICTIONS = {
    "conv lists": (dict(conv_dim=[8, 8], conv_stride=[5, 2], conv_kernel=[10]), "conv_kernel has 1"),
    "tdnn lists": (dict(tdnn_dim=[8]), "tdnn_dim"),
    "empty list": (dict(conv_dim=[], conv_stride=[], conv_kernel=[]), "conv_dim"),
    "entry of a list": (dict(conv_stride=[5, 2, 2, 0, 2, 2, 2]), r"conv_stride\[3\]"),
    "list of strings": (dict(conv_kernel=["10"] * 7), r"conv_kernel\[0\]"),
    "no list": (dict(conv_dim=512), "conv_dim"),
    "heads": (dict(hidden_size=100), "num_attention_heads"),
    "position groups": (dict(num_conv_pos_embedding_groups=7), "num_conv_pos_embedding_groups"),
    "even depthwise": (dict(conv_depthwise_kernel_size=30), "conv_depthwise_kernel_size.*odd"),
    "activation": (dict(hidden_act="mash"), "hidden_act.*'mash'.*'gelu'"),
    "conv activation": (dict(feat_extract_activation=None), "feat_extract_activation"),
    "norm": (dict(feat_extract_norm="batch"), "feat_extract_norm.*'group', 'layer'"),
    "negative size": (dict(hidden_size=-768), "hidden_size.*-768"),
    "zero size": (dict(intermediate_size=0), "intermediate_size"),
    "negative layers": (dict(num_hidden_layers=-1), "num_hidden_layers"),
    "probability above": (dict(attention_dropout=1.5), "attention_dropout.*1.5.*0 to 1"),
    "probability below": (dict(mask_time_prob=-0.1), "mask_time_prob"),
    "probability nan": (dict(layerdrop=float("nan")), "layerdrop"),
    "odd rotary head": (
        dict(hidden_size=48, num_attention_heads=16, position_embeddings_type="rotary"),
        "even head size",
    ),
    "odd relative": (
        dict(hidden_size=15, num_attention_heads=3, num_conv_pos_embedding_groups=5),
        "even number for relative",
    ),
    "codevectors": (dict(codevector_dim=255), "codevector_dim.*num_codevector_groups"),
    "positions": (dict(position_embeddings_type="alibi"), "position_embeddings_type.*'rotary'"),
    "reduction": (dict(ctc_loss_reduction="max"), "ctc_loss_reduction"),
    "string for int": (dict(hidden_size="768"), r"hidden_size.*'768' \(str\)"),
    "float for int": (dict(num_attention_heads=12.0), "num_attention_heads"),
    "bool for int": (dict(num_hidden_layers=True), "num_hidden_layers"),
    "string for bool": (dict(conv_bias="false"), "conv_bias"),
    "int for bool": (dict(add_adapter=1), "add_adapter"),
    "string for float": (dict(layer_norm_eps="1e-5"), "layer_norm_eps"),
    "zero eps": (dict(layer_norm_eps=0), "layer_norm_eps"),
    "pad token": (dict(vocab_size=4, pad_token_id=4), "pad_token_id.*vocab_size"),
    "vocabulary": (dict(vocab_size=0), "vocab_size"),
    "eos": (dict(eos_token_id=["2"]), "eos_token_id"),
    "padding mode": (dict(padding_mode="zero"), "padding_mode.*'exact'"),
    "dtype": (dict(dtype="int8"), "dtype.*'bfloat16'"),
    "model type": (dict(model_type="wav2vec2"), "model_type.*'wav2vec2-conformer'"),
    "feature layers": (dict(num_feat_extract_layers=3), "num_feat_extract_layers.*7"),
    "problem": (dict(problem_type="ranking"), "problem_type"),
    "one class": (dict(problem_type="single_label_classification", num_labels=1), "num_labels is 1"),
    "labels": (dict(num_labels=3, id2label={0: "a", 1: "b"}), "num_labels.*2"),
    "label map": (dict(id2label=["a"]), "id2label"),
    "architectures": (dict(architectures="Wav2Vec2ConformerForCTC"), "architectures"),
    "output switch": (dict(output_attentions="yes"), "output_attentions"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_refuses_by_name(name):
    settings, message = CONTRADICTIONS[name]
    with pytest.raises(ValueError, match=message):
        Wav2Vec2ConformerConfig(**settings)


def test_assigned_contradiction_is_found_by_validate():
    config = Wav2Vec2ConformerConfig()
    config.hidden_size = 100
    with pytest.raises(ValueError, match="hidden_size"):
        config.validate()


def test_old_file(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(OLD_FILE))
    config = Wav2Vec2ConformerConfig.from_pretrained(tmp_path)
    assert config.dtype == "float32"
    assert config.position_embeddings_type == "relative"  # missing in the file
    assert config.do_stable_layer_norm is True  # dead, kept
    assert config.output_hidden_size == 1024
    assert config.num_feat_extract_layers == 7
    assert config.inputs_to_logits_ratio == 320
    assert config.name_or_path == str(tmp_path)

    config.save_pretrained(tmp_path / "new")
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    assert written["gradient_checkpointing"] is False
    assert written["dtype"] == "float32"
    assert not {"torch_dtype", "_name_or_path", "name_or_path", "padding_mode", "extra"} & set(written)
    assert Wav2Vec2ConformerConfig.from_pretrained(tmp_path / "new") == config


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no field 'surprise'"):
        Wav2Vec2ConformerConfig().surprise  # noqa: B018


def test_padding_mode_is_written_when_set(tmp_path):
    Wav2Vec2ConformerConfig(padding_mode="exact").save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["padding_mode"] == "exact"
    assert Wav2Vec2ConformerConfig.from_pretrained(tmp_path).padding_mode == "exact"


def test_labels():
    config = Wav2Vec2ConformerConfig(num_labels=3)
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    config = Wav2Vec2ConformerConfig(id2label={"0": "up", "1": "down", "2": "left"})
    assert config.num_labels == 3
    assert config.label2id == {"up": 0, "down": 1, "left": 2}
    again = Wav2Vec2ConformerConfig.from_dict(json.loads(config.to_json_string()))
    assert again == config
    assert Wav2Vec2ConformerConfig.from_dict(config.to_dict(), num_labels=5).num_labels == 5


def test_numpy_values_become_plain():
    config = Wav2Vec2ConformerConfig(
        hidden_size=np.int64(96), num_attention_heads=np.int32(4), conv_dim=np.full(7, 8), conv_bias=np.True_
    )
    config.to_json_string()
    assert type(config.hidden_size) is int and config.conv_dim == (8,) * 7 and config.conv_bias is True
    assert Wav2Vec2ConformerConfig(dtype=np.float32).dtype == "float32"
    assert Wav2Vec2ConformerConfig(dtype=np.dtype("float16")).dtype == "float16"


def test_overrides(tmp_path):
    Wav2Vec2ConformerConfig(vocab_size=32).save_pretrained(tmp_path)
    config = Wav2Vec2ConformerConfig.from_pretrained(
        tmp_path, conv_dim=(8, 8), conv_stride=(5, 2), conv_kernel=(10, 3), hidden_dropout=0.0
    )
    assert config.num_feat_extract_layers == 2 and config.hidden_dropout == 0.0 and config.vocab_size == 32
    with pytest.raises(ValueError, match="did you mean 'hidden_dropout'"):
        Wav2Vec2ConformerConfig.from_pretrained(tmp_path, hiden_dropout=0.0)


def test_copies_are_independent():
    config = Wav2Vec2ConformerConfig(vocab_size=32, something=[1])
    for twin in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert twin == config
        twin.something.append(2)
        assert twin != config
    config.to_dict()["something"].append(3)
    assert config.something == [1]


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "\xff"])
def test_bad_files(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"config\.json"):
        Wav2Vec2ConformerConfig.from_pretrained(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        Wav2Vec2ConformerConfig.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Wav2Vec2ConformerConfig.from_pretrained(tmp_path / "nowhere")


def test_wrong_model_type_names_the_file(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(ValueError, match=r"config\.json.*model_type"):
        Wav2Vec2ConformerConfig.from_pretrained(tmp_path)


def test_failed_save_leaves_the_old_file(tmp_path):
    config = Wav2Vec2ConformerConfig(vocab_size=32)
    config.save_pretrained(tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    config.extra["something"] = object()  # no JSON type
    with pytest.raises(TypeError):
        config.save_pretrained(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_bytes() == before


def test_defaults_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    ours = Wav2Vec2ConformerConfig().to_dict()
    theirs = transformers.Wav2Vec2ConformerConfig().to_dict()
    for name in ("_name_or_path", "transformers_version", "chunk_size_feed_forward", "is_encoder_decoder"):
        theirs.pop(name, None)
    assert ours.pop("padding_mode") == "reference" and ours.pop("ctc_compute_dtype") is None
    assert ours == theirs


@pytest.mark.parametrize(
    "settings",
    [
        {},
        dict(vocab_size=32, position_embeddings_type=None, dtype="float16", num_labels=7),
        dict(id2label={0: "a", 1: "b"}, output_hidden_states=True, add_adapter=True, output_hidden_size=96),
        dict(return_dict=False, architectures=["Wav2Vec2ConformerForCTC"], old_field={"a": [1, 2]}),
    ],
)
def test_json_goes_through_transformers_and_back(tmp_path, settings):
    transformers = pytest.importorskip("transformers")
    config = Wav2Vec2ConformerConfig(**settings)
    config.save_pretrained(tmp_path / "ours")
    theirs = transformers.AutoConfig.from_pretrained(tmp_path / "ours")
    assert type(theirs).__name__ == "Wav2Vec2ConformerConfig"
    for name, value in config.to_dict().items():
        if name not in ("padding_mode", "ctc_compute_dtype"):
            found = getattr(theirs, name)
            if name == "dtype" and found is not None:
                found = str(found).removeprefix("torch.")
            assert (list(found) if isinstance(found, tuple) else found) == value, name
    theirs.save_pretrained(tmp_path / "theirs")
    again = Wav2Vec2ConformerConfig.from_pretrained(tmp_path / "theirs")
    assert again.extra.pop("transformers_version") == transformers.__version__
    assert again == config


def test_real_checkpoint_is_written_back_unchanged(tmp_path):
    folder = Path(__file__).parents[4] / "shared/models/digits-hf"
    if not folder.is_dir():
        pytest.skip("no checkpoint beside the repository")
    Wav2Vec2ConformerConfig.from_pretrained(folder).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads((folder / "config.json").read_text())
