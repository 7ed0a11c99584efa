"""``from_pretrained`` and ``save_pretrained``: a folder with ``config.json`` and weights.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import copy
import math
import os
from typing import Any, ClassVar

from npconformer.arrays.backend import backend_of, to_backend, to_host
from npconformer.arrays.memory import machine_memory
from npconformer.arrays.weight_layout import lay_out
from npconformer.checkpoints.array_file import TORCH_WEIGHTS_NAME, WEIGHTS_NAME, ArrayFile, open_weights
from npconformer.checkpoints.given_arrays import GivenArrays
from npconformer.checkpoints.hub_weights import weights_folder
from npconformer.checkpoints.int8_file import with_int8
from npconformer.checkpoints.loading_keywords import (
    REFUSED_SAVING,
    WITHOUT_EFFECT_SAVING,
    LoadingKeywords,
    drop_keywords,
)
from npconformer.checkpoints.names import (
    belongs_elsewhere,
    is_computed,
    is_never_called,
    match_names,
    may_start_at_random,
)
from npconformer.checkpoints.precision import Precision, one_of, resolve_precision
from npconformer.checkpoints.quantization import Quantization
from npconformer.checkpoints.report import LoadReport, describe_mismatches, shorten
from npconformer.checkpoints.shards import parse_size, whole_weights
from npconformer.checkpoints.stored_state import count_stored, describe_storage, read_stored, say_int8, state_to_save
from npconformer.checkpoints.streamed_weights import write_safetensors_stream
from npconformer.nn.stored_layers import storable_layers, store
from npconformer.storage.files import atomic_path, existing_folder, make_folder
from npconformer.storage.hub import local_folder
from npconformer.storage.hub_options import HubOptions, refuse_upload

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
    def from_config(
        cls, config: Any, *, dtype: Any = None, torch_dtype: Any = None, attn_implementation: str | None = None
    ) -> Any:
        """A model with random weights, in training mode; dtype: "float32" unless it or the config says "float64"."""
        if attn_implementation is not None:
            config = type(config).from_dict(config.to_dict(), attn_implementation=attn_implementation)
        dtype = torch_dtype if dtype is None else dtype
        dtype = one_of(dtype, ("float32", "float64"), "for random weights") if dtype not in (None, "auto") else None
        return cls(config).to(resolve_precision(dtype, config, (), None).dtype)

    _from_config = from_config  # what transformers calls it on the classes themselves

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike | None,
        *,
        dtype: Any = None,
        device: str | None = None,
        config: Any = None,
        output_loading_info: bool = False,
        allow_missing: bool | None = None,
        allow_unexpected: bool = False,
        ignore_mismatched_sizes: bool = False,
        **options: Any,
    ) -> Any:
        """A model with the weights of a checkpoint, in eval mode.

        The file is memory-mapped: large weights stored in the wanted dtype are read-only views of it, so nothing is
        copied, and whoever trains assigns new arrays to ``parameter.data``. Convolution kernels and small matrices
        are copied, transposed in memory, because products with them are faster then (`arrays.weight_layout`).

        Args:
            pretrained_model_name_or_path: folder that holds ``model.safetensors`` or ``pytorch_model.bin``, whole or
                in shards, and, unless ``config`` is given, ``config.json``. A .bin file is a program for torch; here
                it is read and never run (`torch_file`). Or "owner/name", a repository at the hub (`storage.hub`), of
                which the files that are needed are downloaded. None where config and state_dict are given.
            dtype: "float32", "float64" or None: "float64" where the config names it, or, if it names none, the weights
                are stored in it, else "float32". On a CPU "float16", "bfloat16" and "int8" (as load_in_8bit=True) are
                what the matrices of linear layers and 1x1 convolutions are stored in; all else, and the arithmetic, is
                float32 then, and so is ``model.dtype``; such a model cannot be trained. "auto" is None, but leaves
                matrices in 16 bits that the file has so, unless it is small. int8 ones stay int8 unless "float32" or
                "float64" is asked for. With a GPU as device "float16" is computed in. torch_dtype will do.
            device: as in ``model.to(device)``; None leaves the weights on the host. device_map will do for one device.
            config: a config object, or a folder or repository to read it from.
            output_loading_info: return (model, LoadReport). The report is also ``model.load_report``.
            allow_missing: of the weights that the file lacks. None: those of the head, and of the parts that a
                checkpoint may have or not (adapter, mask vector), start at random, and a warning names them; any other
                raises. True: all start at random. False: all raise.
            allow_unexpected: ignore weights of the file that have no place in the model instead of raising. (Other
                tasks' heads and what the model is known not to use are never an error.)
            ignore_mismatched_sizes: initialise weights that have another shape in the file at random instead of
                raising, such as a new head with another ``num_labels`` or ``vocab_size``.
            **options: fields of the config to replace. revision, token, subfolder, cache_dir, force_download and
                local_files_only say where at the hub and how, as `HubOptions` has it; use_safetensors and state_dict
                where weights come from, as `LoadingKeywords` has it; load_in_8bit and quantization_config as
                `Quantization` has it.

        Raises:
            FileNotFoundError: no such folder or repository, or it lacks one of the files.
            PermissionError, ConnectionError: the hub does not give them.
            ValueError: the files contradict each other, are damaged, or lack weights; the message names them.
        """
        keywords, hub = LoadingKeywords.take(options), HubOptions.take(options)
        config, hub = cls._read_config(pretrained_model_name_or_path, config, options, hub)
        file = _open(pretrained_model_name_or_path, hub, keywords)
        device = keywords.device if device is None else device
        wanted = keywords.dtype if dtype is None else dtype
        precision = resolve_precision(wanted, config, file, device, keywords.quantization)
        resolved = precision.dtype

        model, report = cls._build_for(file, config, allow_missing, allow_unexpected, ignore_mismatched_sizes)
        model._assign(file, precision, keywords.quantization)
        describe_storage(model, model.config, resolved.name)
        report.note_dtypes(resolved.name, (file.stored_dtype(name) for name in file), count_stored(model))
        model.load_report = report
        model.to(resolved)  # what the file lacks; leaves what was read in this dtype as it is
        model.eval()
        if device is not None:
            model = model.to(device)
        return (model, report) if output_loading_info else model

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        is_main_process: bool = True,
        state_dict: dict[str, Any] | None = None,
        dtype: Any = None,
        max_shard_size: int | str = "5GB",
        **options: Any,
    ) -> None:
        """Write ``config.json`` and ``model.safetensors`` into a folder; transformers can load it.

        Larger weights than ``max_shard_size`` are written in several files with an index (`shards`). All files are
        complete before any gets its name; ``config.json`` gets it first. The folder may be the one the model came
        from. Weights that an earlier save left there in other files are removed.

        Args:
            save_directory: folder; created where absent.
            is_main_process: False writes nothing: another process does.
            state_dict: arrays to write in the place of the model's own.
            dtype: "float16", "float32" or "float64" to store the weights in; None keeps the model's.
            max_shard_size: of a file of weights, in bytes, or as "5GB" or "200MB".
            **options: safe_serialization, save_peft_format, save_original_format change nothing, nor do token
                and what else is about uploads.

        Raises:
            ValueError: the path is a file, ``dtype`` another one, ``max_shard_size`` no size, or push_to_hub or
                variant is asked for. TypeError: an option of another name.
            OSError: the files cannot be written, for one because the disk is full; what was there is as it was.
        """
        drop_keywords(options, WITHOUT_EFFECT_SAVING, REFUSED_SAVING)
        refuse_upload(options.pop("push_to_hub", False), options)
        if not is_main_process:
            return
        largest = parse_size(max_shard_size)
        dtype = None if dtype is None else one_of(dtype, ("float16", "float32", "float64"), "to save in")
        folder = make_folder(save_directory)
        arrays = {name: to_host(array) for name, array in self.state_dict().items()}
        if state_dict is not None:
            given = GivenArrays(state_dict)
            arrays = {name: given.read(name) for name in given}
        layouts, read = state_to_save(self, arrays, dtype)
        config = copy.copy(self.config)
        config.extra = dict(self.config.extra)
        config.architectures = [type(self).__name__]
        floats = (layout.dtype for layout in layouts.values() if "float" in layout.dtype)
        describe_storage(self, config, next(floats, None))
        if dtype is not None:
            config.dtype = dtype.name
            say_int8(config, False)
        sizes = {name: layout.size for name, layout in layouts.items()}
        with whole_weights(folder, sizes, largest) as shards, atomic_path(folder / "config.json") as settings:
            for weights, names in shards:
                write_safetensors_stream(weights, {name: layouts[name] for name in names}, read)
            settings.write_text(config.to_json_string(), encoding="utf-8")

    # ---- steps of from_pretrained ----

    @classmethod
    def _read_config(
        cls, path: str | os.PathLike | None, config: Any, overrides: dict[str, Any], hub: HubOptions
    ) -> tuple[Any, HubOptions]:
        """The configuration, and the options for the weights: of the same commit where both are of one repository."""
        if config is None:
            if path is None:
                raise ValueError("pretrained_model_name_or_path is None: then config and state_dict are needed")
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
        cls, file: ArrayFile, config: Any, allow_missing: bool | None, allow_unexpected: bool, ignore_sizes: bool
    ) -> tuple[Any, LoadReport]:
        """The model, with random weights only if some are missing, and the report of what fits."""
        from npconformer.nn.init import no_init, size_limit

        held = sum(math.prod(file.shape(name)) for name in file)
        too_many = f"the config contradicts the weights in {file.path}, which are {held} numbers: it asks for far more"
        may_differ = allow_missing is not False or ignore_sizes
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
        needed = report.missing if allow_missing is False else []
        if allow_missing is None:
            needed = [name for name in report.missing if not may_start_at_random(name, own, cls.base_model_prefix)]
        if needed:
            raise ValueError(
                f"{file.path} lacks {len(needed)} of the {len(own)} weights of {cls.__name__}: "
                f"{shorten(needed)}. Either the config describes another model, or these weights are "
                "to be trained: then pass allow_missing=True, which initialises them at random"
            )
        if report.unexpected and not allow_unexpected:
            raise ValueError(
                f"the config contradicts the weights: {file.path} holds {len(report.unexpected)} weights that have no "
                f"place in {cls.__name__} with this config: {shorten(report.unexpected)}. To leave them out, pass "
                "allow_unexpected=True"
            )
        if not (report.missing or report.mismatched):
            return model, report
        if not allow_missing:
            at_random = shorten([*report.missing, *(name for name, _, _ in report.mismatched)], most=50)
            import logging  # here, because most loading has nothing to say

            logging.getLogger(__name__).warning(
                "%s: these weights are not in %s in this shape, start at random, and are to be trained: %s",
                *(cls.__name__, file.path, at_random),
            )
        return cls(config), report

    def _assign(self, file: ArrayFile, precision: Precision, quantization: Quantization) -> None:
        """Put the file's arrays in the place of the model's own, in the memory it was built in."""
        parameters = dict(self.named_parameters())
        own, dtype = self.state_dict(), precision.dtype
        layers = {f"{layer}.weight": (layer, *place) for layer, *place in storable_layers(self)}
        for stored, name in match_names(file, own, self.base_model_prefix).items():
            if name not in own or file.shape(stored) != tuple(own[name].shape):
                continue
            kind = precision.kind_of(file.stored_dtype(stored)) if name in layers else None
            if kind is not None and not quantization.skips(layers[name][0]):
                _, parent, last = layers[name]
                store(parent, last, kind, read_stored(file, stored, kind), name)
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


def _open(path: str | os.PathLike | None, hub: HubOptions, keywords: LoadingKeywords) -> ArrayFile:
    """The weights that were given, or those of the checkpoint."""
    if keywords.state_dict is not None:
        return with_int8(GivenArrays(keywords.state_dict))
    if path is None:
        raise ValueError("pretrained_model_name_or_path is None: then config and state_dict are needed")
    folder = existing_folder(weights_folder(path, hub, keywords.use_safetensors), NEEDED)
    return with_int8(open_weights(folder, keywords.use_safetensors))
