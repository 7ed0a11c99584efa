"""`npconformer embed`: recordings in, a vector of each one's speaker out."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import (
    add_batch_size,
    add_device,
    add_needed_model,
    add_output,
    add_recordings,
    add_threads,
    check_can_hold,
    check_model_is_given,
    load_pipeline,
)
from npconformer.commands.reading import SOUND_HELP, add_reading
from npconformer.commands.recordings import Recordings
from npconformer.commands.writing import JsonFormat, open_file, write_together

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

SOUND
A recording that cannot be read is named on standard error, and the others go on.
exit status: 0 all embedded, 1 some failed, 2 could not start.
"""


class VectorsJsonFormat(JsonFormat):
    """{"file", "embedding"}, with the nine digits that tell one float32 from every other."""

    def entry(self, result: Any) -> dict[str, Any]:
        return {"embedding": [float(f"{number:.9g}") for number in result.tolist()]}


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "embed",
        help="turn recordings into vectors of their speakers",
        description="Turn recordings into vectors of their speakers (x-vectors), to be stored and compared.",
        epilog=EXAMPLES.replace("SOUND\n", SOUND_HELP + "\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_recordings(parser)
    add_reading(parser)
    add_needed_model(parser, "…ForXVector")
    parser.add_argument("--normalize", action="store_true", help="divide each vector by its L2 norm")
    parser.add_argument("--format", choices=("npz", "json"), help="default: npz if --output ends so, else json")
    add_device(parser)
    add_threads(parser)
    add_batch_size(parser)
    add_output(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Embed every recording; returns the exit status."""
    check_model_is_given(arguments)
    recordings = Recordings(arguments.audio, arguments)
    check_can_hold(arguments, recordings.files)
    ends_npz = arguments.output is not None and Path(arguments.output).suffix.lower() == ".npz"
    as_npz = arguments.format == "npz" or (arguments.format is None and ends_npz)
    if as_npz and arguments.output is None:
        arguments.parser.error("npz is not for standard output: name a file with --output FILE.npz")
    embed = load_pipeline(
        "speaker-embedding", arguments, batch_size=arguments.batch_size, normalize=arguments.normalize
    )
    results = recordings.answers(embed)
    if as_npz:
        _write_npz(results, embed.model.config.xvector_output_dim, arguments.output)
    else:
        write_together(results, VectorsJsonFormat(), arguments.output)
    return recordings.status


def _write_npz(results: Iterable[tuple[str, Any]], size: int, path: str) -> None:
    """The names and vectors of the recordings that did not fail."""
    import numpy as np

    vectors = {i: (name, vector) for i, (name, vector) in enumerate(results) if not isinstance(vector, Exception)}
    files = np.array([name for name, _ in vectors.values()], dtype=str)
    embeddings = np.array([vector for _, vector in vectors.values()], np.float32).reshape(len(files), size)
    with open_file(path) as file:
        np.savez(file, files=files, embeddings=embeddings)
