"""YAML of strangers: plain values or an error in words."""

import sys

import pytest

from npconformer.checkpoints.nemo_yaml import parse_yaml

yaml = pytest.importorskip("yaml", reason="needs PyYAML, which the extra `nemo` brings")


@pytest.fixture(params=["libyaml", "python"])
def either(request, monkeypatch):
    """With libyaml's reader, and with the one in Python, for where there is no other."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("this PyYAML has no libyaml")


def test_plain_values(either):
    text = "a: {b: [1, 2.5, null, true, 'no']}\nc: |\n  d\n  e\n'f': ▁the\n"
    assert parse_yaml(text.encode()) == {"a": {"b": [1, 2.5, None, True, "no"]}, "c": "d\ne\n", "f": "▁the"}


BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "it has an anchor or an alias"),
        ("a: &x 1\n", "it has an anchor or an alias"),
        (
            "a: !!python/object/apply:os.system ['x']\n",
            "it has the tag 'tag:yaml.org,2002:python/object/apply",
        ),
        ("a: !!int ''\n", "it has the tag"),
        ("a: 1\nb: {c: 1, c: 2}\n", "the name 'c' occurs twice"),
        ("[a]: 1\n", "it has a name that is no text"),
        ("a: " + "[" * 60 + "]" * 60, "it is nested more than 50 deep"),
        ("[" * 100_000, "it is nested more than 50 deep|it is no YAML: .*depth"),
        ("a: 2001-99-99\n", "it is no YAML: "),
        ("a: 0x_\n", "it is no YAML: "),
        ("a: [1\n", "it is no YAML: "),
        ("a: \x07\n", "it is no YAML: "),
        ("", "it holds a NoneType; expected names and values"),
        ("- a\n", "it holds a list"),
        ("a: 1\n---\nb: 2\n", "it is no YAML: .*single document"),
    ],
)
def test_what_is_refused(either, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_yaml(text.encode())
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


def test_bytes_that_are_no_text(either):
    for text in (b"a: \xff\xfe\n", b"\xff\xfe", bytes(range(256)), b"\0" * 9):
        with pytest.raises(ValueError, match=r"it is no YAML|it holds a"):
            parse_yaml(text)


def test_without_pyyaml(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ValueError, match=r'not installed: pip install "npconformer\[nemo\]"'):
        parse_yaml(b"a: 1")
