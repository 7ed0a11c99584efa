"""A frozen checkpoint of fairseq is converted without torch, and what is no such checkpoint is refused by name."""

import json
import random
import shutil
import sys

import numpy as np
import pytest
from command_line import run
from fairseq_files import FROZEN
from pickle_programs import call, name, number, pair, tensor, text, write_zip

import npconformer
from npconformer.checkpoints.fairseq_file import FairseqFile
from npconformer.checkpoints.fairseq_pickle import is_record
from npconformer.checkpoints.torch_file import TorchFile

NAMESPACE = name("argparse", "Namespace")
NEW = b")\x81"  # an object of the class on the stack, without arguments
MODEL = text("model") + b"}" + text("w") + tensor() + b"ss"


def file_with(tmp_path, value, key="args"):
    """A checkpoint with one weight, and something else beside it."""
    return write_zip(tmp_path / "model.pt", b"\x80\x02}" + MODEL + text(key) + value + b"s.")


def test_the_frozen_file_answers_as_the_model_did(capsys, tmp_path):
    status, out, err = run(capsys, "convert", FROZEN / "ctc.pt", tmp_path / "out")
    assert (status, out) == (0, ""), err
    assert "a Wav2Vec2ConformerForCTC of 2 layers of 16" in err
    answers = np.load(FROZEN / "answers.npz")
    model = npconformer.Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "out")
    with npconformer.no_grad():
        logits = model(answers["sound"]).logits.numpy()
    np.testing.assert_allclose(logits, answers["logits"], rtol=0, atol=2e-5 * np.abs(answers["logits"]).max())
    processor = npconformer.AutoProcessor.from_pretrained(tmp_path / "out")
    assert processor.tokenizer.decode([5, 0, 5, 5, 4, 6, 8]) == "EE TO"
    assert (processor.tokenizer.pad_token_id, processor.tokenizer.bos_token_id) == (0, 1)


def test_no_class_of_the_configuration_is_imported(tmp_path):
    before = set(sys.modules)
    file = FairseqFile(FROZEN / "ctc.pt")
    assert file.settings["model"]["w2v_args"]["model"]["pos_enc_type"] == "rope"
    assert not {module for module in set(sys.modules) - before if module.startswith(("omegaconf", "fairseq"))}


def test_objects_become_plain_values(tmp_path):
    node = name("omegaconf.nodes", "AnyNode") + NEW + b"}" + text("_val") + number(7) + b"sb"
    choice = call(name("fairseq.dataclass.constants", "CHOICE"), text("a"))
    state = b"}" + text("size") + node + b"s" + text("choice") + choice + b"s"
    file = FairseqFile(file_with(tmp_path, NAMESPACE + NEW + state + b"b"))
    assert file.settings["model"] == {"size": 7, "choice": "a"}
    assert list(file) == ["w"]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (call(name("os", "system"), text("touch x")), "asks for 'os.system'"),
        (call(name("builtins", "eval"), text("1")), "asks for 'builtins.eval'"),
        (call(name("__builtin__", "getattr"), text("1")), "asks for '__builtin__.getattr'"),
        (call(name("builtins", "dict")), "calls builtins.dict, which is only a name"),
        (name("builtins", "dict") + NEW, "makes an object of builtins.dict"),
        (name("collections", "OrderedDict") + NEW, "makes an object of collections.OrderedDict"),
        (name("omegaconfig", "DictConfig") + NEW, "asks for 'omegaconfig.DictConfig'"),
        (name("argparse", "ArgumentParser") + NEW, "asks for 'argparse.ArgumentParser'"),
        (name("subprocess", "Popen") + NEW, "asks for 'subprocess.Popen'"),
        (NAMESPACE + NEW + b"}b}b", "its state twice"),
        (number(1) + NEW, "makes an object of a int"),
        (NAMESPACE + b"(" + text("a") + b"o", "the opcode OBJ"),
        (b"(iargparse\nNamespace\n", "the opcode INST"),
        (NAMESPACE + NEW + b"q\x01}" + text("again") + b"h\x01sb", "holds itself"),
    ],
)
def test_what_is_refused(tmp_path, program, message):
    with pytest.raises(ValueError, match="cannot be loaded") as caught:
        FairseqFile(file_with(tmp_path, program))
    assert message in str(caught.value)


