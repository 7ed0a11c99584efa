"""``from_pretrained`` and ``save_pretrained``: a folder with ``config.json`` and weights.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import copy
import math
import os
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import backend_of, to_backend, to_host
from npconformer.arrays.memory import machine_memory
from npconformer.arrays.weight_layout import lay_out
from npconformer.checkpoints.array_file import TORCH_WEIGHTS_NAME, WEIGHTS_NAME, ArrayFile, open_weights
from npconformer.checkpoints.hub_weights import weights_folder
from npconformer.checkpoints.names import belongs_elsewhere, is_computed, is_never_called, match_names
from npconformer.checkpoints.report import LoadReport, describe_mismatches, shorten
from npconformer.checkpoints.safetensors_file import write_safetensors
from npconformer.checkpoints.shards import parse_size, whole_weights
from npconformer.storage.files import atomic_path, existing_folder, make_folder
from npconformer.storage.hub import local_folder
from npconformer.storage.hub_options import HubOptions

CONFIG_NAME = "config.json"
NEEDED = f"{CONFIG_NAME} and {WEIGHTS_NAME} or {TORCH_WEIGHTS_NAME}"
SLACK = 10_000_000  # numbers; up to there, what a config asks for beyond the weights is told name by name


class PretrainedMixin:
    """Loading and saving for a Module that is built from a config.

    The class it is mixed into has ``config_class`` and ``base_model_prefix``, takes the config as its
    constructor's argument and keeps it as ``config``.
    """

    config_class: ClassVar[type]
    base_model_prefix: ClassVar[str] = ""

    @classmethod
    def from_config(cls, config: Any) -> PretrainedMixin:
        """A model with random weights."""
        return cls(config)

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike,
        *,
        dtype: Any = "float32",
        device: str | None = None,
        config: Any = None,
        output_loading_info: bool = False,
        allow_missing: bool = False,
        allow_unexpected: bool = False,
        ignore_mismatched_sizes: bool = False,
        **config_overrides: Any,
    ) -> Any:
        """A model with the weights of ``path``, in eval mode.

        The file is memory-mapped: large weights stored in the wanted dtype are read-only views of it, so nothing is
        copied, and whoever trains assigns new arrays to ``parameter.data``. Convolution kernels and small matrices
        are copied, transposed in memory, because products with them are faster then (`arrays.weight_layout`).

        Args:
            path: folder that holds ``model.safetensors`` or ``pytorch_model.bin``, whole or in shards, and, unless
                ``config`` is given, ``config.json``. A .bin file is a program for torch; here it is read and
                never run (`torch_file`). Or "owner/name", a repository at the hub (`storage.hub`), of which the
                files that are needed are downloaded.
            dtype: "float32", "float64", or "auto", which is "float64" for a config that names it and "float32" for
                every other, also "float16" and "bfloat16", which a CPU computes slowly or not at all; "float16"
                with a GPU as device.
            device: as in ``model.to(device)``; None leaves the weights on the host.
            config: a config object, or a folder or repository to read it from.
            output_loading_info: return (model, LoadReport). The report is also ``model.load_report``.
            allow_missing: initialise weights that the file lacks at random instead of raising.
            allow_unexpected: ignore weights of the file that have no place in the model instead of raising. (Other
                tasks' heads and what the model is known not to use are never an error.)
            ignore_mismatched_sizes: initialise weights that have another shape in the file at random instead of
                raising, such as a new head with another ``num_labels`` or ``vocab_size``.
            **config_overrides: replace fields of the config. revision, token, subfolder, cache_dir, force_download and
                local_files_only say where at the hub and how, as `HubOptions` has it.

        Raises:
            FileNotFoundError: no such folder or repository, or it lacks one of the files.
            PermissionError, ConnectionError: the hub does not give them.
            ValueError: the files contradict each other, are damaged, or lack weights; the message names them.
        """
        hub = HubOptions.take(config_overrides)
        config, hub = cls._read_config(path, config, config_overrides, hub)
        file = open_weights(existing_folder(weights_folder(path, hub), NEEDED))
        dtype = _resolve_dtype(dtype, config, device)
        config.dtype = dtype.name

        model, report = cls._build_for(file, config, allow_missing, allow_unexpected, ignore_mismatched_sizes)
        model._assign(file, dtype)
        model.load_report = report
        model.to(dtype)  # what the file lacks; leaves what was read in this dtype as it is
        model.eval()
        if device is not None:
            model = model.to(device)
        return (model, report) if output_loading_info else model

    def save_pretrained(self, path: str | os.PathLike, dtype: Any = None, max_shard_size: int | str = "5GB") -> None:
        """Write ``config.json`` and ``model.safetensors`` into folder ``path``; transformers can load it.

        Larger weights than ``max_shard_size`` are written in several files with an index (`shards`). All files are
        complete before any gets its name; ``config.json`` gets it first. ``path`` may be the folder the model came
        from. Weights that an earlier save left there in other files are removed.

        Args:
            path: folder; created where absent.
            dtype: "float16", "float32" or "float64" to store the weights in; None keeps the model's.
            max_shard_size: of a file of weights, in bytes, or as "5GB" or "200MB".

        Raises:
            ValueError: ``path`` is a file, ``dtype`` another one, or ``max_shard_size`` no size.
            OSError: the files cannot be written, for one because the disk is full; what was there is as it was.
        """
        largest = parse_size(max_shard_size)
        dtype = None if dtype is None else _one_of(dtype, ("float16", "float32", "float64"), "to save in")
        folder = make_folder(path)
        arrays = {name: to_host(array) for name, array in self.state_dict().items()}
        if dtype is not None:
            arrays = {
                name: array.astype(dtype, copy=False) if array.dtype.kind == "f" else array
                for name, array in arrays.items()
            }
        config = copy.copy(self.config)
        config.architectures = [type(self).__name__]
        config.dtype = next((array.dtype.name for array in arrays.values() if array.dtype.kind == "f"), None)
        sizes = {name: array.nbytes for name, array in arrays.items()}
        with whole_weights(folder, sizes, largest) as shards, atomic_path(folder / "config.json") as settings:
            for weights, names in shards:
                write_safetensors(weights, {name: arrays[name] for name in names}, metadata={"format": "pt"})
            settings.write_text(config.to_json_string(), encoding="utf-8")

    # ---- steps of from_pretrained ----

    @classmethod
    def _read_config(
        cls, path: str | os.PathLike, config: Any, overrides: dict[str, Any], hub: HubOptions
    ) -> tuple[Any, HubOptions]:
        """The configuration, and the options for the weights: of the same commit where both are of one repository."""
        if config is None:
            folder = existing_folder(local_folder(path, hub, needed=[CONFIG_NAME]), NEEDED)
            config = cls.config_class.from_pretrained(folder, **overrides)
            config.name_or_path = str(path)
            return config, hub.pinned_to(folder)
        if isinstance(config, (str, os.PathLike)):
            return cls.config_class.from_pretrained(config, **hub.elsewhere().arguments(), **overrides), hub
        if not isinstance(config, cls.config_class):
            raise ValueError(f"config is a {type(config).__name__}; expected a {cls.config_class.__name__} or a folder")
        return cls.config_class.from_dict(config.to_dict(), **overrides), hub

    @classmethod
    def _build_for(
        cls, file: ArrayFile, config: Any, allow_missing: bool, allow_unexpected: bool, ignore_sizes: bool
    ) -> tuple[Any, LoadReport]:
        """The model, with random weights only if some are missing, and the report of what fits."""
        from npconformer.nn.init import no_init, size_limit

        held = sum(math.prod(file.shape(name)) for name in file)
        too_many = f"the config contradicts the weights in {file.path}, which are {held} numbers: it asks for far more"
        may_differ = allow_missing or ignore_sizes
        with no_init(), size_limit(machine_memory() / 4 if may_differ else 2 * held + SLACK, too_many):
            model = cls(config)
        own = {name: array.shape for name, array in model.state_dict().items()}
        report = compare_weights(file, own, cls.base_model_prefix)
        if report.mismatched and not ignore_sizes:
            raise ValueError(
                f"the config contradicts the weights in {file.path}: {describe_mismatches(report.mismatched)}. Either "
                "leave out what was given in the config's place, such as num_labels, or, if these weights are to be "
                "trained anew, pass ignore_mismatched_sizes=True, which initialises them at random"
            )
        if report.missing and not allow_missing:
            raise ValueError(
                f"{file.path} lacks {len(report.missing)} of the {len(own)} weights of {cls.__name__}: "
                f"{shorten(report.missing)}. Either the config describes another model, or these weights are "
                "to be trained: then pass allow_missing=True, which initialises them at random"
            )
        if report.unexpected and not allow_unexpected:
            raise ValueError(
                f"the config contradicts the weights: {file.path} holds {len(report.unexpected)} weights that have no "
                f"place in {cls.__name__} with this config: {shorten(report.unexpected)}. To leave them out, pass "
                "allow_unexpected=True"
            )
        return (cls(config) if report.missing or report.mismatched else model), report

    def _assign(self, file: ArrayFile, dtype: np.dtype) -> None:
        """Put the file's arrays in the place of the model's own, in the memory it was built in."""
        parameters = dict(self.named_parameters())
        own = self.state_dict()
        for stored, name in match_names(file, own, self.base_model_prefix).items():
            if name not in own or file.shape(stored) != tuple(own[name].shape):
                continue
            is_float = own[name].dtype.kind == "f"
            array = file.read(stored, dtype).astype(dtype if is_float else own[name].dtype, copy=False)
            array = to_backend(lay_out(array), backend_of(own[name]))
            if name in parameters:
                parameters[name].data = array
            else:
                self.set_buffer(name, array)


def compare_weights(file: ArrayFile, own: dict[str, tuple[int, ...]], prefix: str) -> LoadReport:
    """Which weights of the file and of the model find each other.

    Args:
        own: the shape of each of the model's, by name.
        prefix: the model's `base_model_prefix`.
    """
    report = LoadReport(path=str(file.path))
    matched = match_names(file, own, prefix)
    for stored, name in matched.items():
        if name not in own:
            kind = report.unused_by_design if belongs_elsewhere(name) else report.unexpected
            kind.append(stored)
        elif file.shape(stored) != tuple(own[name]):
            report.mismatched.append((name, file.shape(stored), tuple(own[name])))
        else:
            report.loaded.append(name)
            if is_never_called(name):
                report.unused_by_design.append(name)
    found = set(matched.values())
    for name in own:
        if name not in found:
            (report.computed if is_computed(name) else report.missing).append(name)
    return report


def _resolve_dtype(dtype: Any, config: Any, device: str | None) -> np.dtype:
    if isinstance(dtype, str) and dtype == "auto":
        dtype = "float64" if config.dtype == "float64" else "float32"
    on_gpu = device is not None and not str(device).startswith("cpu")
    allowed = ("float32", "float64", "float16") if on_gpu else ("float32", "float64")
    return _one_of(dtype, allowed, "or 'auto'" + ("" if on_gpu else " ('float16' needs a GPU as device)"))


def _one_of(dtype: Any, allowed: tuple[str, ...], more: str) -> np.dtype:
    """The NumPy dtype of that name or type; a ValueError, which ends in `more`, if it is not allowed."""
    try:
        resolved = np.dtype(dtype.removeprefix("torch.") if isinstance(dtype, str) else dtype)
    except TypeError:
        resolved = None
    if dtype is None or resolved is None or resolved.name not in allowed:
        raise ValueError(f"dtype is {dtype!r}; expected one of {', '.join(allowed)} {more}")
    return resolved
