"""What pipelines are given: arrays, dicts, bytes, files, lists, generators, datasets."""

import io
import os
from typing import Any

import numpy as np

from tests.porting.area import Area
from tests.porting.library import Library
from tests.porting.written import add_calls

AREA = Area("pipeline_inputs", "What pipelines take")


def names(l: Library) -> dict[str, Any]:
    import soundfile

    x = l.audio(8000)
    file = str(l.temporary / "x.wav")
    soundfile.write(file, x, 16000, "FLOAT")
    with open(file, "rb") as open_file:
        content = open_file.read()
    return {
        "np": np,
        "io": io,
        "x": x,
        "content": content,
        "file": file,
        "pipe": l.pipeline("automatic-speech-recognition", model=l.folder(), device=-1),
        "classify": l.pipeline("audio-classification", model=l.folder("ForSequenceClassification"), device=-1),
    }


add_calls(
    AREA,
    names,
    [
        "pipe(x)",
        "pipe(x.astype(np.float64))",
        "pipe(x[None])",
        "pipe(np.stack([x, x]))",
        'pipe({"raw": x, "sampling_rate": 16000})',
        'pipe({"array": x, "sampling_rate": 16000})',
        'pipe({"array": x, "sampling_rate": 16000, "path": "x.wav"})',
        'pipe({"raw": x, "sampling_rate": 16000, "path": "x.wav"})',
        'pipe({"array": x, "sampling_rate": 16000, "id": 7})',
        'pipe({"array": x, "sampling_rate": 16000, "id": 7, "speaker": "ann"}, return_timestamps="word")["speaker"]',
        'pipe([{"array": x, "sampling_rate": 16000, "id": 7}, {"array": x, "sampling_rate": 16000, "id": 8}])',
        'pipe({"raw": x})',
        'pipe({"sampling_rate": 16000})',
        'pipe({"raw": x, "sampling_rate": 16000, "stride": (2500, 0)})',
        'pipe({"raw": x, "sampling_rate": 16000, "stride": (0, 2500)})',
        'pipe({"raw": x, "sampling_rate": 16000, "stride": (1234, 567)})',
        'pipe({"raw": x, "sampling_rate": 16000, "stride": [1600, 1600]}, return_timestamps="char")["chunks"][:2]',
        'pipe({"raw": x, "sampling_rate": 16000, "stride": (5000, 5000)})',
        'pipe({"raw": x, "sampling_rate": 16000, "stride": (5000, 0), "partial": True})',
        's = {"raw": x, "sampling_rate": 16000, "stride": (999, 0)}; '
        "pipe.postprocess([pipe.forward(one) for one in pipe.preprocess(s)])",
        "pipe([x, x[:4000]])",
        "pipe([x, x], batch_size=2)",
        "list(pipe(one for one in [x, x]))",
        "next(iter(pipe(one for one in [x, x])))",
        "isinstance(pipe(one for one in [x]), list)",
        "pipe(None)",
        "pipe(3)",
        "pipe('no-such-file.wav')",
        "len(classify([x, x]))",
        'len(classify({"array": x, "sampling_rate": 16000, "id": 7}))',
        "len(next(iter(classify(one for one in [x, x]))))",
        "classify({'array': x})",
    ],
)


class Recordings:
    """A dataset that is of no library."""

    def __init__(self, recordings: list[np.ndarray]) -> None:
        self.recordings = recordings

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.recordings[index]


@AREA.row("list(pipe(torch_dataset))", needs="torch")
def torch_dataset(l: Library) -> Any:
    from torch.utils.data import Dataset

    class OfTorch(Recordings, Dataset):
        pass

    there = names(l)
    return list(there["pipe"](OfTorch([there["x"], there["x"]])))


@AREA.row("list(pipe(dataset))", deliberate="anything with __len__ and __getitem__; the reference wants torch's class")
def dataset(l: Library) -> Any:
    there = names(l)
    return list(there["pipe"](Recordings([there["x"], there["x"]])))


def without_programs(l: Library) -> dict[str, Any]:
    there = names(l)

    def heard(recording: Any) -> Any:
        path, os.environ["PATH"] = os.environ["PATH"], ""
        try:
            return there["pipe"](recording)
        finally:
            os.environ["PATH"] = path

    return {**there, "pipe": heard}


add_calls(
    AREA,
    without_programs,
    ["pipe(file)", "pipe(content)"],
    deliberate="needs no ffmpeg: libsndfile reads WAV, FLAC, OGG and MP3",
)
add_calls(AREA, names, ["pipe(__import__('torch').tensor(x))"], needs="torch")
add_calls(
    AREA,
    names,
    ["pipe(io.BytesIO(content))", 'pipe(open(file, "rb"))', "pipe((x, x))"],
    deliberate="taken; the reference takes paths, bytes, arrays, dicts and lists of them",
)
add_calls(
    AREA,
    names,
    ['pipe({"array": x, "sampling_rate": 16000, "text": "WHAT WAS READ"})["text"]'],
    deliberate="what was heard; the reference gives the dict's own text in its place",
)
add_calls(
    AREA,
    names,
    ["pipe(x, sampling_rate=8000)"],
    deliberate="the rate of a bare array is heeded; the reference ignores it",
)
