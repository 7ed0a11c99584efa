"""The same models in the forms that other programs run: ONNX for onnxruntime, CTranslate2's own. Made once, and kept.

torch and transformers make both. A form that is there is taken as it is; one that could not be finished leaves nothing
behind. An ONNX file is for one shape of input, which lets onnxruntime know every size beforehand.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement import largest_difference
from benchmarks.cases import Case
from benchmarks.models import folder_of

ONNX_FILE, EXPORTER, LOGITS, REFERENCE_LOGITS = "model.onnx", "exporter.txt", "logits.npy", "reference.npy"
EXPORTERS = ("dynamo", "TorchScript")  # torch's two, in the order in which they are tried


def onnx_folder(case: Case, models_folder: str | Path) -> Path:
    """Where the ONNX form of a model for one shape is, or will be, with its weights beside it."""
    return Path(models_folder) / "onnx" / f"{case.model}-{case.seconds:g}s-batch{case.batch}"


def ctranslate2_folder(model: str, models_folder: str | Path) -> Path:
    """Where CTranslate2's form of a model is, or will be."""
    return Path(models_folder) / "ctranslate2" / model


def to_onnx(model: str, seconds: float, batch: int, models_folder: str, input_file: str) -> str:
    """A job: exports transformers' model for an input of this shape, and runs both; the exporter's name.

    The logits of both stay beside the ONNX file, for `onnx_difference`.
    """
    target = onnx_folder(Case(model, seconds, batch), models_folder)
    if not target.is_dir():
        from benchmarks.sides import THEIRS, load

        target.parent.mkdir(parents=True, exist_ok=True)
        values = np.load(input_file)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target.parent) as unfinished:
            folder = Path(unfinished) / "onnx"
            folder.mkdir()
            reference, exporter = _export(load(THEIRS, folder_of(model, models_folder)), values, folder)
            np.save(folder / REFERENCE_LOGITS, reference)
            np.save(folder / LOGITS, onnx_session(folder, threads=1)(values))
            (folder / EXPORTER).write_text(exporter)
            folder.rename(target)
    return (target / EXPORTER).read_text()


def onnx_difference(folder: Path) -> float:
    """How far an exported model lies from transformers'.

    Raises:
        DisagreementError: too far.
    """
    return largest_difference(np.load(folder / LOGITS), np.load(folder / REFERENCE_LOGITS))


def _export(model: Any, values: np.ndarray, folder: Path) -> tuple[np.ndarray, str]:
    """torch's logits, and which of its exporters wrote the file."""
    import torch

    class Logits(torch.nn.Module):
        """One array in, one array out."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return self.model(values, return_dict=False)[0]

    wrapped, tensor = Logits().eval(), torch.from_numpy(values)
    with torch.inference_mode():
        reference = wrapped(tensor).numpy()
    return reference, _write_onnx(wrapped, tensor, folder)


def _write_onnx(module: Any, tensor: Any, folder: Path) -> str:
    """The exporter that worked; the error of the last one where none did."""
    import torch

    error: Exception | None = None
    for exporter in EXPORTERS:
        options = (
            {"dynamo": True, "external_data": True, "verbose": False} if exporter == "dynamo" else {"dynamo": False}
        )
        try:
            with torch.no_grad():
                names: dict[str, Any] = {"input_names": ["values"], "output_names": ["logits"]}
                torch.onnx.export(module, (tensor,), str(folder / ONNX_FILE), **names, **options)
        except Exception as failure:  # exporters raise whatever the operation that they do not know raised
            error = failure
        else:
            return exporter
    raise RuntimeError(str(error).strip().splitlines()[0] if str(error).strip() else repr(error))


def onnx_session(folder: Path, threads: int) -> Any:
    """A function from values to logits: onnxruntime on the CPU, with its default optimisations and spinning threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(folder / ONNX_FILE), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def to_ctranslate2(model: str, models_folder: str) -> str:
    """A job: CTranslate2's form of a model. Its converter asks for a processor's files beside the weights."""
    folder, target = folder_of(model, models_folder), ctranslate2_folder(model, models_folder)
    if not target.is_dir():
        from ctranslate2.converters import TransformersConverter

        import npconformer

        letters = {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *map(chr, range(65, 92))])}
        tokenizer = npconformer.Wav2Vec2CTCTokenizer(letters)
        npconformer.Wav2Vec2BertProcessor(npconformer.SeamlessM4TFeatureExtractor(), tokenizer).save_pretrained(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target.parent) as unfinished:
            TransformersConverter(str(folder)).convert(str(Path(unfinished) / model))
            (Path(unfinished) / model).rename(target)
    return str(target)
