"""One run of a model, kept: inputs, outputs, what each module inside gives, the loss, the gradients.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from npconformer import __version__
from npconformer.arrays.backend import asarray, to_host
from npconformer.models.base import PreTrainedModel
from npconformer.models.frame_clock import count_steps
from npconformer.nn import Module
from npconformer.tape.autograd import Tensor, backward
from npconformer.tape.grad_mode import enable_grad, no_grad
from npconformer.verify.order import LAYER, in_backward_order, in_forward_order
from npconformer.verify.reference import Reference, random_upstream
from npconformer.verify.tolerances import limits_for

# Where backward starts when there is no loss: those of these outputs that a model has.
STARTS = ("logits", "last_hidden_state", "projected_states", "projected_quantized_states")


def trace(
    model: PreTrainedModel,
    inputs: Mapping[str, Any],
    *,
    hidden_states: bool = True,
    attentions: bool = False,
    modules: bool | Collection[str] = False,
    gradients: bool = False,
    upstream: Mapping[str, Any] | None = None,
    progress: Callable[[], None] | None = None,
) -> Reference:
    """Runs the model once, in evaluation mode, and keeps what happened; the model is left as it was.

    Args:
        model: any model of npconformer, on any device.
        inputs: forward's arguments by name: `input_values` or `input_features`, `attention_mask`, `labels`, ...
        hidden_states, attentions: keep these outputs.
        modules: keep what every module inside gives, or those of these dotted names. The forward is then recorded, so
            that parts which run joined into one when no gradient is needed are run one by one.
        gradients: run backward too, and keep the gradients of all parameters that it reaches: of the loss if there is
            one, else of sum(output * upstream).
        upstream: gradients of outputs by field, in place of the loss or of random ones.
        progress: called after every block of the encoder.

    Raises:
        ValueError: inputs that the model does not take, and what its forward refuses.
    """
    given = _check_inputs(model, inputs)
    recorded = gradients or bool(modules)
    seen = _Seen(model, modules)
    with _left_as_it_was(model), seen.hooked(progress), enable_grad() if recorded else no_grad():
        output = model(**given, output_hidden_states=hidden_states, output_attentions=attentions, return_dict=True)
        arrays = {f"inputs.{name}": np.array(value) for name, value in given.items()}
        fields = _arrays_by_field(output)
        found = {f"outputs.{name}": array for name, array in fields.items() if name != "loss"} | seen.arrays
        names = in_forward_order(seen.kept, [name for name in fields if name != "loss"])
        arrays |= {name: found[name] for name in names}
        if "loss" in fields:
            arrays["loss"] = fields["loss"]
        if gradients:
            started = _run_backward(output, fields, upstream, model.dtype.name)
            arrays |= {f"upstream.{name}": array for name, array in started.items()}
            arrays |= _gradients(model, list(seen.order))
    of_loss = gradients and not any(name.startswith("upstream.") for name in arrays)
    limits = limits_for(model.config.to_dict(), model.dtype.name, encoder_frames(model, given), of_loss)
    made_by = f"npconformer {__version__}, numpy {np.__version__}"
    return Reference(arrays, model.config.model_type, made_by, type(model).__name__, limits)


def encoder_frames(model: PreTrainedModel, inputs: Mapping[str, Any]) -> int:
    """T of the encoder for these inputs."""
    rows = np.shape(inputs[model.main_input_name])[1]
    return count_steps(rows, model.encoder_stages)


class _Seen:
    """What the hooks of one forward see: the order in which modules are done, and the arrays that are wanted."""

    def __init__(self, model: Module, wanted: bool | Collection[str]) -> None:
        self.model, self.wanted = model, wanted
        self.order: dict[str, None] = {}
        self.arrays: dict[str, np.ndarray] = {}

    @property
    def kept(self) -> list[str]:
        """The modules whose arrays are here, in the order in which they were done."""
        return [name for name in self.order if f"modules.{name}" in self.arrays]

    @contextmanager
    def hooked(self, progress: Callable[[], None] | None) -> Iterator[None]:
        """Inside, the model's forwards are seen."""
        with ExitStack() as stack:
            for name, module in self.model.named_modules():
                if name:
                    stack.enter_context(module.register_forward_hook(self._hook(name, progress)))
            yield

    def _hook(self, name: str, progress: Callable[[], None] | None) -> Callable[[Module, Any, Any], None]:
        found = LAYER.search(name)
        is_block = found is not None and found.end() == len(name)

        def hook(module: Module, args: Any, output: Any) -> None:
            first_call = name not in self.order
            self.order.setdefault(name)
            first = output[0] if isinstance(output, tuple) else getattr(output, "last_hidden_state", output)
            is_wanted = self.wanted if isinstance(self.wanted, bool) else name in self.wanted
            if first_call and is_wanted and isinstance(first, Tensor):
                self.arrays[f"modules.{name}"] = np.array(to_host(first.data))  # a copy: its memory may be used again
            if is_block and progress is not None:
                progress()

        return hook


