"""The reference file: what one run of a model was given and gave, as a plain safetensors file. `docs/verify.md`.

    inputs.<argument>                 what forward gets: input_values or input_features, attention_mask, labels, ...
    outputs.<field>[.<number>]        what it gives: logits, last_hidden_state, hidden_states.3, attentions.0, ...
    loss                              0-d, where there are labels
    modules.<dotted name>             what the module of that name gives, time before channels: (B, T, C)
    upstream.<field>                  gradients of outputs, where backward starts; without them it starts at the loss
    gradients.<parameter>             the gradients that reach the parameters

Metadata: reference_format, model_type, made_by, and perhaps architecture and tolerances.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.verify.tolerances import KINDS

FORMAT = "1"
GROUPS = ("inputs", "outputs", "modules", "upstream", "gradients")
COMPARED = ("outputs", "modules", "gradients")  # and the loss
NAMES = ", ".join([*(f"{group}.<name>" for group in GROUPS), "loss"])
HALF_PRECISION = ("F16", "BF16")


@dataclass
class Reference:
    """One run of a model.

    Attributes:
        arrays: by the names above.
        model_type: as in config.json, such as "wav2vec2-bert".
        made_by: which program ran the model, with its version.
        architecture: the model's class, such as "Wav2Vec2BertForCTC", or None.
        tolerances: the largest relative difference for each of the kinds outputs, modules, loss, gradients; for a kind
            that is not there, the one that `verify.tolerances` says.
    """

    arrays: dict[str, np.ndarray]
    model_type: str
    made_by: str
    architecture: str | None = None
    tolerances: dict[str, float] = field(default_factory=dict)

    def group(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of a group, such as "inputs", by the rest of their names."""
        start = f"{name}."
        return {key.removeprefix(start): array for key, array in self.arrays.items() if key.startswith(start)}

    @property
    def compared(self) -> list[str]:
        """The names of what was computed, as opposed to given."""
        return [name for name in self.arrays if name.split(".")[0] in (*COMPARED, "loss")]

    @property
    def dtype(self) -> str:
        """float32 if any floating array that was computed is, else float64. CTC losses are float32 in either case."""
        found = {self.arrays[name].dtype.name for name in self.compared if name != "loss"}
        return "float32" if "float32" in found else "float64"

    def save(self, path: str | os.PathLike) -> None:
        """Writes the file, whole or not at all."""
        metadata = {"reference_format": FORMAT, "model_type": self.model_type, "made_by": self.made_by}
        if self.architecture is not None:
            metadata["architecture"] = self.architecture
        if self.tolerances:
            metadata["tolerances"] = json.dumps(self.tolerances)
        write_safetensors(path, self.arrays, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Reference:
        """Reads the file.

        Raises:
            FileNotFoundError: there is none. ValueError: it is no safetensors file, or not of this format; the message
                names the file and what is wrong.
        """
        file = SafetensorsFile(path)
        metadata = file.metadata
        for name in ("reference_format", "model_type"):
            if name not in metadata:
                raise ValueError(f"{path} is no reference of a model's run: its metadata lacks {name} (docs/verify.md)")
        if metadata["reference_format"] != FORMAT:
            found = metadata["reference_format"]
            raise ValueError(f"{path}: its reference_format is {found!r}; this version reads {FORMAT!r}")
        for name, entry in file.entries.items():
            _check_name(path, name)
            if entry.dtype in HALF_PRECISION:
                raise ValueError(f"{path}: {name} is {entry.dtype}; a reference is in float32 or float64")
        reference = cls(
            {name: file.read(name) for name in file},
            metadata["model_type"],
            metadata.get("made_by", "an unnamed program"),
            metadata.get("architecture"),
            read_tolerances(path, metadata.get("tolerances", "{}")),
        )
        _check_parts(path, reference)
        return reference


def read_tolerances(path: str | os.PathLike, text: str) -> dict[str, float]:
    """{"outputs": 2e-5, ...} from the metadata's JSON. Raises ValueError, naming the file."""
    try:
        tolerances = json.loads(text)
        check_tolerances(tolerances)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: its tolerances are {text!r}: {error}") from None
    return {kind: float(value) for kind, value in tolerances.items()}


def check_tolerances(tolerances: Mapping[str, float]) -> None:
    """Raises ValueError for kinds that there are not, and for what is no number of 0 or more."""
    if not isinstance(tolerances, Mapping) or not set(tolerances) <= set(KINDS):
        raise ValueError(f"tolerances: expected numbers for some of {', '.join(KINDS)}")
    for kind, value in tolerances.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
            raise ValueError(f"tolerances: {kind} is {value!r}; expected a number of 0 or more")


def random_upstream(shapes: Mapping[str, tuple[int, ...]], dtype: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Standard normal gradients for outputs of these shapes, by name: what backward starts from without a loss.

    Never ones: softmax and normalisations send a constant gradient to zero, right or wrong.
    """
    random = np.random.default_rng(seed)
    return {name: random.standard_normal(shapes[name]).astype(dtype) for name in sorted(shapes)}


def _check_name(path: str | os.PathLike, name: str) -> None:
    group, _, rest = name.partition(".")
    if name != "loss" and not (group in GROUPS and rest):
        raise ValueError(f"{path}: {name!r} is no name of a reference; expected {NAMES}")


def _check_parts(path: str | os.PathLike, reference: Reference) -> None:
    if not reference.group("inputs"):
        raise ValueError(f"{path} has no inputs; expected inputs.input_values or inputs.input_features at least")
    if not reference.compared:
        raise ValueError(f"{path} has inputs and nothing to compare; expected outputs, modules, loss or gradients")
    if reference.group("gradients") and not reference.group("upstream") and "inputs.labels" not in reference.arrays:
        if "loss" not in reference.arrays:
            raise ValueError(f"{path} has gradients, but neither upstream.<output> nor labels that say of what")
