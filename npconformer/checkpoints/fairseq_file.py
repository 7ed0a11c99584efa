"""A checkpoint of fairseq or fairseq2: the weights under "model", how they were trained beside them.

    fairseq    {"model": {name: tensor}, "cfg": {"model": {...}, "task": {...}, ...}, "args": None, ...}     since 2021
               {"model": {name: tensor}, "args": Namespace(...), ...}                                        before
    fairseq2   {"model": {name: tensor}}

"cfg" is a dictionary, or omegaconf's DictConfig around one. The objects are records (`fairseq_pickle`), which this file
turns into dictionaries, lists and plain values.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.checkpoints.fairseq_pickle import Record, RecordMachine
from npconformer.checkpoints.torch_file import TorchFile
from npconformer.checkpoints.torch_tensors import TensorEntry

DEEPEST = 24  # settings within one another; a pickle can have an object hold itself
MOST_VALUES = 100_000


class FairseqFile(TorchFile):
    """A checkpoint of fairseq, its weights by their names there.

    Attributes:
        settings: how the model was made and trained, in plain values: "model", "task", "criterion", each a dictionary.
            Those of an old file, which has them all in one, are the same dictionary under each of these names. Without
            any, three empty ones.
        symbols: the dictionary of letters that a file may have, in their order; None without it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as for `TorchFile`; or it has no weights under "model".
    """

    machine = RecordMachine

    def find_tensors(self, root: Any) -> dict[str, TensorEntry]:
        model = root.get("model") if type(root) is dict else None
        if type(model) is not dict:
            raise ValueError("it is no checkpoint of fairseq: expected a dictionary with the weights under 'model'")
        for name, value in model.items():
            if type(name) is not str or type(value) is not TensorEntry:
                raise ValueError(f"its entry {str(name)[:80]!r} is a {type(value).__name__}; expected a tensor")
        self.settings = _settings(root)
        self.symbols = _symbols(root.get("task_state"))
        return model


def _settings(root: dict) -> dict[str, dict[str, Any]]:
    parts = ("model", "task", "criterion")
    cfg = Plainly().value(root.get("cfg"))
    if isinstance(cfg, dict) and isinstance(cfg.get("model"), dict):
        return {part: cfg[part] if isinstance(cfg.get(part), dict) else {} for part in parts}
    args = Plainly().value(root.get("args"))
    return dict.fromkeys(parts, args if isinstance(args, dict) else {})


def _symbols(task_state: Any) -> list[str] | None:
    """The letters of fairseq's Dictionary object in the state of a task."""
    dictionary = task_state.get("target_dictionary") if type(task_state) is dict else None
    state = dictionary.state if type(dictionary) is Record else None
    symbols = state.get("symbols") if type(state) is dict else None
    if type(symbols) is not list or not all(type(symbol) is str for symbol in symbols):
        return None
    return symbols


class Plainly:
    """Turns records into plain values: one walk, with limits on how deep it goes and how much it sees."""

    def __init__(self) -> None:
        self.seen = 0

    def value(self, value: Any, depth: int = 0) -> Any:
        """The plain value; None for what is none, such as a tensor or another object."""
        self.seen += 1
        if depth > DEEPEST or self.seen > MOST_VALUES:
            raise ValueError("its configuration holds itself, or is far larger than fairseq's")
        if type(value) is Record:
            return self.value(_inside(value), depth + 1)
        if type(value) is dict:
            return {key: self.value(item, depth + 1) for key, item in value.items()}
        if type(value) in (list, tuple):
            return [self.value(item, depth + 1) for item in value]
        return value if type(value) in (str, int, float, bool) else None


def _inside(record: Record) -> Any:
    """What an object stands for: a Namespace its attributes, omegaconf's containers and nodes what they wrap."""
    state = record.state
    if record.name == "argparse.Namespace":
        return state
    if record.name.startswith("omegaconf.") and type(state) is dict:
        return state.get("_content", state.get("_val"))
    if record.name.startswith("fairseq.") and state is None and len(record.arguments) == 1:
        return record.arguments[0]  # an enumeration's member, made of its value
    return None
