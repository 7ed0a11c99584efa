"""`npconformer embed`: recordings in, a vector of each one's speaker out."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from typing import Any

from npconformer.commands.answering import answer
from npconformer.commands.arguments import (
    add_batch_size,
    add_device,
    add_needed_model,
    add_recordings,
    add_threads,
    check_model_is_given,
    load_pipeline,
)
from npconformer.commands.documents import Asked, Format, JsonFormat, JsonLines
from npconformer.commands.places import PLACES_HELP, add_place, find_place
from npconformer.commands.reading import SOUND_HELP, add_reading
from npconformer.commands.recordings import Recordings
from npconformer.commands.vectors_file import VectorsFile

EXAMPLES = """\
examples:
  npconformer embed anna.wav ben.wav --model my-checkpoint --output speakers.npz
  npconformer embed recordings/ --model my-checkpoint --batch-size 8 --output speakers.json
      every recording in a folder and its subfolders
  npconformer embed anna.wav --model my-checkpoint --normalize
      JSON to standard output, the vector divided by its L2 norm

--model is a checkpoint of a model …ForXVector, as a folder with config.json, model.safetensors,
and preprocessor_config.json or processor_config.json, or as owner/name, a repository at the Hugging Face hub, from
which these are downloaded (needs the extra `hub`). None comes with the package.

Vectors of one speaker point the same way: compare them by the cosine of their angle (npconformer compare), on
which their L2 norms have no influence. They are written as the model gives them; with --normalize each has the
norm 1, and the cosine of two is their dot product.

output formats, by the ending of --output unless --format says which:
  npz   for numpy.load: "files" (N,), the names of the recordings that did not fail, and "embeddings" (N, D), float32
  json  an array with one object per recording, in order: {"file", "embedding": [D numbers]};
        {"file", "error"} for one that failed
  jsonl  the same objects, one on each line; alone in a file of --output-dir, json is such an object, too

PLACES
SOUND
A recording that cannot be read is named on standard error, and the others go on.
exit status: 0 all embedded, 1 some failed, 2 could not start.
"""


class VectorsJsonFormat(JsonFormat):
    """{"file", "embedding"}, with the nine digits that tell one float32 from every other."""

    def entry(self, result: Any) -> dict[str, Any]:
        return {"embedding": [float(f"{number:.9g}") for number in result.tolist()]}


class VectorsJsonLines(JsonLines, VectorsJsonFormat):
    """The same objects, one on each line."""


class NpzFormat(Format):
    """The names and vectors of the recordings that did not fail; of many, a VectorsFile."""

    extensions = (".npz",)
    binary = True

    def alone(self, asked: Asked, result: Any) -> Any:
        import numpy as np

        file = io.BytesIO()
        np.savez(file, files=np.array([asked.name], dtype=str), embeddings=np.asarray(result, np.float32)[None])
        return file.getvalue()


FORMATS = {"npz": NpzFormat, "json": VectorsJsonFormat, "jsonl": VectorsJsonLines}


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "embed",
        help="turn recordings into vectors of their speakers",
        description="Turn recordings into vectors of their speakers (x-vectors), to be stored and compared.",
        epilog=EXAMPLES.replace("PLACES\n", PLACES_HELP + "\n").replace("SOUND\n", SOUND_HELP + "\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_recordings(parser)
    add_reading(parser)
    add_needed_model(parser, "…ForXVector")
    parser.add_argument("--normalize", action="store_true", help="divide each vector by its L2 norm")
    add_device(parser)
    add_threads(parser)
    add_batch_size(parser)
    add_place(parser, FORMATS, "json")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Embed every recording; returns the exit status."""
    check_model_is_given(arguments)
    recordings = Recordings(arguments.audio, arguments)
    place = find_place(arguments, recordings, FORMATS, "json")
    loaded: list[Any] = []

    def load() -> Any:
        loaded.append(
            load_pipeline(
                "speaker-embedding", arguments, batch_size=arguments.batch_size, normalize=arguments.normalize
            )
        )
        return loaded[0]

    def one_file(path: str, asked: Sequence[Asked], keep: bool) -> VectorsFile:
        return VectorsFile(path, lambda: loaded[0].model.config.xvector_output_dim if loaded else 0, asked, keep)

    as_npz = isinstance(place.formats[0], NpzFormat)
    return answer(recordings, place, load, one_file if as_npz else None)
