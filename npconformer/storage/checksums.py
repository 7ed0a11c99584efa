"""A file of checksums for a folder, in the format of `sha256sum`: `cd FOLDER && sha256sum -c SHA256SUMS`."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

CHECKSUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_checksums(folder: Path) -> None:
    """Writes the checksum of every other file in the folder to SHA256SUMS in it."""
    names = sorted(path.name for path in folder.iterdir() if path.name != CHECKSUMS)
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names]
    (folder / CHECKSUMS).write_bytes("".join(lines).encode("utf-8"))


def find_damage(folder: Path) -> str | None:
    """What is wrong with a folder that `write_checksums` was called for, or None if it is as it was then."""
    try:
        text = (folder / CHECKSUMS).read_bytes().decode("utf-8")
    except FileNotFoundError:
        return f"{CHECKSUMS} is missing"
    except UnicodeDecodeError:
        return f"{CHECKSUMS} is damaged"
    sums = {}
    for line in text.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None:
            return f"{CHECKSUMS} is damaged"
        sums[match[2]] = match[1]
    if not text.endswith("\n"):
        return f"{CHECKSUMS} is cut short"
    present = {path.name for path in folder.iterdir()} - {CHECKSUMS}
    for name in sorted(sums.keys() - present):
        return f"{name} is missing"
    for name in sorted(present - sums.keys()):
        return f"{name} is not in {CHECKSUMS}"
    for name, expected in sums.items():
        if _sha256(folder / name) != expected:
            return f"{name} ({(folder / name).stat().st_size} bytes) does not have its checksum: cut short or changed"
    return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
