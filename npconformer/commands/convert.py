"""`npconformer convert`: a checkpoint in, the same in another file format, dtype or cut into shards out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import add_checkpoint, describe, fetch_checkpoint, say

DTYPES = ("float32", "float16", "bfloat16", "float64", "int8")

EXAMPLES = """\
examples:
  npconformer convert old-checkpoint new-checkpoint
      pytorch_model.bin to model.safetensors, without torch and without running what is in the file
  npconformer convert my-checkpoint half --dtype float16
      half the size; npconformer computes in float32 from it all the same
  npconformer convert my-checkpoint quarter --dtype int8
      a quarter of the size: the matrices of linear layers and 1x1 convolutions in int8, for npconformer alone
  npconformer convert my-checkpoint shards --max-shard-size 500MB
      in several files with an index
  npconformer convert my-checkpoint for-old-tools --format bin
      model.safetensors to pytorch_model.bin, which torch.load(weights_only=True) reads

  npconformer convert conformer_100h.pt my-checkpoint
      a checkpoint of fairseq, with dict.ltr.txt beside it for the letters
  npconformer convert stt_en_conformer_ctc_small.nemo english
      an archive of NeMo's with a Conformer-CTC, without NeMo and torch; needs PyYAML (the extra "nemo")
  npconformer convert conformer-ctc-small english
      a folder of arrays under the names of NeMo's Conformer-CTC, with tokens.txt or vocab.txt for the word pieces

CHECKPOINT is a folder with config.json and weights as safetensors or .bin, whole or in shards. OUT_DIR is made, and is
there only when all is written; the checkpoint stays as it is. What is not weights is copied; the names of what is left
behind (weights of other formats, folders) are said.

Or it is a file of fairseq: Wav2Vec2-Conformer, pre-trained or fine-tuned with CTC, or w2v-BERT 2.0 as it was released
(fairseq2). The configuration is made of the settings in the file and held against its weights. The objects in it are
read as names and values; nothing of theirs is imported or called.

Floating-point weights are rounded to the nearest number of the new dtype, of two as near to the even one. A weight that
would become infinite ends the conversion. Counters stay integers. Without --dtype the weights keep their bits.
int8: each row of a matrix has a scale, and columns that would make the others coarse stay float32, as does all that is
no matrix product. transformers does not read such a folder; with --dtype float32 it becomes one that it reads.

exit status: 0 converted; 2 not converted, with the reason, and nothing written.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "convert",
        help="write a checkpoint in another format, dtype or cut into shards",
        description="Write a checkpoint in another file format, another dtype, or cut into shards.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_checkpoint(parser, also=", or a file of fairseq or NeMo (.nemo)")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="the folder to make")
    parser.add_argument(
        "--format", choices=("safetensors", "bin"), default="safetensors", help="of the weights; default: safetensors"
    )
    parser.add_argument("--dtype", choices=DTYPES, help="of the weights; default: as they are")
    parser.add_argument(
        "--max-shard-size", default="5GB", metavar="SIZE", help="of a file of weights, such as 200MB; default: 5GB"
    )
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Convert the checkpoint; returns the exit status."""
    from npconformer.checkpoints.shards import parse_size
    from npconformer.commands.convert_fairseq import convert_file
    from npconformer.commands.convert_nemo import convert_archive, convert_folder_of_arrays, is_nemo_folder
    from npconformer.storage.archives import archive_at, source_of
    from npconformer.storage.folders import whole_folder

    check_out_dir(arguments)
    if arguments.dtype == "int8" and arguments.format == "bin":
        arguments.parser.error("--dtype int8 needs --format safetensors: nothing else reads such weights")
    try:
        convert = convert_folder
        if Path(arguments.checkpoint).is_file() and archive_at(Path(arguments.checkpoint)) is None:
            convert = convert_file
        else:
            fetch_checkpoint(arguments)
        if source_of(arguments.checkpoint) is not None:
            convert = convert_archive
        elif convert is convert_folder and is_nemo_folder(arguments.checkpoint):
            convert = convert_folder_of_arrays
        largest = parse_size(arguments.max_shard_size)
        with whole_folder(arguments.out_dir) as folder:
            convert(arguments, folder, largest)
    except (ValueError, OSError, RuntimeError) as error:
        return say(describe(error), status=2)
    return 0


def check_out_dir(arguments: argparse.Namespace) -> None:
    """Refuse an OUT_DIR that cannot be made, or that holds something, before any work is done."""
    out = Path(arguments.out_dir)
    if out.exists() and not out.is_dir():
        arguments.parser.error(f"OUT_DIR {out} is a file; name a folder to make")
    if out.is_dir() and any(out.iterdir()):
        arguments.parser.error(f"OUT_DIR {out} is not empty; name a folder to make")
    if not out.absolute().parent.is_dir():
        arguments.parser.error(f"OUT_DIR {out}: there is no folder {out.absolute().parent}")


def convert_folder(arguments: argparse.Namespace, out: Path, largest: int) -> None:
    """Fill the folder `out` with the checkpoint, converted."""
    from npconformer.checkpoints.array_file import open_weights
    from npconformer.checkpoints.folder_files import CONFIG_NAME, copy_other_files, set_config_dtype
    from npconformer.checkpoints.int8_file import int8_names, with_int8
    from npconformer.checkpoints.pretrained import NEEDED
    from npconformer.commands.converted_weights import tell, write_weights
    from npconformer.storage.files import existing_folder

    source = existing_folder(arguments.checkpoint, NEEDED)
    if not (source / CONFIG_NAME).is_file():
        raise FileNotFoundError(f"{source} holds no {CONFIG_NAME}; expected a checkpoint folder with {NEEDED}")
    file = open_weights(source)
    if arguments.dtype is None and arguments.format == "bin" and int8_names(file):
        raise ValueError(f"{file.path} has int8 weights, which need --format safetensors, or --dtype float32")
    left = copy_other_files(source, out)
    weights = file
    if arguments.dtype is not None:
        set_config_dtype(out, arguments.dtype)
        weights = with_int8(file)
    model = model_of(source) if arguments.dtype == "int8" else None
    paths = write_weights(arguments, weights, out, largest, model)
    used = {file.path.name, *getattr(file, "shards", ())}
    tell(arguments, paths, [name for name in left if name not in used])


def model_of(folder: Path) -> Any:
    """The model in a checkpoint folder, without any weights."""
    from npconformer.models.auto import AutoConfig, class_of
    from npconformer.nn.init import no_init

    config = AutoConfig.from_pretrained(folder)
    with no_init():
        return class_of(config)(config)
