"""What the optimisers share: groups of named parameters, and state that is saved by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from npconformer.arrays.backend import backend_of, get_array_module, to_backend, to_host
from npconformer.arrays.weight_layout import can_change_in_place
from npconformer.nn import Module, Parameter
from npconformer.optim.pieces import Scratch


class Optimizer:
    """Base of the optimisers.

    `step()` changes the arrays of the parameters in place, after the backward pass. Arrays that others may see (the
    read-only views of a loaded checkpoint, or what `load_state_dict` was given) are replaced by copies first. A tape
    recorded before a step must not be walked after it: it holds the arrays that have changed.

    Args:
        params: a model; a mapping from names to parameters; parameters alone, which get the names 0, 1, ...; or
            groups as `parameter_groups` makes them,
            `{"params": {name: Parameter}, ...}`, whose other entries replace the optimiser's settings for that group.
        settings: what each group has unless it says otherwise; `lr` among them.

    Attributes:
        groups: dictionaries with "params", the settings, and "initial_lr", which schedules multiply.

    Raises:
        ValueError: no parameters, one of them twice, a setting out of range, or float16 parameters.
    """

    slots: tuple[str, ...] = ()  # names of the arrays that are kept for each parameter

    def __init__(self, params: Module | Mapping[str, Parameter] | Iterable[Any], **settings: Any) -> None:
        self.groups = [{**settings, **group} for group in _as_groups(params)]
        self._check_names()
        for group in self.groups:
            unknown = sorted(group.keys() - settings.keys() - {"params"})
            if unknown:
                raise ValueError(f"params: a group has {unknown}; expected params and some of {sorted(settings)}")
            self.check_settings(group)
            group["initial_lr"] = group["lr"]
        self.state: dict[str, dict[str, Any]] = {}
        self.steps: dict[str, int] = {}  # how often each parameter has been changed
        self._scratch = Scratch()
        for _, parameter in self.named_parameters():
            parameter.data = _own_copy(parameter.data)

    def check_settings(self, group: dict[str, Any]) -> None:
        """Raise a ValueError for a setting out of range."""
        at_least_zero("lr", group["lr"])
        at_least_zero("weight_decay", group["weight_decay"])

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """All parameters of all groups, with their names."""
        return [entry for group in self.groups for entry in group["params"].items()]

    @property
    def learning_rate(self) -> float:
        """That of the first group."""
        return self.groups[0]["lr"]

    def scale_learning_rate(self, factor: float) -> None:
        """Sets the learning rate of every group to `factor` times its initial one."""
        for group in self.groups:
            group["lr"] = group["initial_lr"] * factor

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        for _, parameter in self.named_parameters():
            parameter.grad = None

    def step(self) -> None:
        """Changes every parameter that has a gradient; one without keeps its value and its state."""
        for group in self.groups:
            for name, parameter in group["params"].items():
                if parameter.grad is None:
                    continue
                if not can_change_in_place(parameter.data):  # replaced by somebody
                    parameter.data = _own_copy(parameter.data)
                self.steps[name] = self.steps.get(name, 0) + 1
                self.update(group, parameter, self._state_of(name, parameter), self.steps[name])

    def update(self, group: dict[str, Any], parameter: Parameter, state: dict[str, Any], step: int) -> None:
        """Changes one parameter and its state in place. step: 1 at the parameter's first change."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def _state_of(self, name: str, parameter: Parameter) -> dict[str, Any]:
        if name not in self.state:
            xp = get_array_module(parameter.data)
            self.state[name] = {slot: xp.zeros(parameter.shape, parameter.dtype) for slot in self.slots}
        return self.state[name]

    # -- saving ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that is remembered from step to step, on the host: "slot/name" arrays and "step/name" counts."""
        state = {f"step/{name}": np.array(count, np.int64) for name, count in self.steps.items()}
        for name, arrays in self.state.items():
            state.update({f"{slot}/{name}": to_host(array) for slot, array in arrays.items()})
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `state_dict` returned. The arrays are copied.

        Raises:
            ValueError: the state is of other parameters or another optimiser; nothing has been changed then.
        """
        parameters = dict(self.named_parameters())
        steps: dict[str, int] = {}
        arrays: dict[str, dict[str, Any]] = {}
        for key, array in state.items():
            slot, _, name = key.partition("/")
            if name not in parameters or slot not in ("step", *self.slots):
                raise ValueError(f"state: {key!r} is nothing that {type(self).__name__} keeps for these parameters")
            data = parameters[name].data
            if slot == "step":
                if array.shape != () or array.dtype.kind not in "iu" or array < 0:
                    raise ValueError(f"state: {key!r} is {array.dtype} {array.shape}; expected one count")
                steps[name] = int(array)
                continue
            if array.shape != data.shape or array.dtype != data.dtype:
                got = f"{array.dtype} {array.shape}"
                raise ValueError(f"state: {key!r} is {got}, the parameter is {data.dtype} {data.shape}")
            arrays.setdefault(name, {})[slot] = to_backend(np.array(array, order="C"), backend_of(data))
        for name in steps:
            missing = [slot for slot in self.slots if slot not in arrays.get(name, {})]
            if missing:
                raise ValueError(f"state: {missing} of {name!r} are missing")
        if arrays.keys() - steps.keys():
            raise ValueError(f"state: the step counts of {sorted(arrays.keys() - steps.keys())} are missing")
        self.steps, self.state = steps, arrays

    def _check_names(self) -> None:
        names, seen = set(), set()
        for name, parameter in self.named_parameters():
            if name in names or id(parameter) in seen:
                raise ValueError(f"params: {name} occurs twice")
            names.add(name)
            seen.add(id(parameter))
            if parameter.dtype == np.float16:
                raise ValueError(f"params: {name} is float16, too coarse for small steps; train in float32 or float64")
        if not names:
            raise ValueError("params: there is nothing to train")


def at_least_zero(name: str, value: float) -> None:
    """Raise a ValueError unless the setting is a finite number of at least 0."""
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")


def below_one(name: str, value: float) -> None:
    """Raise a ValueError unless the setting is at least 0 and below 1."""
    if not 0 <= value < 1:
        raise ValueError(f"{name}: expected at least 0 and below 1, got {value!r}")


def _as_groups(params: Any) -> list[dict[str, Any]]:
    if isinstance(params, Module):
        params = {name: p for name, p in params.named_parameters() if p.requires_grad}
    if isinstance(params, Mapping):
        return [{"params": dict(params)}]
    groups = list(params)
    if groups and all(isinstance(one, Parameter) for one in groups):  # as torch has it: their places are their names
        return [{"params": {str(place): one for place, one in enumerate(groups)}}]
    if not all(isinstance(group, Mapping) and isinstance(group.get("params"), Mapping) for group in groups):
        expected = "a model, a mapping from names to parameters, parameters, or groups with such a mapping as 'params'"
        raise ValueError(f"params: expected {expected}")
    return groups


def _own_copy(array: Any) -> Any:
    """The same values, contiguous, in memory that nobody else holds."""
    return array.copy(order="C")
