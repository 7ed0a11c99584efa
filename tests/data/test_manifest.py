"""Manifests as people write them, and what is said of those that are none."""

import json
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
        Example(path="/b.wav", text="", source="train.csv, line 3"),
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


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["train.csv", "train.tsv"])
@pytest.mark.parametrize(
    ("separator", "text"), [(",", "one; two\tthree"), (";", "one, two\tthree"), ("\t", "one, two; 3")]
)
def test_the_header_says_what_separates_the_cells(write, mark, name, separator, text):
    content = f'{mark}text{separator}"path"\r\n{text}{separator}a.wav\r\n'
    assert fields(read_manifest(write(content, name))) == [("a.wav", text)]


def test_the_columns_of_hugging_face(write):
    path = write("file_name,transcription,duration\ntrain/a.wav,one,9\n", "metadata.csv")
    (example,) = read_manifest(path)
    assert example == Example(str(path.parent / "train/a.wav"), text="one", source="metadata.csv, line 2")
    lines = (
        '{"file_name": "a.wav", "transcription": "one"}\n{"file_name": "b.wav", "text": "two", "transcription": "x"}\n'
    )
    assert fields(read_manifest(write(lines, "metadata.jsonl"))) == [("a.wav", "one"), ("b.wav", "two")]


NEMO = [
    {"audio_filepath": "a.wav", "text": "one", "duration": 1.5},
    {"audio_filepath": "/b.wav", "text": "", "duration": 0.2, "offset": 0.1, "speaker": "anna"},
    {"audio_filepath": "c.wav", "duration": None, "offset": 2, "rttm_filepath": "c.rttm", "lang": "en"},
    {"path": "d.wav", "audio_filepath": "x.wav", "duration": 7.0},
]


@pytest.mark.parametrize("form", ["lines", "list"])
def test_the_columns_of_nemo(write, tmp_path, form):
    content = json.dumps(NEMO) if form == "list" else "".join(json.dumps(row) + "\n" for row in NEMO)
    assert read_manifest(write(content, "manifest.json")) == [
        Example(str(tmp_path / "a.wav"), "one", end=1.5, source="manifest.json, line 1"),
        Example("/b.wav", "", speaker="anna", start=0.1, end=0.3, source="manifest.json, line 2"),
        Example(str(tmp_path / "c.wav"), start=2.0, rttm=str(tmp_path / "c.rttm"), source="manifest.json, line 3"),
        Example(str(tmp_path / "d.wav"), source="manifest.json, line 4"),
    ]


def test_json_in_one_piece_is_a_list_of_objects(write):
    with pytest.raises(ValueError, match=r"m\.json, line 1: not JSON: .* has an object on each line, or is a list"):
        read_manifest(write('{\n "audio_filepath": "a.wav"\n}', "m.json"))
    with pytest.raises(ValueError, match=r"m\.json, entry 2: expected an object"):
        read_manifest(write('[{"path": "a.wav"}, 3]', "m.json"))
    with pytest.raises(ValueError, match=r"m\.json: not JSON"):
        read_manifest(write('[{"path": "a.wav"}, ', "m.json"))


def test_an_empty_text_is_one_and_no_text_is_none(write):
    rows = '{"path": "a.wav", "text": " "}\n{"path": "b.wav", "text": null}\n{"path": "c.wav"}\n'
    assert fields(read_manifest(write(rows, "x.jsonl"))) == [("a.wav", ""), ("b.wav", None), ("c.wav", None)]
    assert fields(read_manifest(write("path,text,label\na.wav,,\n"))) == [("a.wav", "")]
    assert read_manifest(write("path,text,label\na.wav,,\n"))[0].label is None


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_utf_16_is_named(write, name):
    with pytest.raises(ValueError, match=rf"{name}: it is UTF-16, not UTF-8; save it as UTF-8"):
        read_manifest(write("path,text\na.wav,one\n".encode("utf-16"), name))


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")
def test_what_never_ends_is_no_manifest(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    (tmp_path / "y.csv").symlink_to("/dev/zero")
    for name in ("x.csv", "y.csv"):
        with pytest.raises(ValueError, match=f"{name} is a pipe or a device"):
            read_examples(tmp_path / name)


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
        ("file;text\na.wav;one\n", "line 1: the header has no column 'path', only 'file;text'"),
        (
            "file_name,audio_filepath\na.wav,b.wav\n",
            "line 2: file_name and audio_filepath both say the path; leave one",
        ),
        ("path;text\na.wav;one;two\n", "line 2: 3 cells under a header of 2; quote cells that hold a semicolon"),
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
        ("path,start\na.wav,1e305\n", "line 2: start must be a number of seconds, 0 or more and at most 1e[+]09, got"),
        ("path,end\na.wav,1e999\n", "line 2: end must be a number of seconds"),
        ("path,end\na.wav,1_0\n", "line 2: end must be a number of seconds"),
        ("path;end\na.wav;1,5\n", "line 2: end must be a number of seconds.* got '1,5'; write a point for the comma"),
        ("path,offset,duration\na.wav,1,-1\n", "line 2: duration must be a number of seconds"),
        ("audio_filepath,duration\na.wav,0\n", r"line 2: end \(0 s\) must be after start"),
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
        ('{"path": "a.wav", "start": 1e305}', "start must be a number of seconds, 0 or more and at most"),
        ('{"audio_filepath": "a.wav", "offset": 1, "duration": 1e305}', "duration must be a number of seconds"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_wrong_json_names_file_and_line(write, line, message):
    with pytest.raises(ValueError, match=message) as error:
        read_manifest(write('{"path": "a.wav"}\n' + line + "\n", "x.jsonl"))
    assert "x.jsonl, line 2: " in str(error.value)


def test_unknown_kind_of_file(write):
    with pytest.raises(ValueError, match=r"ends in \.csv, \.tsv, \.jsonl, \.ndjson, \.json, got '\.txt'"):
        read_manifest(write("path\n", "x.txt"))


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such manifest or folder"):
        read_examples(tmp_path / "x.csv")


def test_names(write):
    whole, part, rest = read_manifest(write("path,start,end\n/a.wav,,\n/a.wav,0.5,2\n/a.wav,3,\n"))
    assert [e.name for e in (whole, part, rest)] == ["/a.wav", "/a.wav [0.5 to 2 s]", "/a.wav [3 to end]"]


def test_a_header_that_is_no_csv(write):
    with pytest.raises(ValueError, match=r"train\.csv, line 1: not CSV: field larger than"):
        read_manifest(write("path," + "x" * 200_000 + "\n"))
