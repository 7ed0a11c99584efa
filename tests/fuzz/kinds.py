"""The kinds of files that are damaged: a folder of whole ones for each, and what is done with the folder then."""

import importlib.util
import io
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "training")]

from nemo_archives import members, packed, settings_with  # noqa: E402
from tiny_checkpoints import lay_out_as_in_4, make_waveforms, save_recogniser  # noqa: E402

import npconformer  # noqa: E402
from npconformer import AutoConfig, AutoProcessor, AutoTokenizer  # noqa: E402
from npconformer.audio.files import read_audio  # noqa: E402
from npconformer.audio.streaming import duration_of, stream_audio  # noqa: E402
from npconformer.data.folder import read_examples  # noqa: E402
from npconformer.segments.rttm import read_rttm, to_rttm  # noqa: E402

PARTS = ("config.json", "weights", "vocab.txt")  # of an archive, under names that say how they are damaged
WAVEFORM = make_waveforms([3200])[0]


@dataclass(frozen=True)
class Kind:
    """files: whole ones by name. damaged: the names of which one is damaged. use: what is done with the folder."""

    name: str
    files: dict[str, bytes]
    damaged: tuple[str, ...]
    use: Callable[[Path], object]


def all_kinds():
    """Every kind; takes a second, for the models."""
    return [*checkpoints(), *archives(), *recordings(), *texts(), *trainings()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# ---- a model's settings, a processor's and a tokenizer's


def checkpoints():
    for kind in ("layer", "bert"):
        with tempfile.TemporaryDirectory() as name:
            files = contents(save_recogniser(Path(name), kind))
            former = contents(lay_out_as_in_4(Path(name)))
        settings = json.loads(former["tokenizer_config.json"])
        del settings["added_tokens_decoder"]
        former["tokenizer_config.json"] = json.dumps(settings).encode()
        former["added_tokens.json"] = b'{"<s>": 12, "</s>": 13}'
        yield Kind(f"{kind} config", files, ("config.json",), use_model)
        yield Kind(f"{kind} processor", files, ("processor_config.json",), use_processor)
        yield Kind(f"{kind} tokenizer", files, ("vocab.json", "tokenizer_config.json"), use_tokenizer)
        yield Kind(f"{kind} former extractor", former, ("preprocessor_config.json",), use_processor)
        names = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
        yield Kind(f"{kind} former tokenizer", former, names, use_tokenizer)
        yield Kind(f"{kind} weights", files, ("model.safetensors",), use_model)


def use_model(folder, saved=None):
    saved = saved or folder / "saved"
    AutoConfig.from_pretrained(folder).save_pretrained(saved)
    assert AutoConfig.from_pretrained(saved) == AutoConfig.from_pretrained(folder)
    npconformer.pipeline(model=folder)(WAVEFORM)


def use_processor(folder):
    processor = AutoProcessor.from_pretrained(folder)
    processor.save_pretrained(folder / "saved")
    AutoProcessor.from_pretrained(folder / "saved")
    rate = processor.feature_extractor.sampling_rate
    processor(audio=[WAVEFORM, WAVEFORM[:2000]], sampling_rate=rate, padding=True, return_tensors="np")


def use_tokenizer(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder / "saved")
    assert AutoTokenizer.from_pretrained(folder / "saved").get_vocab() == tokenizer.get_vocab()
    tokenizer(["AB <s>C", "D"], padding=True, return_tensors="np")
    tokenizer.decode([2, 2, 1, 3, 77], output_word_offsets=True)


# ---- archives of NeMo's: whole ones, and those whose configuration, weights or vocabulary alone is damaged


def archives():
    if importlib.util.find_spec("yaml") is None:
        return
    for mode in ("w", "w:gz"):
        yield Kind(f"nemo {mode}", {"x.nemo": packed(members(), mode)}, ("x.nemo",), use_archive)
    parts = dict(
        zip(PARTS, members(settings_with(decoder__vocabulary=[], decoder__num_classes=6)).values(), strict=False)
    )
    parts["vocab.txt"] = b"<unk>\nthe\na\n##s\n##n\n##i\n"
    for part in PARTS:
        yield Kind(f"nemo's {part}", parts, (part,), use_parts)


def use_archive(folder):
    use_model(folder / "x.nemo", folder / "saved")
    AutoProcessor.from_pretrained(folder / "x.nemo")


def use_parts(folder):
    names = ("model_config.yaml", "model_weights.ckpt", "1_vocab.txt")
    files = {name: (folder / part).read_bytes() for name, part in zip(names, PARTS, strict=True)}
    (folder / "x.nemo").write_bytes(packed(files))
    use_archive(folder)


# ---- recordings


def recordings():
    import soundfile

    for name, options in {
        "a.wav": {"format": "WAV", "subtype": "PCM_16"},
        "b.wav": {"format": "WAV", "subtype": "FLOAT"},
        "a.flac": {"format": "FLAC"},
        "a.ogg": {"format": "OGG"},
        "a.mp3": {"format": "MP3"},
        "a.opus": {"format": "OGG", "subtype": "OPUS"},
        "a.aiff": {"format": "AIFF"},
        "a.caf": {"format": "CAF", "subtype": "ALAC_16"},
        "a.w64": {"format": "W64"},
        "a.rf64": {"format": "RF64"},
        "a.au": {"format": "AU"},
        "gsm.wav": {"format": "WAV", "subtype": "GSM610"},
    }.items():
        buffer = io.BytesIO()
        sound = np.stack([WAVEFORM, -WAVEFORM], axis=1) if name == "a.flac" else WAVEFORM
        soundfile.write(buffer, sound, 8000, **options)
        yield Kind(name, {name: buffer.getvalue()}, (name,), use_recording)


def use_recording(folder):
    (path,) = folder.iterdir()
    assert duration_of(path) >= 0
    samples = read_audio(path, 16000)
    assert samples.dtype == np.float32 and samples.ndim == 1 and np.isfinite(samples).all()
    assert sum(len(piece) for piece in stream_audio(path, 16000)) > 0


# ---- manifests, and who speaks when


def texts():
    rows = [("a.wav", "one, two", "3", "0", "1.5"), ("b.wav", "drei é", "x", "", "")]
    names = ("path", "text", "label", "start", "end")
    for name, delimiter in {"data.csv": ",", "data.tsv": "\t"}.items():
        lines = [delimiter.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in (names, *rows)]
        yield Kind(name, {name: ("\n".join(lines) + "\n").encode()}, (name,), use_manifest)
    lines = [json.dumps({"path": p, "text": t, "speaker": 3, "start": 0, "end": 2.5}) for p, t, *_ in rows]
    yield Kind("data.jsonl", {"data.jsonl": "\n".join(lines).encode()}, ("data.jsonl",), use_manifest)
    nemo = [json.dumps({"audio_filepath": p, "text": t, "offset": 0.5, "duration": 2}) for p, t, *_ in rows]
    yield Kind("nemo.json", {"nemo.json": "\n".join(nemo).encode()}, ("nemo.json",), use_manifest)
    yield Kind("list.json", {"list.json": f"[{', '.join(nemo)}]".encode()}, ("list.json",), use_manifest)
    table = b"\xef\xbb\xbffile_name;transcription\r\na.wav;one, two\r\n"
    yield Kind("metadata.csv", {"metadata.csv": table}, ("metadata.csv",), use_manifest)
    first_line = {"data.jsonl": lines[0].encode()}
    yield Kind("one line", first_line, ("data.jsonl",), use_manifest)
    segments = to_rttm("talk", [(0.0, 1.5, "a"), (1.0, 2.25, "b")])
    yield Kind("a.rttm", {"a.rttm": segments.encode()}, ("a.rttm",), lambda folder: read_rttm(folder / "a.rttm"))


def use_manifest(folder):
    (path,) = folder.iterdir()
    for example in read_examples(path)[0]:
        json.dumps([example.text, example.label, example.speaker], ensure_ascii=False).encode("utf-8")


# ---- trainings


def trainings():
    from test_state import made

    from npconformer.training.state import write_state

    with tempfile.TemporaryDirectory() as name:
        write_state(Path(name), made(1))
        files = contents(Path(name))
    for damaged in ("training.json", "optimizer.safetensors", "average.safetensors", "model.safetensors"):
        yield Kind(damaged, files, (damaged,), use_training)
    yield Kind("sums", files, ("training.json",), use_sums)
    log = b"step,epoch,loss,learning_rate,eval_loss\n" + b"".join(b"%d,0,1.5,0.001,\n" % step for step in range(9))
    yield Kind("log", {"log.csv": log}, ("log.csv",), use_log)


def use_training(folder):
    from test_state import made

    from npconformer.training.state import read_state

    read_state(folder, made(2), lambda line: None)


def use_sums(folder):
    """A checkpoint whose checksums are damaged: found, and not believed."""
    from npconformer.storage.checksums import write_checksums
    from npconformer.training.checkpoint import CheckpointStore

    checkpoint = folder / "checkpoint-1"
    checkpoint.mkdir()
    damaged = (folder / "training.json").read_bytes()
    (checkpoint / "training.json").write_bytes(b"{}")
    write_checksums(checkpoint)
    (checkpoint / "SHA256SUMS").write_bytes(damaged)
    CheckpointStore(folder, report=lambda line: None).latest()


def use_log(folder):
    from npconformer.storage.step_log import CsvLog

    CsvLog(folder / "log.csv", ("loss", "epoch"), step=5).add({"step": 6, "loss": 1.0})
