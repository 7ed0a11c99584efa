"""A folder of arrays under NeMo's names becomes a checkpoint folder: by the call, by the command; what is refused."""

import json
import re
from functools import partial

import numpy as np
import pytest
import soundfile
from command_line import run
from make_nemo_cases import SIZES
from safetensors.numpy import load_file, save_file
from tiny_nemo import read_case, under

from npconformer import AutoModelForCTC, AutoProcessor, pipeline
from npconformer.checkpoints.nemo_arrays import config_of_shapes, own_name
from npconformer.commands.convert_nemo import convert_nemo_folder, is_nemo_folder

PIECES = ["<unk>", "▁the", "▁a", "s", "n", "i"]
CASE = read_case(4)
WEIGHTS = under(CASE, "weight")


@pytest.fixture
def folder(tmp_path):
    """As it might lie on a disk: with a buffer of the front end, which is computed."""
    folder = tmp_path / "nemo"
    folder.mkdir()
    save_file({**WEIGHTS, "preprocessor.featurizer.fb": np.zeros((1, 8, 257))}, folder / "model.safetensors")
    (folder / "tokens.txt").write_text("".join(f"{piece} {i}\n" for i, piece in enumerate([*PIECES, "<blk>"])))
    return folder


def change(folder, **arrays):
    """Put arrays in the place of those in the folder; None takes one away."""
    held = {**load_file(folder / "model.safetensors"), **arrays}
    save_file({k: v for k, v in held.items() if v is not None}, folder / "model.safetensors")


def check(out):
    """The folder is a checkpoint whose model says what the frozen case says."""
    model, report = AutoModelForCTC.from_pretrained(out, dtype="float64", output_loading_info=True)
    assert not report.missing and not report.unexpected
    assert {name: getattr(model.config, name) for name in SIZES} == SIZES
    assert (model.config.subsampling_factor, model.config.pad_token_id) == (4, 6)
    logits = model(CASE["features"][:1, : CASE["lengths"][0]]).logits.numpy()[0]
    np.testing.assert_allclose(logits, CASE["logits"][: len(logits)], rtol=0, atol=1e-5)
    processor = AutoProcessor.from_pretrained(out)
    assert type(processor).__name__ == "NemoConformerProcessor"
    assert processor.feature_extractor.num_mel_bins == 8
    assert processor.tokenizer.get_vocab() == {piece: i for i, piece in enumerate([*PIECES, "<blk>"])}
    assert pipeline("automatic-speech-recognition", out)(np.sin(np.arange(16000.0)).astype("float32"))["text"] != ""


def test_the_call(folder, tmp_path):
    convert_nemo_folder(folder, tmp_path / "out")
    check(tmp_path / "out")
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("nemo-conformer", ["NemoConformerForCTC"])
    assert (config["dtype"], config["scale_input"]) == ("float64", True)


def test_settings_that_weights_do_not_tell(folder, tmp_path):
    convert_nemo_folder(folder, tmp_path / "out", scale_input=False)
    assert AutoModelForCTC.from_pretrained(tmp_path / "out").config.scale_input is False


def test_the_command(folder, tmp_path, capsys):
    status, _, err = run(capsys, "convert", folder, tmp_path / "out")
    assert status == 0 and f"{folder}: a NeMo Conformer-CTC of 2 layers of 12" in err
    check(tmp_path / "out")
    assert run(capsys, "convert", tmp_path / "out", tmp_path / "half", "--dtype", "float16")[0] == 0  # as any other
    assert load_file(tmp_path / "half/model.safetensors")["lm_head.weight"].dtype == np.float16


