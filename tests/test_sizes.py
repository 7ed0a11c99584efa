"""Nothing is too long to be read in one sitting: files of 350 lines at most, functions of 60 lines of code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE, LONGEST_FUNCTION = 350, 60


def python_files(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def functions_with_sizes(source):
    """Each function's name, with its lines of code: without blank lines, comments and its docstring."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = set(range(node.lineno, node.end_lineno + 1))
            if ast.get_docstring(node) is not None:
                inside -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
            yield (
                node.name,
                sum(1 for n in inside if lines[n - 1].strip() and not lines[n - 1].lstrip().startswith("#")),
            )


def test_files():
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files("npconformer", "tests", "benchmarks", "docs", ".ci")
    }
    assert len(sizes) > 300
    assert {str(path.relative_to(ROOT)): n for path, n in sizes.items() if n > LONGEST_FILE} == {}


def test_functions():
    found = [
        (f"{path.relative_to(ROOT)}: {name}", size)
        for path in python_files("npconformer", "benchmarks", "docs")
        for name, size in functions_with_sizes(path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 1000
    assert {name: size for name, size in found if size > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize(
    ("source", "sizes"),
    [
        ("def f(): pass", {"f": 1}),
        ('def f(\n    x,\n):\n    """One\n\n    two."""\n\n    # why\n    return x  # because\n', {"f": 4}),
        ('def f():\n    "text"\n    def g():\n        return 1\n    return g\n', {"f": 4, "g": 2}),
        ('class A:\n    async def f(self):\n        x = """\n\n"""\n        return x\n', {"f": 4}),
    ],
)  # fmt: skip
def test_what_is_counted(source, sizes):
    assert dict(functions_with_sizes(source)) == sizes
