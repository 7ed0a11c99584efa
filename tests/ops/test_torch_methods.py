"""The table of torch.Tensor's attributes tells the truth, and is complete."""

import pytest

from npconformer import Tensor

from .torch_methods import ABSENT, PRESENT

NAMES_OF_ABSENT = [name for names in ABSENT.values() for name in names.split()]


def test_present():
    assert [name for name in sorted(PRESENT) if not hasattr(Tensor, name)] == []
    assert len(PRESENT) > 180


def test_absent():
    assert [name for name in NAMES_OF_ABSENT if hasattr(Tensor, name)] == []
    assert len(NAMES_OF_ABSENT) == len(set(NAMES_OF_ABSENT)) and not PRESENT & set(NAMES_OF_ABSENT)


def test_the_table_has_all_of_torch():
    torch = pytest.importorskip("torch")
    names = {name for name in dir(torch.Tensor) if not name.startswith("_")}
    assert PRESENT <= names and names - PRESENT - set(NAMES_OF_ABSENT) == set()
