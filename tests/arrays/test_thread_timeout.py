"""Importing the package first makes OpenBLAS's threads rest soon; what the user has set stays."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("given, expected", [(None, "18"), ("26", "26")])
def test_the_variable_is_set_before_numpy_and_only_if_it_is_not(given, expected):
    code = """
import os, sys
import npconformer
assert "numpy" not in sys.modules
print(os.environ["OPENBLAS_THREAD_TIMEOUT"])
"""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"}
    environment |= {"OPENBLAS_THREAD_TIMEOUT": given} if given else {}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == expected
