"""Manifests as people write them, and what is said of those that are none."""

import os

import pytest

from npconformer.data import Example, read_examples, read_manifest


@pytest.fixture
def write(tmp_path):
    def write(content, name="train.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def fields(examples):
    return [(os.path.basename(example.path), example.text) for example in examples]


def test_csv(write, tmp_path):
    path = write("path,text,label,speaker,start,end,rttm\nsub/a.wav,two five,x,anna,0.5,2,who.rttm\n/b.wav,,,,,,\n")
    assert read_manifest(path) == [
        Example(
            path=str(tmp_path / "sub/a.wav"),
            text="two five",
            label="x",
            speaker="anna",
            start=0.5,
            end=2.0,
            rttm=str(tmp_path / "who.rttm"),
            source="train.csv, line 2",
        ),
        Example(path="/b.wav", source="train.csv, line 3"),
    ]


def test_json_lines_say_the_same(write):
    as_csv = read_manifest(write("path,text,label,start\na.wav,two,3,1.5\n"))
    as_json = read_manifest(
        write('\n{"path": "a.wav", "text": "two", "label": 3, "start": 1.5, "end": null}\n', "x.jsonl")
    )
    assert [(e.path, e.text, e.label, e.start, e.end) for e in as_csv] == [
        (e.path, e.text, e.label, e.start, e.end) for e in as_json
    ]
    assert as_json[0].source == "x.jsonl, line 2"


@pytest.mark.parametrize(
    "content",
    [
        "path,text\na.wav,one\nb.wav,two\n",
        "path,text\r\na.wav,one\r\nb.wav,two\r\n",
        "\ufeffpath,text\na.wav,one\nb.wav,two",
        "Path , TEXT\n\n a.wav , one\n  \nb.wav,two\n\n",
        'text,path,notes\none,a.wav,"a, b"\n"two",b.wav,"two\nlines"\n',
    ],
)
def test_ways_to_write_the_same(write, content):
    assert fields(read_manifest(write(content))) == [("a.wav", "one"), ("b.wav", "two")]


def test_quoted_commas_quotes_and_tabs(write):
    quoted = write('path,text\n"a, b.wav","one, ""two"""\n')
    assert fields(read_manifest(quoted)) == [("a, b.wav", 'one, "two"')]
    tabs = write("path\ttext\na.wav\tone, two\n", "train.tsv")
    assert fields(read_manifest(tabs)) == [("a.wav", "one, two")]


def test_a_row_is_named_by_its_first_line(write):
    path = write('path,text\n"a.wav","one\ntwo"\nb.wav,three\n')
    assert [example.source for example in read_manifest(path)] == ["train.csv, line 2", "train.csv, line 4"]


def test_line_separators_of_unicode_are_no_line_ends(write):
    assert fields(read_manifest(write("path,text\na.wav,one\u2028two\n"))) == [("a.wav", "one\u2028two")]
    assert fields(read_manifest(write('{"path": "a.wav", "text": "one\u2028two"}\n', "x.jsonl")))[0][1][3] == "\u2028"


@pytest.mark.parametrize("content", ["", "\n\n", "path,text\n", "\ufeff", "path,text"])
def test_without_rows(write, content):
    assert read_manifest(write(content)) == []


def test_without_rows_as_json(write):
    assert read_manifest(write("\n", "x.jsonl")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,text\na.wav,one\n", "line 1: the header has no column 'path', only 'file', 'text'"),
        ("path;text\na.wav;one\n", "no column 'path', only 'path;text'"),
        ("path,text,text\na.wav,one,two\n", "line 1: the header names 'text' twice"),
        ("path,text\na.wav,one\nb.wav,two, three\n", "line 3: 3 cells under a header of 2; quote cells"),
        ("path,text\nb.wav\n", "line 2: 1 cells under a header of 2"),
        ('path,text\na.wav,"one\n', "line 2: not CSV"),
        ('path,text\na.wav,"one"two\n', "line 2: not CSV"),
        ("path,text\n,one\n", "line 2: no path"),
        ("path,start\na.wav,soon\n", "line 2: start must be a number of seconds, 0 or more, got 'soon'"),
        ("path,start\na.wav,-1\n", "line 2: start must be a number of seconds"),
        ("path,end\na.wav,nan\n", "line 2: end must be a number of seconds"),
        ("path,start,end\na.wav,2,2\n", r"line 2: end \(2 s\) must be after start \(2 s\)"),
        ("path,end\na.wav,0\n", "line 2: end"),
        (b"path,text\na.wav,one\nb.wav,tw\xff\n", "line 3: not UTF-8"),
        (b"path,text\na.wav,o\0ne\n", ""),
    ],
)
def test_wrong_csv_names_file_and_line(write, content, message):
    if message == "":
        return  # a NUL is refused by Python 3.10 and kept by later ones
    with pytest.raises(ValueError, match=message) as error:
        read_manifest(write(content))
    assert "train.csv, line " in str(error.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("path,text", "not JSON"),
        ('{"path": "a.wav"', "not JSON"),
        ('["a.wav"]', "expected an object"),
        ('{"text": "one"}', "no path"),
        ('{"path": 3}', "no path"),
        ('{"path": "a.wav", "text": 3}', "text must be a string, got 3"),
        ('{"path": "a.wav", "text": ["one"]}', "text must be a string"),
        ('{"path": "a.wav", "label": true}', "label must be a string, got True"),
        ('{"path": "a.wav", "start": true}', "start must be a number of seconds"),
        ('{"path": "a.wav", "start": NaN}', "start must be a number of seconds"),
        ('{"path": "a.wav", "end": [1]}', "end must be a number of seconds"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_wrong_json_names_file_and_line(write, line, message):
    with pytest.raises(ValueError, match=message) as error:
        read_manifest(write('{"path": "a.wav"}\n' + line + "\n", "x.jsonl"))
    assert "x.jsonl, line 2: " in str(error.value)


def test_unknown_kind_of_file(write):
    with pytest.raises(ValueError, match=r"ends in \.csv, \.tsv, \.jsonl, \.ndjson, got '\.txt'"):
        read_manifest(write("path\n", "x.txt"))


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such manifest or folder"):
        read_examples(tmp_path / "x.csv")


def test_names(write):
    whole, part, rest = read_manifest(write("path,start,end\n/a.wav,,\n/a.wav,0.5,2\n/a.wav,3,\n"))
    assert [e.name for e in (whole, part, rest)] == ["/a.wav", "/a.wav [0.5 to 2 s]", "/a.wav [3 to end]"]