def test_other_commands_take_what_was_made(folder, tmp_path, capsys):
    out, sound = tmp_path / "out", tmp_path / "sound.wav"
    convert_nemo_folder(folder, out)
    soundfile.write(sound, np.sin(np.arange(16000.0)) * np.linspace(0, 0.9, 16000), 16000)
    status, text, _ = run(capsys, "info", out)
    assert status == 0
    for line in ("NemoConformerForCTC (nemo-conformer)", "num_mel_bins 8", "PieceCTCTokenizer, 7 tokens", "0.04 s"):
        assert line in text
    assert "none is missing" in text
    status, text, _ = run(capsys, "transcribe", sound, "--model", out, "--timestamps", "word")
    first, *words = text.splitlines()
    assert status == 0 and first and [word.split("\t")[2] for word in words] == first.split()
    sound.with_suffix(".txt").write_text("the an")
    trained = tmp_path / "trained"
    steps = ("--train", tmp_path, "--steps", 1, "--batch-size", 1)
    assert run(capsys, "train", "--task", "ctc", "--from", out, "--output", trained, *steps)[0] == 0
    again = AutoProcessor.from_pretrained(trained / "model").tokenizer
    assert again.tokenize("the an") == ["▁the", "▁a", "n"]


def test_other_formats_and_dtypes(folder, tmp_path, capsys):
    assert run(capsys, "convert", folder, tmp_path / "out", "--format", "bin", "--dtype", "float32")[0] == 0
    assert (tmp_path / "out/pytorch_model.bin").is_file()
    check(tmp_path / "out")


def test_vocab_txt_will_do(folder, tmp_path):
    (folder / "tokens.txt").unlink()
    (folder / "vocab.txt").write_text("<unk>\nthe\na\n##s\n##n\n##i\n")
    convert_nemo_folder(folder, tmp_path / "out")
    check(tmp_path / "out")


# ---- SentencePiece's file

FEW_PIECES = b"".join(  # with <s> and </s>, which are classes, too
    bytes([10, len(piece.encode()) + 4, 10, len(piece.encode())]) + piece.encode() + bytes([24, kind])
    for piece, kind in [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("▁the", 1), ("s", 1), ("▁", 1)]
)


def test_a_tokenizer_model_comes_first_and_goes_with_the_folder(folder, tmp_path, capsys):
    (folder / "tokenizer.model").write_bytes(FEW_PIECES)
    assert run(capsys, "convert", folder, tmp_path / "by command")[0] == 0
    convert_nemo_folder(folder, tmp_path / "out")
    for out in (tmp_path / "out", tmp_path / "by command"):
        assert (out / "tokenizer.model").read_bytes() == FEW_PIECES
        tokenizer = AutoProcessor.from_pretrained(out).tokenizer
        assert sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get) == [
            "<unk>",
            "<s>",
            "</s>",
            "▁the",
            "s",
            "▁",
            "<blk>",
        ]
        assert tokenizer.sentencepiece_model == FEW_PIECES and (tokenizer.bos_token, tokenizer.eos_token) == (
            "<s>", "</s>",
        )  # fmt: skip
        assert tokenizer.decode([3, 4, 2, 6], skip_special_tokens=True) == "thes"


def test_a_tokenizer_model_of_another_model(folder, tmp_path, refused):
    (folder / "tokenizer.model").write_bytes(FEW_PIECES + b"\x0a\x03\x0a\x01x" * 1 + b"\x0a\x03\x0a\x01y")
    refused(r"tokenizer\.model: 8 pieces do not fit a model of 7 classes; expected 6, or 7 with the blank")
    (folder / "tokenizer.model").write_bytes(FEW_PIECES[:-3])
    refused(r"tokenizer\.model is no SentencePiece model: a value of 7 bytes")


def test_a_vocabulary_that_was_put_beside_another_model(folder, tmp_path):
    convert_nemo_folder(folder, tmp_path / "out")
    vocabulary = tmp_path / "out/vocab.json"
    held = json.loads(vocabulary.read_text())
    for changed, count in [({**held, "▁more": 7, "▁and": 8}, 9), ({"<unk>": 0, "s": 1, "<blk>": 2}, 3)]:
        vocabulary.write_text(json.dumps(changed))
        for load in (AutoProcessor.from_pretrained, partial(pipeline, "automatic-speech-recognition")):
            with pytest.raises(
                ValueError, match=rf"out/config\.json: .* 7 classes .* has {count} tokens.*out/vocab\.json"
            ):
                load(tmp_path / "out")