def test_a_list_that_unfolds_is_held(tmp_path):
    """Each list holds the one before ten times: a billion values from a few bytes."""
    program = b"]q\x00" + b"".join(b"(" + b"h%c" % i * 10 + b"lq%c" % (i + 1) for i in range(9))
    with pytest.raises(ValueError, match="far larger than fairseq's"):
        FairseqFile(file_with(tmp_path, NAMESPACE + NEW + b"}" + text("a") + pair(program) + b"sb"))


@pytest.mark.parametrize("program", [NAMESPACE + NEW + b"}b", name("omegaconf", "DictConfig") + NEW])
def test_the_names_are_for_this_file_alone(tmp_path, program):
    """Loading a checkpoint folder still refuses them."""
    path = file_with(tmp_path, program)
    FairseqFile(path)
    with pytest.raises(ValueError, match="which weights do not need"):
        TorchFile(path)


def test_names_of_records():
    allowed = ["argparse.Namespace", "omegaconf.nodes.AnyNode", "fairseq.data.dictionary.Dictionary", "numpy.dtype"]
    refused = ["argparse", "omegaconf", "fairseq2.x", "os.fairseq.system", "numpy.load", "builtins.eval"]
    assert [is_record(one) for one in allowed + refused] == [True] * 4 + [False] * 6


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (b"]", "no checkpoint of fairseq"),
        (b"}", "no checkpoint of fairseq"),
        (b"}" + text("model") + b"]s", "no checkpoint of fairseq"),
        (b"}" + text("model") + b"}" + text("w") + number(1) + b"ss", "its entry 'w' is a int"),
        (b"}" + MODEL, "1 weights of another model: w"),
    ],
)
def test_another_file(capsys, tmp_path, root, message):
    path = write_zip(tmp_path / "model.pt", b"\x80\x02" + root + b".")
    status, out, err = run(capsys, "convert", path, tmp_path / "out")
    assert (status, out) == (2, "")
    assert message in err and str(path) in err
    assert not (tmp_path / "out").exists()


def test_damage_ends_well(tmp_path):
    """Whatever byte of the pickle is another one: an error that says so, or a file that is read."""
    whole = (FROZEN / "ctc.pt").read_bytes()
    begin, end = whole.index(b"\x80\x02"), whole.index(b"PK\x03\x04", 100)
    endings = {"read": 0, "refused": 0}
    generator = random.Random(0)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 3)):
            data[generator.randrange(begin, end)] = generator.randrange(256)
        path = tmp_path / "model.pt"
        path.write_bytes(_without_checksum(bytes(data), begin))
        try:
            FairseqFile(path)
            endings["read"] += 1
        except ValueError:
            endings["refused"] += 1
    assert min(endings.values()) > 10


def _without_checksum(data, begin):
    """The pickle's checksum in the zip directory set to 0, which stands for none."""
    entry = data.rindex(b"PK\x01\x02", 0, data.index(b"data.pkl", data.index(b"PK\x01\x02")))
    return data[: entry + 16] + bytes(4) + data[entry + 20 :]


# ---- the dictionary of letters


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"| 1\nE 2\n", "the dictionary has 6 tokens with the four special ones; the model has 11"),
        (b"| 1\nE\n", "line 2: 'E' is not a token and how often it occurred"),
        (b"| 1\n| 2\n", "line 2: the token '|' occurs twice"),
        (b"\xff 1\n", "line 1: not UTF-8"),
    ],
)
def test_a_wrong_dictionary(capsys, tmp_path, content, message):
    shutil.copy(FROZEN / "ctc.pt", tmp_path)
    (tmp_path / "dict.ltr.txt").write_bytes(content)
    status, _, err = run(capsys, "convert", tmp_path / "ctc.pt", tmp_path / "out")
    assert status == 2
    assert message in err
    assert not (tmp_path / "out").exists()


def test_without_a_dictionary_there_is_no_tokenizer(capsys, tmp_path):
    shutil.copy(FROZEN / "ctc.pt", tmp_path)
    status, _, err = run(capsys, "convert", tmp_path / "ctc.pt", tmp_path / "out")
    assert status == 0
    assert "no tokenizer: the file has no dictionary" in err
    assert json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())["do_normalize"] is True
