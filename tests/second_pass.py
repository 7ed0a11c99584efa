"""Running again, where more is installed, only what had to be skipped where less was: a plugin that `.ci/run` loads.

    python -m pytest -p tests.second_pass --note-skipped=FILE     # notes which tests were skipped, and passes as ever
    python -m pytest -p tests.second_pass --only-skipped=FILE     # runs those, and what is marked `with_reference`

What is skipped for want of a GPU is not noted. A module that skips as a whole is noted by its name. A noted test that
cannot be found is an error: nothing is lost on the way. (With `=`, since pytest takes a path that stands alone for one
of tests, and names all tests from the folder above both.)
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("second pass")
    group.addoption("--note-skipped", type=Path, metavar="FILE", help="write the names of skipped tests there")
    group.addoption("--only-skipped", type=Path, metavar="FILE", help="run only the tests that are named there")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--note-skipped"):
        config.getoption("--note-skipped").write_text("", encoding="utf-8")
        config.pluginmanager.register(_Notes(config.getoption("--note-skipped")))


class _Notes:
    """Adds a line to the file for each skipped test or module."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "gpu" not in report.keywords:
            self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            with self.path.open("a", encoding="utf-8") as file:
                file.write(report.nodeid + "\n")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    path = config.getoption("--only-skipped")
    if path is None:
        return
    noted = set(path.read_text(encoding="utf-8").splitlines())
    names = {item: {item.nodeid, item.nodeid.split("::")[0]} for item in items}
    lost = noted.difference(*names.values())
    if lost:
        raise pytest.UsageError(f"skipped before, and not found now: {', '.join(sorted(lost))}")
    chosen = [item for item in items if names[item] & noted or item.get_closest_marker("with_reference")]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen
