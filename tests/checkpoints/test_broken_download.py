"""Files that a failed download left under the name of weights are called what they are, with what to do."""

from pathlib import Path

import numpy as np
import pytest

from npconformer.checkpoints.broken_download import check_download
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.checkpoints.torch_file import TorchFile

FORMATS = pytest.mark.parametrize("format", [SafetensorsFile, TorchFile])
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 2474700217\n"
)
BROKEN = {
    "pointer": (POINTER, r"is a Git LFS pointer: 135 bytes .* of 2474700217 bytes\. Run .*`git lfs pull`"),
    "pointer without a size": (POINTER[:60], r"is a Git LFS pointer: 60 bytes of text that stand for a file\. Run"),
    "page": (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>", r"is a web page.*/resolve/, not /blob/"),
    "page after blank lines": (b"\xef\xbb\xbf\r\n  <html lang=en>" + bytes(5000), "is a web page"),
    "error of a bucket": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "is a web page"),
    "not found": (b"Entry not found", r"is text, not weights: 'Entry not found'.*Download the file again"),
    "message": (b'{"error": "Repository is gated"}', r"is text, not weights: '{\"error\": \"Repository is gated"),
    "empty": (b"", "is truncated: it is empty. Download the file again"),
    "zeros": (bytes(100_000), "begins with 512 zeros: its download never finished"),
}


@FORMATS
@pytest.mark.parametrize("case", BROKEN)
def test_broken(tmp_path, format, case):
    content, message = BROKEN[case]
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(ValueError, match=r"/weights " + message):
        format(tmp_path / "weights")


def test_a_pointer_has_135_bytes():
    assert len(POINTER) == 135


def test_cut_short(tmp_path):
    path = tmp_path / "weights"
    write_safetensors(path, {"a": np.ones(100)})
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for size in (header - 1, header, len(whole) - 1):
        path.write_bytes(whole[:size])
        expected = header if size < header else len(whole)
        message = (
            rf"/weights is truncated: it has {size} bytes of {expected}\. .* stopped early\. Download the file again"
        )
        with pytest.raises(ValueError, match=message):
            SafetensorsFile(path)
    files = Path(__file__).parent / "torch_files"
    for name in ("plain-zip.bin", "plain-stream.bin"):
        path.write_bytes((files / name).read_bytes()[:-9])
        with pytest.raises(ValueError, match=r"/weights cannot be loaded: it is truncated.*Download the file again"):
            TorchFile(path)


def test_what_is_whole_is_left_alone(tmp_path):
    for name in sorted((Path(__file__).parent / "torch_files").iterdir()):
        check_download(name)
    write_safetensors(tmp_path / "a", {})
    check_download(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        check_download(tmp_path / "b")