# ---- what is refused, with nothing written


@pytest.fixture
def refused(folder, tmp_path, capsys):
    """Call it with a message, and the error's class where it is no ValueError."""

    def check(message, error=ValueError):
        with pytest.raises(error, match=message):
            convert_nemo_folder(folder, tmp_path / "out")
        status, out, err = run(capsys, "convert", folder, tmp_path / "out")
        assert status == 2 and re.search(message, err) and not out
        assert not (tmp_path / "out").exists()

    return check


def test_no_pieces(folder, refused):
    (folder / "tokens.txt").unlink()
    refused(r"has no word pieces: neither tokenizer\.model nor tokens\.txt nor vocab\.txt", FileNotFoundError)


def test_pieces_of_another_model(folder, refused):
    (folder / "tokens.txt").write_text("a 0\nb 1\n")
    refused("2 pieces do not fit a model of 7 classes")


def test_another_model(folder, refused):
    change(folder, **{"joint.enc.weight": np.zeros((2, 2))})
    refused(r"model\.safetensors cannot be converted: 'joint\.enc\.weight' is no array of a Conformer-CTC")


def test_other_kinds_of_subsampling():
    with pytest.raises(ValueError, match=r"'encoder\.pre_encode\.conv\.3\.weight' is no array"):
        own_name("encoder.pre_encode.conv.3.weight")
    with pytest.raises(
        ValueError, match=r"conv has convolutions at \[0, 3\]: no striding, dw_striding, vggnet by 2, 4"
    ):
        config_of_shapes({name.replace("conv.2.", "conv.3."): array.shape for name, array in WEIGHTS.items()})


@pytest.mark.parametrize("case", ["dw_striding-8", "vggnet-4"])
def test_folders_of_the_other_kinds(folder, tmp_path, case):
    weights = under(read_case(case), "weight")
    save_file(weights, folder / "model.safetensors")
    convert_nemo_folder(folder, tmp_path / "out")
    model, report = AutoModelForCTC.from_pretrained(tmp_path / "out", dtype="float64", output_loading_info=True)
    assert not report.missing and not report.unexpected
    assert f"{model.config.subsampling}-{model.config.subsampling_factor}" == case
    features, length = read_case(case)["features"], read_case(case)["lengths"][0]
    logits = model(features[:1, :length]).logits.numpy()[0]
    np.testing.assert_allclose(logits, read_case(case)["logits"][: len(logits)], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["encoder.layers.0.self_attn.pos_bias_u", "decoder.decoder_layers.0.weight"])
def test_an_array_without_which_it_is_another_model(folder, refused, name):
    change(folder, **{name: None})
    refused(f"no array '{name}'")


def test_an_array_that_is_missing(folder, refused):
    change(folder, **{"encoder.layers.1.norm_out.bias": None})
    refused(r"its weights are not those of a NemoConformerForCTC")


def test_an_array_of_another_shape(folder, refused):
    change(folder, **{"encoder.layers.1.norm_out.bias": np.zeros(3)})
    refused(r"its weights are not those of a NemoConformerForCTC")


def test_what_is_no_folder_of_nemos(folder, tmp_path):
    assert is_nemo_folder(folder)
    assert not is_nemo_folder(tmp_path) and not is_nemo_folder(folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    assert not is_nemo_folder(folder)


def test_the_real_one(shared):
    """Its names and shapes tell its configuration."""
    from npconformer.checkpoints.array_file import open_weights

    file = open_weights(shared / "models/conformer-ctc-small")
    assert len({own_name(name) for name in file}) == 632
    assert config_of_shapes({name: file.shape(name) for name in file}) == {
        "vocab_size": 1025,
        "hidden_size": 176,
        "num_hidden_layers": 16,
        "num_attention_heads": 4,
        "intermediate_size": 704,
        "conv_depthwise_kernel_size": 31,
        "subsampling": "striding",
        "subsampling_factor": 4,
        "subsampling_conv_channels": 176,
        "num_mel_bins": 80,
    }
