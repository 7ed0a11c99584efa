"""What all configurations share: fields with defaults, labels, unknown keys kept, JSON in and out.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from npconformer.models.config_checks import boolean, choice, integer, wrong
from npconformer.storage.files import json_text, make_folder, read_json_object, write_text_atomically
from npconformer.storage.hub import local_folder
from npconformer.storage.hub_options import AS_USUAL, HubOptions, without_secrets
from npconformer.storage.messages import shown

CONFIG_NAME = "config.json"
DTYPES = ("float32", "float64", "float16", "bfloat16")
MOST_LABELS = 100_000  # whose names still fit a file that `strict_json` reads
PROBLEM_TYPES = (None, "regression", "single_label_classification", "multi_label_classification")


@dataclass(init=False, repr=False, eq=False)
class PretrainedConfig:
    """Base of the model configurations.

    A subclass is a dataclass whose fields are its settings; ``validate`` checks them. A keyword that is no
    field (from an older or newer version of the format) is kept in ``extra``, readable as an attribute and
    written back by ``to_dict``. ``torch_dtype``, the former name of ``dtype``, is read as ``dtype``.

    Fields here:
        architectures: names of the model classes that the weights belong to.
        dtype: type of the weights on disk, as a name ("float32"), or None.
        id2label, label2id: class names of a classifier; without them ``num_labels`` makes "LABEL_0", ...
        problem_type: which loss a sequence classifier uses; None derives it from the labels.
        output_hidden_states, output_attentions, return_dict: what a call returns unless it says otherwise.

    Raises:
        ValueError: a value of the wrong type or range, or values that contradict each other.
    """

    model_type: ClassVar[str] = ""
    defaults_not_written: ClassVar[frozenset[str]] = frozenset(
        "architectures dtype id2label label2id output_attentions output_hidden_states problem_type return_dict".split()
    )

    architectures: list[str] | None = None
    dtype: str | None = None
    id2label: dict[int, str] | None = None
    label2id: dict[str, int] | None = None
    problem_type: str | None = None
    output_hidden_states: bool | None = False
    output_attentions: bool | None = False
    return_dict: bool | None = True

    def __init__(self, **settings: Any) -> None:
        declared_type = settings.pop("model_type", self.model_type)
        if declared_type != self.model_type:
            raise wrong("model_type", declared_type, f"{shown(self.model_type)}, which {type(self).__name__} describes")
        former_dtype = settings.pop("torch_dtype", None)
        if settings.get("dtype") is None:
            settings["dtype"] = former_dtype
        names = [settings.pop(name, None) for name in ("name_or_path", "_name_or_path")]
        self.name_or_path = str(names[0] or names[1] or "")  # where it came from; never written
        num_labels = settings.pop("num_labels", None)
        for field in fields(self):
            setattr(self, field.name, settings.pop(field.name, field.default))
        self.extra = without_secrets(settings)
        self._set_labels(num_labels)
        self.complete()
        self.validate()

    def __getattr__(self, name: str) -> Any:
        extra = self.__dict__.get("extra", {})  # reached only for what is neither a field nor a method
        if name in extra:
            return extra[name]
        raise AttributeError(f"{type(self).__name__} has no field {shown(name)}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string()}"

    def complete(self) -> None:
        """Fill in the fields that are derived from others when they are not given."""

    def validate(self) -> None:
        """Check every field, alone and against the others.

        Called on construction; call it again after assigning fields by hand.

        Raises:
            ValueError: names the field, its value and what was expected.
        """
        if self.architectures is not None:
            names = self.architectures
            if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
                raise wrong("architectures", names, "a list of class names, or null")
            self.architectures = list(names)
        self.dtype = _dtype_name(self.dtype)
        for name in ("output_hidden_states", "output_attentions", "return_dict"):
            value = getattr(self, name)
            setattr(self, name, value if value is None else boolean(name, value))
        choice("problem_type", self.problem_type, PROBLEM_TYPES)
        if self.problem_type == "single_label_classification" and self.num_labels == 1:
            raise wrong(
                "problem_type",
                self.problem_type,
                "'regression' or at least two labels, where num_labels is 1",
            )

    @property
    def num_labels(self) -> int:
        """Number of classes of a classification head."""
        return len(self.id2label or ())

    @num_labels.setter
    def num_labels(self, number: int) -> None:
        number = integer("num_labels", number, at_most=MOST_LABELS)
        if self.id2label is None or len(self.id2label) != number:
            self.id2label = {i: f"LABEL_{i}" for i in range(number)}
            self.label2id = {name: i for i, name in self.id2label.items()}

    def _set_labels(self, num_labels: int | None) -> None:
        if self.id2label is None:
            self.num_labels = 2 if num_labels is None else num_labels
            return
        try:
            self.id2label = {int(i): name for i, name in self.id2label.items()}
        except (AttributeError, TypeError, ValueError):
            raise wrong("id2label", self.id2label, "an object from class numbers to names") from None
        if num_labels is not None and num_labels != len(self.id2label):
            raise wrong("num_labels", num_labels, f"{len(self.id2label)}, the number of names in id2label")
        if self.label2id is None:
            self.label2id = {name: i for i, name in self.id2label.items()}
        elif not isinstance(self.label2id, dict):
            raise wrong("label2id", self.label2id, "an object from names to class numbers")

    # ---- dictionaries and files ----

    def to_dict(self) -> dict[str, Any]:
        """All fields, derived values and unknown keys, as JSON types (lists, not tuples)."""
        settings = dict(self.extra)
        settings.update((field.name, getattr(self, field.name)) for field in fields(self))
        settings["model_type"] = self.model_type
        return {name: _plain(value) for name, value in settings.items()}

    def to_json_string(self) -> str:
        """The text of ``config.json``; ``defaults_not_written`` names what is left out at its default."""
        settings = self.to_dict()
        defaults = PretrainedConfig().to_dict()
        for name in self.defaults_not_written:
            if settings[name] == defaults.get(name, self.__dataclass_fields__[name].default):
                del settings[name]
        if "id2label" in settings:
            settings["id2label"] = {str(i): name for i, name in settings["id2label"].items()}
        return json_text(settings)

    @classmethod
    def from_dict(cls, settings: dict[str, Any], **overrides: Any) -> PretrainedConfig:
        """Configuration from a dictionary such as ``to_dict`` returns, with ``overrides`` put over it.

        Raises:
            ValueError: also for an override that names no field.
        """
        if not isinstance(settings, dict):
            raise ValueError(f"a configuration must be a dictionary, got {type(settings).__name__}")
        settings = dict(settings)
        cls._refuse_unknown(overrides, settings)
        if "num_labels" in overrides and "id2label" not in overrides:
            if overrides["num_labels"] != len(settings.get("id2label") or ()):
                settings.pop("id2label", None)
                settings.pop("label2id", None)
        if "id2label" in overrides and "label2id" not in overrides:
            settings.pop("label2id", None)
        return cls(**{**settings, **overrides})

    @classmethod
    def _refuse_unknown(cls, overrides: dict[str, Any], settings: dict[str, Any]) -> None:
        known = {field.name for field in fields(cls)} | {"num_labels", "torch_dtype"} | set(settings)
        for name in overrides:
            if name not in known:
                from difflib import get_close_matches

                close = get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise ValueError(f"{shown(name)} is no field of {cls.__name__}{hint}")

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, **overrides: Any) -> PretrainedConfig:
        """Read ``config.json`` of ``folder`` (or the given JSON file); ``overrides`` replace its values.

        ``folder`` may be "owner/name", a repository at the hub; revision, token, subfolder, cache_dir, force_download
        and local_files_only then say how (`HubOptions`).

        Raises:
            FileNotFoundError: there is no such folder, file or repository.
            PermissionError, ConnectionError: the hub does not give it.
            ValueError: the file is no JSON object, describes another model type, or contradicts itself.
        """
        path = configuration_file(folder, HubOptions.take(overrides))
        settings = read_json_object(path)
        try:
            config = cls.from_dict(settings, **overrides)
        except (TypeError, ValueError) as error:  # TypeError: a field called "self"
            raise ValueError(f"{path}: {error}") from None
        config.name_or_path = str(folder)
        return config

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Write ``config.json`` into ``folder``, which is created; the file appears whole or not at all."""
        self.validate()
        write_text_atomically(make_folder(folder) / CONFIG_NAME, self.to_json_string())


def configuration_file(folder: str | os.PathLike, hub: HubOptions = AS_USUAL) -> Path:
    """The config.json of a folder or repository, or the given file. Raises FileNotFoundError where there is none."""
    path = local_folder(folder, hub, needed=[CONFIG_NAME])
    path = path if path.is_file() else path / CONFIG_NAME
    if not path.is_file():
        missing = path if path.parent.is_dir() else path.parent
        raise FileNotFoundError(f"no model configuration at {str(folder)!r}: {missing} does not exist")
    return path


def _dtype_name(dtype: Any) -> str | None:
    """The name "float32" for "float32", "torch.float32", np.float32 or a dtype object; None stays None."""
    if dtype is None:
        return None
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", str(dtype))
    name = str(name).removeprefix("torch.")
    if name not in DTYPES:
        raise wrong("dtype", dtype, "one of " + ", ".join(map(repr, DTYPES)))
    return name


def _plain(value: Any) -> Any:
    """A copy in which tuples are lists, as JSON gives them back."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
