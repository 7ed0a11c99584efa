"""Modules: named parameters, buffers and submodules, in the order in which they were assigned.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import NUMPY, Backend, backend_of, is_array, to_backend
from npconformer.arrays.device import device_backend
from npconformer.arrays.dtypes import floating_dtype
from npconformer.nn.hooks import Hook, HookHandle
from npconformer.nn.loaded_names import LoadedNames
from npconformer.nn.tree import tree
from npconformer.tape.autograd import Tensor


class Parameter(Tensor):
    """A tensor that belongs to a module and requires a gradient."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class Module:
    """A part of a model. Assigning a Parameter or a Module to an attribute registers it under that name.

    Attributes:
        training: whether dropout, LayerDrop, SpecAugment and batch statistics are on. New modules are in training
            mode, loaded models in evaluation mode.
        is_embedding: whether its parameters are a table of learned vectors.
        keeps_dtype: whether its arrays are stored in a dtype that they are not computed in (`nn.stored_layers`).
        takes_weights_of: names of the modules inside whose parameters it uses itself, without calling them.
        stored_size: how many numbers it holds beside its parameters, in fewer bits than they are computed in.
    """

    is_embedding: ClassVar[bool] = False
    keeps_dtype: ClassVar[bool] = False
    takes_weights_of: ClassVar[tuple[str, ...]] = ()
    stored_size: Any = 0

    def __init__(self) -> None:
        set_attribute = object.__setattr__
        set_attribute(self, "_parameters", {})
        set_attribute(self, "_buffers", {})
        set_attribute(self, "_persistent", set())
        set_attribute(self, "_modules", {})
        set_attribute(self, "_forward_hooks", {})
        set_attribute(self, "training", True)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        output = self.forward(*args, **kwargs)
        if self._forward_hooks:
            for hook in tuple(self._forward_hooks.values()):  # one of them may take itself away
                changed = hook(self, args, output)
                output = output if changed is None else changed
        return output

    def register_forward_hook(self, hook: Hook) -> HookHandle:
        """Calls hook(module, args, output) after every forward; what it returns, unless None, replaces the output.

        args: the positional arguments alone. Where no gradient is recorded, later operations may take over the memory
        of the output: a hook that keeps an array keeps a copy.
        """
        return HookHandle(self._forward_hooks, hook)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._buffers:
            self._buffers[name] = value
            return
        if name in self._parameters and not (value is None or isinstance(value, Parameter)):
            raise TypeError(f"{name} is a parameter: assign a Parameter, or an array to its .data")
        for registry in (self._parameters, self._modules):  # a name is in one of them at most
            registry.pop(name, None)
        if isinstance(value, Parameter):
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._modules[name] = value
        object.__setattr__(self, name, value)  # found without a search

    def __getattr__(self, name: str) -> Any:  # called only when ordinary lookup fails: for buffers
        buffers = self.__dict__.get("_buffers", {})
        if name in buffers:
            return buffers[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def register_buffer(self, name: str, array: Any, persistent: bool = True) -> None:
        """An array that is part of the model's state but not trained; `persistent` ones are saved."""
        self._buffers[name] = array
        if persistent:
            self._persistent.add(name)

    # -- walking ---------------------------------------------------------------------------------------------------

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        return iter(self._modules.values())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, with their names."""
        return iter(self._modules.items())

    def get_submodule(self, target: str) -> Module:
        """The module of that dotted name; "" is this one. Raises AttributeError where there is none."""
        module = self
        for name in target.split(".") if target else ():
            if name not in module._modules:
                raise AttributeError(f"{type(module).__name__} has no module {name!r} (of {target!r})")
            module = module._modules[name]
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that dotted name. Raises AttributeError where there is none."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in module._parameters:
            raise AttributeError(f"{type(module).__name__} has no parameter {name!r} (of {target!r})")
        return module._parameters[name]

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside it, with their dotted names."""
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """This module and all inside it."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted name, which is its key in a checkpoint."""
        for prefix, module in self.named_modules():
            for name, parameter in module._parameters.items():
                yield (f"{prefix}.{name}" if prefix else name), parameter

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, persistent_only: bool = False) -> Iterator[tuple[str, Any]]:
        """Every buffer with its dotted name."""
        for prefix, module in self.named_modules():
            for name, array in module._buffers.items():
                if not persistent_only or name in module._persistent:
                    yield (f"{prefix}.{name}" if prefix else name), array

    def buffers(self) -> Iterator[Any]:
        """Every buffer."""
        return (array for _, array in self.named_buffers())

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """How many numbers the parameters hold together, or those that are trained, or those in no `Embedding`."""
        return sum(
            parameter.size
            for module in self.modules()
            for parameter in module._parameters.values()
            if not (exclude_embeddings and module.is_embedding) and (parameter.requires_grad or not only_trainable)
        ) + (0 if only_trainable else sum(module.stored_size for module in self.modules()))

    def extra_repr(self) -> str:
        """What printing says of this module beside its name and what is inside."""
        return ""

    def __repr__(self) -> str:
        return tree(self)

    def apply(self, function: Callable[[Module], None]) -> Module:
        """Calls the function on every module, innermost first; returns self."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    # -- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The arrays of all parameters and persistent buffers by name, not copied."""
        state = {name: parameter.data for name, parameter in self.named_parameters()}
        state.update(self.named_buffers(persistent_only=True))
        return state

    def set_buffer(self, name: str, array: Any) -> None:
        """Replaces the buffer of that dotted name."""
        path, _, last = name.rpartition(".")
        module = dict(self.named_modules())[path]
        if last not in module._buffers:
            raise KeyError(f"no buffer is named {name!r}")
        module._buffers[last] = array

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadedNames:
        """Takes over arrays or tensors by name, without copying those in the model's dtype and memory already.

        strict: every name of the model must be there, and no other; False takes over what fits by its name.

        Returns:
            What was missing or unexpected.

        Raises:
            ValueError: names are missing or unexpected (strict), or a shape differs; nothing has been changed then.
        """
        own = self.state_dict()
        state = {name: _bare(value) for name, value in state_dict.items()}
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        if strict and (missing or unexpected):
            raise ValueError(f"state_dict: missing names {missing}, unexpected names {unexpected}")
        for name, array in own.items():
            if name in state and state[name].shape != array.shape:
                raise ValueError(f"state_dict: {name} has shape {state[name].shape}, the model's is {array.shape}")
        parameters = dict(self.named_parameters())
        for name, old in own.items():
            if name not in state:
                continue
            new = to_backend(state[name], backend_of(old)).astype(old.dtype, copy=False)
            if name in parameters:
                parameters[name].data = new
            else:
                self.set_buffer(name, new)
        return LoadedNames(missing, unexpected)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients; set_to_none=False sets those that there are to 0 instead."""
        for parameter in self.parameters():
            parameter.grad = None if set_to_none or parameter.grad is None else parameter.grad * 0

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Says of every parameter whether it is trained; returns self."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def train(self, mode: bool = True) -> Module:
        """Training mode, here and in everything inside; returns self."""
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Module:
        """Evaluation mode, here and in everything inside; returns self."""
        return self.train(False)

    def to(self, *targets: Any, device: Any = None, dtype: Any = None) -> Any:
        """Moves every array to a device ("cpu", "cuda") and casts floating ones to a dtype; returns self.

        targets: a device, a dtype, or both.
        """
        for target in (*targets, device, dtype):
            if target is not None:
                self._to_one(target)
        return self

    def _to_one(self, target: Any) -> None:
        dtype = floating_dtype(target)
        if dtype is not None:
            self._check_can_be(dtype, dtype == np.float32)
            self._map_arrays(lambda array: array.astype(dtype, copy=False) if array.dtype.kind == "f" else array)
            return
        if not isinstance(target, str | int | Backend) and type(target).__module__ != "torch":
            raise ValueError(f'target: expected "cpu", "cuda" or a floating dtype, got {target!r}')
        try:
            backend = device_backend(target)
        except ValueError as error:
            raise ValueError(f"target: {target!r} is no floating dtype, and as a device: {error}") from None
        self._check_can_be(target, backend is NUMPY)
        self._map_arrays(lambda array: to_backend(array, backend))

    def _check_can_be(self, target: Any, is_as_it_is: bool) -> None:
        if not is_as_it_is and any(module.keeps_dtype for module in self.modules()):
            name = getattr(target, "name", target)
            raise ValueError(
                f"target: the model's weights are stored in fewer bits, for float32 on a CPU, and cannot be changed to "
                f'{name}: load it again with dtype="float32" and that, or from its original checkpoint'
            )

    def cpu(self) -> Any:
        """Moves everything to the host; returns self."""
        return self.to("cpu")

    def cuda(self) -> Any:
        """Moves everything to the GPU; returns self."""
        return self.to("cuda")

    def float(self) -> Any:
        """Casts floating arrays to float32; returns self."""
        return self.to(np.float32)

    def double(self) -> Any:
        """Casts floating arrays to float64; returns self."""
        return self.to(np.float64)

    def half(self) -> Any:
        """Casts floating arrays to float16, which a CPU computes slowly; returns self."""
        return self.to(np.float16)

    def _map_arrays(self, function: Callable[[Any], Any]) -> Module:
        for module in self.modules():
            for parameter in module._parameters.values():
                parameter.data = function(parameter.data)
                parameter.grad = None if parameter.grad is None else function(parameter.grad)
            if not module.keeps_dtype:
                for name, array in module._buffers.items():
                    module._buffers[name] = function(array)
        return self


def _bare(value: Any) -> Any:
    """The array of a tensor; an array as it is, and what NumPy makes of anything else."""
    value = value.data if isinstance(value, Tensor) else value
    return value if is_array(value) else np.asarray(value)


class ModuleList(Module):
    """Modules in a row, named 0, 1, 2, ..."""

    def __init__(self, modules: Any = ()) -> None:
        super().__init__()
        for index, module in enumerate(modules):
            setattr(self, str(index), module)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, index: int) -> Module:
        return list(self._modules.values())[index]
