"""No keyword of transformers' is left out: each has a row, with a value that changes what comes of it, if any does."""

import pytest

from tests.porting.areas import all_areas
from tests.porting.keyword_rows import ROWS
from tests.porting.reference_keywords import frozen, live

all_areas()  # fills ROWS


@pytest.mark.parametrize("call", frozen())
def test_each_keyword_has_its_row(call):
    assert set(frozen()[call]) - ROWS[call] == set()


def test_the_frozen_keywords_are_those_of_transformers():
    pytest.importorskip("transformers", reason="needs transformers, which the extra `parity` brings")
    assert live() == frozen(), "python -m tests.porting --write asks transformers anew"
