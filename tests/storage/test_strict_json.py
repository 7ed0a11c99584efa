"""JSON that others wrote: every reader understands the same, nothing too large or too deep, and it can be written."""

import json
import time

import pytest

from npconformer import Wav2Vec2ConformerConfig
from npconformer.storage.files import json_text, read_json_object
from npconformer.storage.strict_json import DEEPEST, LONGEST_JSON, parse_json


def nested(depth):
    return "[" * depth + "]" * depth


REFUSED = {
    "nan": ("[NaN]", "it holds nan, which is no number"),
    "infinity": ('{"a": -Infinity}', "it holds -inf"),
    "beyond float64": ("[1e999]", "it holds inf"),
    "whole number": ("[" + "9" * 400 + "]", "a whole number of 1329 bits"),
    "thousands of digits": ("[" + "9" * 9000 + "]", "digits"),
    "half a letter": (r'["\ud800"]', "holds half a letter"),
    "half a letter as a name": (r'{"\udfff": 1}', "holds half a letter"),
    "twice": ('{"a": {"b": 1, "\\u0062": 1}}', "the name 'b' occurs twice"),
    "deep": (nested(DEEPEST + 1), f"nested more than {DEEPEST} deep"),
    "deeper": (nested(900), f"nested more than {DEEPEST} deep"),
    "deepest": (nested(200_000), f"nested more than {DEEPEST} deep"),
    "long": (" " * LONGEST_JSON + "1", f"more than {LONGEST_JSON} bytes"),
    "not json": ("{", "Expecting property name"),
    "a terminal's command": ('{"\\u001b[2J": 1, "\\u001b[2J": 1}', r"the name '\\x1b\[2J' occurs twice"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("encoded", [False, True])
def test_refused(text, words, encoded):
    with pytest.raises(ValueError, match=words) as raised:
        parse_json(text.encode() if encoded else text)
    assert len(str(raised.value)) < 300 and str(raised.value).isprintable()


def test_bytes_that_are_no_letters():
    with pytest.raises(ValueError, match=r"not UTF-8 .* at 2"):
        parse_json(b'["\xff"]')


@pytest.mark.parametrize("text", ["1", nested(DEEPEST), '{"a": [1e308, "\\ud83d\\ude00", null]}', " [] ", "1" * 300])
def test_taken(text):
    assert parse_json(text) == parse_json(b"\xef\xbb\xbf" + text.encode()) == json.loads(text)


def test_what_python_writes_beyond_the_standard_is_taken_where_it_is_asked_for():
    assert parse_json(r'[Infinity, "\udc80"]', python=True) == [float("inf"), "\udc80"]
    with pytest.raises(ValueError, match="twice"):
        parse_json('{"a": 1, "a": 1}', python=True)


def test_many_objects_take_little_time():
    start = time.perf_counter()
    assert len(parse_json("[" + ",".join(["{}"] * 1_000_000) + "]")) == 1_000_000
    assert time.perf_counter() - start < 5


def test_a_config_that_is_loaded_can_be_saved(tmp_path):
    for number, extra in enumerate(['"x": ' + nested(98), '"x": ' + nested(900), r'"x": "\ud800"', '"x": NaN']):
        path = tmp_path / "config.json"
        path.write_text('{"model_type": "wav2vec2-conformer", ' + extra + "}")
        if number > 0:
            with pytest.raises(ValueError, match=r"config\.json is not valid JSON"):
                Wav2Vec2ConformerConfig.from_pretrained(tmp_path)
            continue
        config = Wav2Vec2ConformerConfig.from_pretrained(tmp_path)
        config.save_pretrained(tmp_path / "saved")
        assert Wav2Vec2ConformerConfig.from_pretrained(tmp_path / "saved") == config


def test_a_name_that_a_caller_gave_is_written(tmp_path):
    (tmp_path / "a.json").write_text(json_text({"r\udce9": "ü"}))
    assert read_json_object(tmp_path / "a.json", python=True) == {"r\udce9": "ü"}
