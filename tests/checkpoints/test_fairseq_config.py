"""fairseq's settings: how they are read, and that what contradicts the weights is refused."""

import pytest
from fairseq_files import FROZEN

from npconformer.checkpoints.fairseq_conformer import BASE, CTC, PRETRAINING
from npconformer.checkpoints.fairseq_conformer import read_conformer as read
from npconformer.checkpoints.fairseq_conformer_config import parse_convolutions
from npconformer.checkpoints.fairseq_file import FairseqFile
from npconformer.checkpoints.fairseq_names import rename


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("[(512, 10, 5)]", [(512, 10, 5)]),
        ("[(512,10,5)]+[(512,3,2)]*4 + [(512,2,2)] * 2", [(512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2]),
        ("[(8, 10, 5), (8, 3, 2),] * 2", [(8, 10, 5), (8, 3, 2)] * 2),
        ("[(512, 10, 5)] + [(512,2,2)] + [(512,2,2)]", [(512, 10, 5), *[(512, 2, 2)] * 2]),
    ],
)  # fmt: skip
def test_convolutions(text, layers):
    assert parse_convolutions(text) == layers


@pytest.mark.parametrize(
    "text",
    ["", "[]", "[(1, 2)]", "__import__('os')", "[(1,2,3)] * 9999999", "[(1,2,3)]" + "+[(1,2,3)]*999" * 9, None, 7, []],
)
def test_no_convolutions(text):
    with pytest.raises(ValueError, match="conv_feature_layers are"):
        parse_convolutions(text)


@pytest.fixture
def file():
    return FairseqFile(FROZEN / "ctc.pt")


def pretrained(file):
    """The settings of the pre-trained model, which the fine-tuned one keeps."""
    return file.settings["model"]["w2v_args"]["model"]


def test_settings_become_fields(file):
    original = read(file)
    assert (original.model_type, original.head) == ("wav2vec2-conformer", "ctc")
    expected = {
        "conv_stride": [5, 2, 2],
        "position_embeddings_type": "rotary",
        "feat_extract_norm": "layer",
        "num_attention_heads": 2,
        "layerdrop": 0.2,
        "mask_time_prob": 0.5,
        "final_dropout": 0.3,
        "apply_spec_augment": True,
    }
    assert {name: original.config[name] for name in expected} == expected
    assert original.extractor == {"sampling_rate": 16000, "do_normalize": True, "return_attention_mask": True}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder_layers", 3),
        ("encoder_embed_dim", 32),
        ("encoder_ffn_embed_dim", 48),
        ("encoder_attention_heads", 4),
        ("pos_enc_type", "rel_pos"),
        ("pos_enc_type", "abs"),
        ("extractor_mode", "default"),
        ("conv_bias", False),
        ("conv_feature_layers", "[(8, 10, 5)]"),
        ("conv_pos", 16),
        ("conv_pos_groups", 2),
        ("depthwise_conv_kernel_size", 7),
        ("layer_type", "transformer"),
        ("attn_type", ""),
        ("layer_norm_first", False),
    ],
)
def test_contradictions(file, name, value):
    pretrained(file)[name] = value
    with pytest.raises(ValueError, match=name):
        read(file)


def test_what_refers_to_another_setting_is_read_off_the_weights(file):
    pretrained(file)["encoder_layers"] = "${other.place}"
    assert read(file).config["num_hidden_layers"] == 2


def test_a_file_without_settings_needs_the_usual_convolutions(file):
    file.settings = {part: {} for part in file.settings}
    with pytest.raises(ValueError, match="fairseq's default, as it says no other"):
        read(file)


def test_a_missing_weight_is_named(file):
    del file.entries["w2v_encoder.w2v_model.post_extract_proj.weight"]
    with pytest.raises(ValueError, match=r"lacks the weight that is feature_projection\.projection\.weight"):
        read(file)


# ---- the tables


def test_rows():
    table = {"a.#.b.*": "x.#.*", "a.0.c": "y", "a.#.c": None, "v": "w"}
    assert rename(["a.12.b.weight", "a.0.c", "a.3.c", "v"], table) == {
        "a.12.b.weight": "x.12.weight",
        "a.0.c": "y",
        "v": "w",
    }
    with pytest.raises(ValueError, match=r"2 weights of another model: a\.b\.b\.weight, xv"):
        rename(["a.b.b.weight", "xv", "v"], table)
    with pytest.raises(ValueError, match="the same name"):
        rename(["v", "u"], {**table, "u": "w"})


def test_no_two_rows_of_a_table_are_for_one_name():
    for table in ({**BASE, **PRETRAINING}, CTC):
        examples = [row.replace("#", "1").replace("*", "weight") for row in table]
        assert len(set(examples)) == len(table)
