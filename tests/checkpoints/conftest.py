"""A saved model, as a folder that a test may change."""

import pytest
from small_checkpoints import small_model


@pytest.fixture
def folder(tmp_path):
    small_model().save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"
