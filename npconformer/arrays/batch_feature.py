"""What feature extractors and tokenizers return: a dict whose entries are also attributes."""

from __future__ import annotations

from typing import Any


class BatchFeature(dict):
    """A dict with attribute access: `batch["input_values"]` and `batch.input_values` are the same array.

    It can be passed on with `model(**batch)`.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this batch has no {name!r}; it holds {', '.join(self) or 'nothing'}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def check_return_tensors(return_tensors: Any) -> None:
    """Accept None (lists) and "np" (arrays). Raises ValueError for everything else."""
    if return_tensors not in (None, "np"):
        raise ValueError(
            f"return_tensors={return_tensors!r} is not offered: npconformer returns lists (None) or NumPy "
            f'arrays ("np"), never torch tensors ("pt")'
        )


def check_padding(padding: Any) -> str:
    """Name the padding strategy: "longest", "max_length" or "do_not_pad"; ValueError for anything else."""
    strategies = {True: "longest", False: "do_not_pad", None: "do_not_pad"}
    padding = getattr(padding, "value", padding)  # an enum of transformers, in code that was written for it
    strategy = padding if isinstance(padding, str) else strategies.get(padding)
    if strategy not in ("longest", "max_length", "do_not_pad"):
        raise ValueError(f"padding={padding!r}: expected True or 'longest', 'max_length', False or 'do_not_pad'")
    return strategy


def round_up(length: int, multiple: int | None) -> int:
    """The smallest multiple of `multiple` that is at least `length`; `length` itself for None."""
    return length if multiple is None else -(-length // multiple) * multiple
