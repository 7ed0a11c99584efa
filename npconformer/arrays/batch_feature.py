"""What feature extractors and tokenizers return: a dict whose entries are also attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import is_array, to_backend
from npconformer.arrays.device import device_backend
from npconformer.arrays.dtypes import dtype_name, floating_dtype


class BatchFeature(dict):
    """A dict with attribute access: `batch["input_values"]` and `batch.input_values` are the same array.

    It can be passed on with `model(**batch)`.

    data: the entries. tensor_type: what they become, as in `convert_to_tensors`.
    """

    def __init__(self, data: Any = None, tensor_type: Any = None) -> None:
        super().__init__(data or {})
        self.convert_to_tensors(tensor_type)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this batch has no {name!r}; it holds {', '.join(self) or 'nothing'}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    @property
    def data(self) -> BatchFeature:
        """The entries as a dict: this one."""
        return self

    def copy(self) -> Any:
        """The same entries in another dict of this type."""
        return type(self)(self)

    def convert_to_tensors(self, tensor_type: Any = None, prepend_batch_axis: bool = False) -> Any:
        """Turn lists of numbers into arrays ("np") or torch's tensors ("pt"), in place; None leaves them. Returns self.

        prepend_batch_axis: put an axis of 1 before each. Raises ValueError for an entry whose rows have several
        lengths, and where torch is asked for and missing. Entries of text are left as they are.
        """
        tensor_type = check_return_tensors(tensor_type)
        if tensor_type is None:
            return self
        for name, value in self.items():
            value = [value] if prepend_batch_axis else value
            array = _to_array(name, value)
            if tensor_type == "pt" and isinstance(array, np.ndarray):
                import torch

                is_list = isinstance(value, list) and not any(map(is_array, value))
                array = torch.tensor(value) if is_list else torch.as_tensor(array)
            self[name] = array
        return self

    def to(self, *target: Any, **named: Any) -> Any:
        """Move arrays to a device, cast floating ones to a dtype, or both: `to("cuda")`, `to("cpu", np.float16)`.

        device: "cpu", "cuda", or what `model.device` is. dtype: a floating one. Integers keep theirs. Changes this
        batch and returns it. Raises ValueError for anything else.
        """
        named.pop("non_blocking", None)  # arrays are there when this returns
        device, dtype = named.pop("device", None), named.pop("dtype", None)
        if named:
            raise TypeError(f"to() takes a device and a dtype, got {', '.join(named)}")
        for one in target:
            if floating_dtype(one) is not None:
                dtype = one
            else:
                device = one
        if dtype is not None and floating_dtype(dtype) is None:
            raise ValueError(f"dtype={dtype!r}: expected a floating dtype, such as numpy.float32")
        backend = None if device is None else device_backend(device)

        def moved(value: Any) -> Any:
            if isinstance(value, list | tuple):
                return type(value)(map(moved, value))
            if type(value).__module__ == "torch":
                return value.to(**_for_torch(value, device, dtype))
            if not is_array(value):
                return value
            value = value if backend is None else to_backend(value, backend)
            return value if dtype is None or value.dtype.kind != "f" else value.astype(floating_dtype(dtype))

        self.update({name: moved(value) for name, value in self.items()})
        return self


class BatchEncoding(BatchFeature):
    """What a tokenizer returns."""

    is_fast = False  # as transformers calls tokenizers that are not written in Python

    def __init__(self, data: Any = None, tensor_type: Any = None, prepend_batch_axis: bool = False) -> None:
        super().__init__(data)
        self.convert_to_tensors(tensor_type, prepend_batch_axis)


def _to_array(name: str, value: Any) -> Any:
    """Numbers as an array, integers as int64; what is no list of numbers as it is. ValueError for ragged lists."""
    if type(value).__module__ == "torch" or is_array(value):
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name} has rows of several lengths, and arrays need rows of one length: pass padding=True"
        ) from None
    if isinstance(value, list) and not len(value):
        return array.astype(np.int64)
    return array if array.dtype.kind in "biuf" else value


def _for_torch(value: Any, device: Any, dtype: Any) -> dict[str, Any]:
    """The arguments of a torch tensor's `to`."""
    import torch

    arguments = {} if device is None else {"device": device}
    if dtype is not None and value.is_floating_point():
        arguments["dtype"] = getattr(torch, np.dtype(dtype_name(dtype)).name)
    return arguments


def check_return_tensors(return_tensors: Any) -> str | None:
    """None (lists), "np" (arrays), or "pt" (torch's tensors) where torch is installed. ValueError for anything else."""
    return_tensors = getattr(return_tensors, "value", return_tensors)  # an enum of transformers
    if return_tensors == "pt":
        try:
            import torch  # noqa: F401
        except ImportError:
            raise ValueError(
                'return_tensors="pt" needs torch, which is not installed; npconformer\'s models take NumPy arrays: '
                'write return_tensors="np"'
            ) from None
    elif return_tensors not in (None, "np"):
        raise ValueError(
            f'return_tensors={return_tensors!r} is not offered: write "np" for NumPy arrays, "pt" for torch\'s '
            "tensors, None for lists"
        )
    return return_tensors


def check_padding(padding: Any) -> str:
    """Name the padding strategy: "longest", "max_length" or "do_not_pad"; ValueError for anything else."""
    strategies = {True: "longest", False: "do_not_pad", None: "do_not_pad"}
    padding = getattr(padding, "value", padding)  # an enum of transformers, in code that was written for it
    strategy = padding if isinstance(padding, str) else strategies.get(padding)
    if strategy not in ("longest", "max_length", "do_not_pad"):
        raise ValueError(f"padding={padding!r}: expected True or 'longest', 'max_length', False or 'do_not_pad'")
    return strategy


def check_truncation(truncation: Any) -> bool:
    """Whether a single sequence is cut: what transformers' names for it mean; ValueError for anything else."""
    truncation = getattr(truncation, "value", truncation)
    if isinstance(truncation, bool | np.bool_ | None):
        return bool(truncation)
    if truncation not in ("longest_first", "only_first", "only_second", "do_not_truncate"):
        raise ValueError(
            f"truncation={truncation!r}: expected True, 'longest_first' or 'only_first', False or 'do_not_truncate'"
        )
    return truncation in ("longest_first", "only_first")  # "only_second" is about pairs of texts


def round_up(length: int, multiple: int | None) -> int:
    """The smallest multiple of `multiple` that is at least `length`; `length` itself for None."""
    return length if multiple is None else -(-length // multiple) * multiple
