"""What a file that is no recording is, by its first bytes.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

MARKS = {
    b"version https://git-lfs": "a Git LFS pointer: the recording itself was not fetched (git lfs pull)",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "compressed with gzip",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"\x7fELF": "a program",
    b"SQLite format": "a database",
}
HTML = (b"<!doctype html", b"<html", b"<head", b"<body")


def looks_like(head: bytes) -> str | None:
    """What a file starts like that certainly is no sound: "HTML (a web page)"; None for what may be."""
    for mark, what in MARKS.items():
        if head.startswith(mark):
            return what
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(HTML) or (text.startswith((b"<?xml", b"<!--")) and b"<html" in text):
        return "HTML (a web page; a failed download?)"
    if text.startswith((b"<?xml", b"<error", b"<svg")):
        return "XML"
    if text.startswith((b'{"', b'[{"', b"{\n")):
        return "JSON"
    return None


def needs_ffmpeg(head: bytes) -> str | None:
    """The format that these are the first bytes of, of those that libsndfile does not read."""
    if head[4:8] == b"ftyp":
        return "MP4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "Matroska or WebM"
    if head.startswith(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"):
        return "Windows Media"
    if head.startswith(b"#!AMR"):
        return "AMR"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC"
    return None
