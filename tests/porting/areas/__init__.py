"""The areas, a file each."""

import importlib
import pkgutil

from tests.porting.area import Area


def all_areas() -> list[Area]:
    """Every area of this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").AREA for name in names]
