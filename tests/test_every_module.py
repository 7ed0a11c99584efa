"""Every module can be imported: none asks another for what has moved away."""

import importlib
import pkgutil

import pytest

import npconformer

MODULES = [module.name for module in pkgutil.walk_packages(npconformer.__path__, "npconformer.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_it_is_imported(name):
    importlib.import_module(name)


@pytest.mark.parametrize("name", npconformer.__all__)
def test_each_public_name_is_there(name):
    assert getattr(npconformer, name) is not None
