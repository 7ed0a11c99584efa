"""Folders of recordings whose names, or the files beside them, say what is known.

folder/yes/1.wav, folder/no/2.wav       label, or speaker: the name of the folder inside the folder
folder/a.wav, folder/a.txt              text: what is said, UTF-8; nothing, if it is empty
folder/a.wav, folder/a.rttm             who speaks when
folder/metadata.csv (.jsonl)            all of it, in Hugging Face's form: then names and other files say nothing
"""

from __future__ import annotations

import os
from pathlib import Path

from npconformer.data.examples import Example, LeftOut
from npconformer.data.manifest import read_manifest
from npconformer.storage.files import AUDIO_SUFFIXES, is_recording
from npconformer.storage.natural_order import natural_key
from npconformer.storage.text_files import read_text

METADATA = ("metadata.csv", "metadata.jsonl")  # of Hugging Face's folders of recordings
LONGEST_TRANSCRIPT = 10_000_000  # bytes


def read_examples(path: str | os.PathLike) -> tuple[list[Example], list[LeftOut]]:
    """The examples of a manifest or of a folder of recordings, and what cannot be one.

    Raises FileNotFoundError when there is neither, and what `read_manifest` raises.
    """
    if Path(path).is_dir():
        return read_folder(path)
    if not Path(path).exists():
        raise FileNotFoundError(f"{os.fspath(path)}: no such manifest or folder")
    return read_manifest(path), []


def read_folder(folder: str | os.PathLike) -> tuple[list[Example], list[LeftOut]]:
    """The examples of all recordings in a folder and its subfolders, in natural order.

    An example has whatever is there: `label` and `speaker` are both the name of the subfolder of `folder` that
    the recording lies in, at any depth; `text` comes from the file beside it with the extension .txt, `rttm` is
    the one with .rttm.

    Where the folder has a metadata.csv or metadata.jsonl, it is the manifest, and recordings that it does not name are
    left out.

    Left out are recordings whose text cannot be read, folders that cannot be opened, and folders that are named as
    recordings and hold none. Formats that are read through ffmpeg count as recordings, so that whoever reads them says
    where it is not installed.
    """
    folder = Path(folder)
    examples, left_out = [], []
    paths, not_opened = _recordings(folder)
    left_out += [LeftOut(os.fsdecode(error.filename), error.strerror or str(error)) for error in not_opened]
    for name in METADATA:
        if (folder / name).is_file():
            examples = read_manifest(folder / name)
            named = {os.path.abspath(example.path) for example in examples}
            paths = [path for path in paths if os.path.abspath(path) not in named]
            return examples, [*left_out, *(LeftOut(str(path), f"{name} does not name it") for path in paths)]
    for path in paths:
        if path.is_dir():
            left_out.append(LeftOut(str(path), "is a folder, not an audio file"))
            continue
        parts = path.relative_to(folder).parts
        name = parts[0] if len(parts) > 1 else None
        rttm = path.with_suffix(".rttm")
        try:
            text = _text_beside(path)
        except (ValueError, OSError) as error:
            left_out.append(LeftOut(str(path), str(error).removeprefix(f"{path.parent}{os.sep}")))
            continue
        examples.append(Example(str(path), text, name, name, rttm=str(rttm) if rttm.is_file() else None))
    return examples, left_out


def _recordings(folder: Path) -> tuple[list[Path], list[OSError]]:
    """All recordings in a folder, with the folders that look like one, sorted; and what could not be opened."""
    errors: list[OSError] = []
    files, folders = [], []
    for parent, inner, names in os.walk(folder, onerror=errors.append):
        files += [Path(parent, name) for name in names if is_recording(name)]
        folders += [Path(parent, name) for name in inner if Path(name).suffix.lower() in AUDIO_SUFFIXES]
    with_recordings = {parent for path in files for parent in path.parents}
    return sorted([*files, *(path for path in folders if path not in with_recordings)], key=natural_key), errors


def _text_beside(path: Path) -> str | None:
    """What the file beside a recording says; an empty file says that nothing is said."""
    transcript = path.with_suffix(".txt")
    if not transcript.is_file():
        return None
    return " ".join(read_text(transcript, LONGEST_TRANSCRIPT).split())
