"""The reference run by transformers itself, where it and torch are installed. They are imported here, when needed.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from npconformer.checkpoints.names import is_computed
from npconformer.models.base import PreTrainedModel
from npconformer.verify.order import LAYER, in_forward_order
from npconformer.verify.reference import Reference, random_upstream
from npconformer.verify.tolerances import limits_for
from npconformer.verify.tracing import STARTS, encoder_frames

# What gives channels before time, beside torch's own convolutions and norms of channels: by the ends of class names,
# and of module names.
CHANNELS_FIRST = ("FeatureEncoder", "NormConvLayer", "ConformerAdapterLayer")
CHANNELS_FIRST_NAMES = ("conv_module.dropout",)
TABLES = ("embed_positions", "distance_embedding")  # of positions: every implementation lays them out in its own way


def trace_transformers(
    model: PreTrainedModel,
    folder: str | os.PathLike,
    inputs: Mapping[str, Any],
    *,
    attentions: bool = False,
    modules: bool | Collection[str] = False,
    gradients: bool = False,
    progress: Callable[[], None] | None = None,
) -> Reference:
    """Lets transformers load the checkpoint and run it on the CPU, in evaluation mode, in the dtype of `model`.

    Eager attention computes as written, and the CTC loss is computed in float64: in float32, as transformers does, its
    gradients are off by 4e-5 at 50 frames and by 3e-2 at 3,000.

    Args:
        model: npconformer's model of this checkpoint: says which class, which dtype and which modules.
        folder: the checkpoint, which is read from there and nowhere else.
        inputs, attentions, modules, gradients, progress: as for `trace`. Without a loss, backward starts from the same
            random gradients of the outputs as there.

    Raises:
        RuntimeError: torch or transformers is not installed, or has no such class.
        ValueError: transformers finds no weights for a part of the model.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise RuntimeError(
            f"transformers cannot run the reference: {error}; pip install torch and then transformers, or compare with "
            "a reference file that was written where they are installed"
        ) from None
    theirs = _load(torch, transformers, type(model).__name__, folder, model.dtype.name)
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    given = {name: torch.tensor(array) for name, array in arrays.items()}
    given = {name: one.to(theirs.dtype) if one.is_floating_point() else one for name, one in given.items()}
    result = {f"inputs.{name}": one.numpy() for name, one in given.items()}
    named = [name for name, _ in model.named_modules() if name and not name.endswith(TABLES)]
    wanted = {name for name in named if modules is True or name in (modules or ())}
    seen: dict[str, np.ndarray] = {}
    with _hooked(torch, theirs, wanted, seen, progress), _exact_ctc(torch), torch.set_grad_enabled(gradients):
        output = theirs(
            **{name: one.clone() for name, one in given.items()},
            output_hidden_states=True,
            output_attentions=attentions,
        )
    fields = _fields(output)
    loss = fields.pop("loss", None)
    found = {f"outputs.{name}": value.detach().numpy().copy() for name, value in fields.items()}
    found |= {f"modules.{name}": array for name, array in seen.items()}
    result |= {name: found[name] for name in in_forward_order(seen, fields)}
    if loss is not None:
        result["loss"] = loss.detach().numpy().copy()
    if gradients:
        result |= _run_backward(torch, theirs, fields, loss, model.dtype.name)
    frames, of_loss = encoder_frames(model, given), gradients and loss is not None
    limits = limits_for(model.config.to_dict(), model.dtype.name, frames, of_loss)
    made_by = f"transformers {transformers.__version__}, torch {torch.__version__}"
    return Reference(result, model.config.model_type, made_by, type(model).__name__, limits)


def _load(torch: Any, transformers: Any, class_name: str, folder: str | os.PathLike, dtype: str) -> Any:
    """The model in evaluation mode, loaded without a word, with every weight from the folder."""
    if not hasattr(transformers, class_name):
        raise RuntimeError(f"transformers {transformers.__version__} has no {class_name}")
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, report = getattr(transformers, class_name).from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            attn_implementation="eager",
            local_files_only=True,
            output_loading_info=True,
        )
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    missing = sorted(name for name in report["missing_keys"] if not is_computed(name))
    if missing:
        raise ValueError(f"{folder}: transformers finds no weights for {', '.join(missing[:5])}")
    return model.eval()


@contextmanager
def _hooked(
    torch: Any, model: Any, wanted: set[str], seen: dict[str, np.ndarray], progress: Callable[[], None] | None
) -> Iterator[None]:
    """Inside, what the wanted modules give goes into `seen`, time before channels."""
    of_channels = (torch.nn.Conv1d, torch.nn.BatchNorm1d, torch.nn.GroupNorm)

    def hook(name: str) -> Callable[[Any, Any, Any], None]:
        def call(module: Any, args: Any, output: Any) -> None:
            first = output if isinstance(output, torch.Tensor) else output[0]
            if name in wanted and name not in seen and isinstance(first, torch.Tensor):
                turn = isinstance(module, of_channels) or type(module).__name__.endswith(CHANNELS_FIRST)
                turn = turn or name.endswith(CHANNELS_FIRST_NAMES)
                array = (first.transpose(1, 2) if turn else first).detach().numpy()
                seen[name] = np.array(array, order="C")  # a copy: later steps may change it in place
            found = LAYER.search(name)
            if progress is not None and found and found.end() == len(name):
                progress()

        return call

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if name:
                stack.callback(module.register_forward_hook(hook(name)).remove)
        yield


@contextmanager
def _exact_ctc(torch: Any) -> Iterator[None]:
    """Inside, log-softmax, which nothing but the CTC loss asks for, is in float64, and so is what is made of it."""
    functional = torch.nn.functional
    log_softmax = functional.log_softmax

    def in_float64(scores: Any, dim: int, dtype: Any = None) -> Any:
        return log_softmax(scores, dim=dim, dtype=torch.float64)

    functional.log_softmax = in_float64
    try:
        yield
    finally:
        functional.log_softmax = log_softmax


def _fields(output: Any) -> dict[str, Any]:
    """The fields that are set, those that are tuples one by one, as "hidden_states.3"."""
    fields: dict[str, Any] = {}
    for name, value in output.items():
        if isinstance(value, tuple):
            fields |= {f"{name}.{index}": one for index, one in enumerate(value)}
        else:
            fields[name] = value
    return fields


def _run_backward(torch: Any, model: Any, fields: dict[str, Any], loss: Any, dtype: str) -> dict[str, np.ndarray]:
    result: dict[str, np.ndarray] = {}
    if loss is not None:
        loss.backward()
    else:
        starts = {name: fields[name] for name in STARTS if name in fields}
        upstream = random_upstream({name: tuple(one.shape) for name, one in starts.items()}, dtype)
        torch.autograd.backward([starts[name] for name in upstream], [torch.tensor(one) for one in upstream.values()])
        result |= {f"upstream.{name}": array for name, array in upstream.items()}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            result[f"gradients.{name}"] = parameter.grad.numpy().copy()
    return result
