"""What all configurations share: fields with defaults, labels, unknown keys kept, JSON in and out.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from npconformer.models.config_checks import attention_implementation, boolean, choice, integer, wrong
from npconformer.models.unknown_fields import NEAR, unknown_fields_of
from npconformer.storage.files import json_text, make_folder, read_json_object, write_text_atomically
from npconformer.storage.hub import local_folder
from npconformer.storage.hub_options import AS_USUAL, HubOptions, refuse_upload, without_secrets
from npconformer.storage.messages import shown

CONFIG_NAME = "config.json"
DTYPES = ("float32", "float64", "float16", "bfloat16")
MOST_LABELS = 100_000  # whose names still fit a file that `strict_json` reads
PROBLEM_TYPES = (None, "regression", "single_label_classification", "multi_label_classification")


@dataclass(init=False, repr=False, eq=False)
class PretrainedConfig:
    """Base of the model configurations.

    A subclass is a dataclass whose fields are its settings; ``validate`` checks them. A keyword that is no
    field (from an older or newer version of the format), and an attribute of another name that is set later, is kept
    in ``extra``, readable as an attribute and written by ``to_dict``. ``torch_dtype``, the former name of ``dtype``,
    is read as ``dtype``. ``attn_implementation`` is accepted where it changes nothing, and never written.

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
        asked = [settings.pop(name, None) for name in ("attn_implementation", "_attn_implementation")]
        self._attn_implementation = attention_implementation(asked[0] or asked[1])  # never written
        self.extra = {}
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

    def __setattr__(self, name: str, value: Any) -> None:
        own = name.startswith("_") or name in ("name_or_path", "extra") or hasattr(type(self), name)
        if own or "extra" not in self.__dict__:
            object.__setattr__(self, name, value)
        else:
            self.extra[name] = value

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
    def torch_dtype(self) -> str | None:
        """The former name of ``dtype``."""
        return self.dtype

    @torch_dtype.setter
    def torch_dtype(self, dtype: Any) -> None:
        self.dtype = _dtype_name(dtype)

    @property
    def use_return_dict(self) -> bool | None:
        """``return_dict``, by the name that transformers' models read it with."""
        return self.return_dict

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

    def to_diff_dict(self) -> dict[str, Any]:
        """What ``config.json`` holds: everything but what ``defaults_not_written`` names and is at its default."""
        settings, defaults = self.to_dict(), PretrainedConfig().to_dict()
        for name in self.defaults_not_written:
            if settings[name] == defaults.get(name, self.__dataclass_fields__[name].default):
                del settings[name]
        return settings

    def update(self, config_dict: dict[str, Any]) -> None:
        """Takes over settings by name. Raises ValueError for values that do not fit."""
        for name, value in config_dict.items():
            setattr(self, name, value)
        self.validate()

    def to_json_string(self, use_diff: bool = True) -> str:
        """The text of ``config.json``: `to_diff_dict`, or with ``use_diff=False`` everything."""
        settings = self.to_diff_dict() if use_diff else self.to_dict()
        if "id2label" in settings:
            settings["id2label"] = {str(i): name for i, name in settings["id2label"].items()}
        return json_text(settings)

    def to_json_file(self, json_file_path: str | os.PathLike, use_diff: bool = True) -> None:
        """Writes `to_json_string` to a file, which appears whole or not at all."""
        write_text_atomically(Path(json_file_path), self.to_json_string(use_diff))

    @classmethod
    def from_json_file(cls, json_file: str | os.PathLike) -> PretrainedConfig:
        """Configuration from a file that `to_json_file` wrote."""
        return cls.from_dict(read_json_object(Path(json_file)))

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **overrides: Any) -> Any:
        """Configuration from a dictionary such as ``to_dict`` returns, with ``overrides`` put over it.

        With ``return_unused_kwargs=True`` a tuple: the configuration, and the overrides that name no field.

        Raises:
            ValueError: also, without ``return_unused_kwargs``, for an override that names no field.
        """
        settings = config_dict
        if not isinstance(settings, dict):
            raise ValueError(f"a configuration must be a dictionary, got {type(settings).__name__}")
        settings = dict(settings)
        known = {field.name for field in fields(cls)} | _ALSO_KNOWN | set(settings)
        unused = {name: value for name, value in overrides.items() if name not in known}
        returns_unused = unused.pop("return_unused_kwargs", False)
        if unused and not returns_unused:
            raise _unknown_field(next(iter(unused)), cls.__name__, known)
        overrides = {name: value for name, value in overrides.items() if name in known}
        if "num_labels" in overrides and "id2label" not in overrides:
            if overrides["num_labels"] != len(settings.get("id2label") or ()):
                settings.pop("id2label", None)
                settings.pop("label2id", None)
        if "id2label" in overrides and "label2id" not in overrides:
            settings.pop("label2id", None)
        config = cls(**{**settings, **overrides})
        return (config, unused) if returns_unused else config

    @classmethod
    def get_config_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The content of a checkpoint's ``config.json``, and the options that are not about the hub."""
        path = configuration_file(pretrained_model_name_or_path, HubOptions.take(options))
        return read_json_object(path), options

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **overrides: Any) -> Any:
        """Read ``config.json`` of a folder (or the given JSON file); ``overrides`` replace its values.

        A name that is no field and all but one is warned about; whatever others write there is kept in ``extra``.

        The folder may be "owner/name", a repository at the hub; revision, token, subfolder, cache_dir, force_download
        and local_files_only then say how (`HubOptions`). ``return_unused_kwargs``: as for `from_dict`.

        Raises:
            FileNotFoundError: there is no such folder, file or repository.
            PermissionError, ConnectionError: the hub does not give it.
            ValueError: the file is no JSON object, describes another model type, or contradicts itself.
        """
        path = configuration_file(pretrained_model_name_or_path, HubOptions.take(overrides))
        settings = read_json_object(path)
        try:
            found = cls.from_dict(settings, **overrides)
        except (TypeError, ValueError) as error:  # TypeError: a field called "self"
            raise ValueError(f"{path}: {error}") from None
        config = found[0] if isinstance(found, tuple) else found
        config.name_or_path = str(pretrained_model_name_or_path)
        for name, meant in unknown_fields_of(config, NEAR).items():
            if meant is not None:
                what = f"{shown(name)} is no field of {cls.__name__} and has no effect; did you mean {meant!r}?"
                warnings.warn(f"{path}: {what}", stacklevel=1)  # one place: said once
        return found

    def save_pretrained(self, save_directory: str | os.PathLike, push_to_hub: bool = False, **options: Any) -> None:
        """Write ``config.json`` into a folder, which is created; the file appears whole or not at all.

        options: those of an upload, such as token, which change nothing.
        """
        refuse_upload(push_to_hub, options)
        self.validate()
        write_text_atomically(make_folder(save_directory) / CONFIG_NAME, self.to_json_string())


_ALSO_KNOWN = {"num_labels", "torch_dtype", "attn_implementation", "name_or_path"}


def _unknown_field(name: str, class_name: str, known: set[str]) -> ValueError:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return ValueError(f"{shown(name)} is no field of {class_name}{hint}")


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
