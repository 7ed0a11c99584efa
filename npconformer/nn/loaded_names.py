"""What `load_state_dict` found of names."""

from __future__ import annotations

from typing import NamedTuple


class LoadedNames(NamedTuple):
    """The model's names that were not given, and the names given that the model does not have, each in its order."""

    missing_keys: list[str]
    unexpected_keys: list[str]