def _check_inputs(model: PreTrainedModel, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, the floating ones in the model's dtype. Raises ValueError for those it does not take or misses."""
    parameters = list(inspect.signature(type(model).run).parameters.values())[2:]  # without self and the first input
    known = [model.main_input_name, *(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)]
    unknown = sorted(set(inputs) - set(known))
    if unknown or model.main_input_name not in inputs:
        got = ", ".join(inputs) or "none"
        needed = f"{known[0]} is needed, {', '.join(known[1:])} may be there"
        raise ValueError(f"inputs: got {got}; for a {type(model).__name__} {needed}")
    arrays = {name: value.numpy() if isinstance(value, Tensor) else to_host(value) for name, value in inputs.items()}
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    return {name: array.astype(model.dtype) if array.dtype.kind == "f" else array for name, array in arrays.items()}


@contextmanager
def _left_as_it_was(model: Module) -> Iterator[None]:
    """Inside, the model is in evaluation mode, with gradients for all parameters and none there yet."""
    modes = [(module, module.training) for module in model.modules()]
    states = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    try:
        model.eval()
        model.requires_grad_(True)
        for parameter, _, _ in states:
            parameter.grad = None
        yield
    finally:
        for module, mode in modes:
            object.__setattr__(module, "training", mode)
        for parameter, requires_grad, grad in states:
            parameter.requires_grad, parameter.grad = requires_grad, grad


def _arrays_by_field(output: Any) -> dict[str, np.ndarray]:
    """The output's fields as arrays on the host; those that are tuples one by one, as "hidden_states.3"."""
    arrays: dict[str, np.ndarray] = {}
    for name in output.keys():
        value = output[name]
        if isinstance(value, tuple):
            arrays |= {f"{name}.{index}": np.array(to_host(one.data)) for index, one in enumerate(value)}
        else:
            arrays[name] = np.array(to_host(value.data))
    return arrays


def _run_backward(
    output: Any, fields: Mapping[str, np.ndarray], upstream: Mapping[str, Any] | None, dtype: str
) -> dict[str, np.ndarray]:
    """Runs backward from these gradients, else the loss, else random gradients; returns them unless from the loss."""
    if not upstream and "loss" in fields:
        output.loss.backward(retain_graph=False)
        return {}
    if not upstream:
        upstream = random_upstream({name: fields[name].shape for name in STARTS if name in fields}, dtype)
    for name, gradient in upstream.items():
        shape = fields[name].shape if name in fields else None
        if name not in output or isinstance(output[name], tuple) or np.shape(gradient) != shape:
            expected = ", ".join(f"{name} {array.shape}" for name, array in fields.items() if name in output)
            raise ValueError(f"upstream: got {name} {np.shape(gradient)}; expected gradients of some of {expected}")
    arrays = {name: np.asarray(gradient, output[name].dtype) for name, gradient in upstream.items()}
    moved = [asarray(array, output[name].data) for name, array in arrays.items()]
    backward([output[name] for name in arrays], moved, retain_graph=False)
    return arrays


def _gradients(model: Module, order: list[str]) -> dict[str, np.ndarray]:
    """The gradients that reached parameters, from the output to the input."""
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    names = in_backward_order(list(found), order)
    return {f"gradients.{name}": np.array(to_host(found[name])) for name in names if found[name] is not None}
