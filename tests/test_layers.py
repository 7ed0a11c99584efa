"""Folders import only from those before them and in no circle; docs/architecture.md lists them in that order."""

import re
from pathlib import Path

import pytest
from layers import ORDER, circle, read_imports, upward_imports

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "npconformer"


def test_every_folder_has_its_place():
    with_code = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert with_code == set(ORDER), "tests/layers.py says where a new folder belongs"


def test_no_import_runs_upward():
    assert len(list(read_imports(PACKAGE))) > 300  # they are read at all
    assert [line for line in upward_imports(PACKAGE) if "npconformer/models/" not in line] == []


def test_no_import_runs_upward_inside_models():
    assert [line for line in upward_imports(PACKAGE) if "npconformer/models/" in line] == []


def test_no_circle():
    assert circle(PACKAGE) is None


def folders_of_the_document():
    """The folders of the table in docs/architecture.md, in its order."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = text.split("\n## Where to find what\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([\w/]+)/` \|", section, re.MULTILINE)


def test_the_document_lists_the_folders_in_order():
    folders = folders_of_the_document()
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
    in_package = [folder.split("/")[1] for folder in folders if folder.startswith("npconformer/")]
    assert tuple(dict.fromkeys(in_package)) == (*ORDER, "pretrained")
    of_models = {f"npconformer/models/{path.parent.name}" for path in PACKAGE.glob("models/*/__init__.py")}
    assert of_models <= set(folders)


# ---- the reader of imports itself, on packages made up for it


@pytest.fixture
def package(tmp_path):
    """Call it with files and their text: writes them into the package `tiny` and returns its folder."""

    def write(files):
        for name, text in {"__init__": "", **files}.items():
            path = tmp_path / "tiny" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "tiny"

    return write


def test_downward_imports_are_fine(package):
    folder = package(
        {
            "arrays/backend": "import os\nimport numpy as np",
            "ops/__init__": "from tiny.ops.matmul import matmul",
            "ops/matmul": "from tiny.arrays.backend import use\nfrom tiny import __version__",
            "nn/layers": "from tiny import ops\nfrom tiny.ops import matmul\nfrom . import module\nimport tiny.arrays",
            "nn/module": "",
            "cli": "import tiny\nfrom tiny.nn import layers",
        }
    )
    assert upward_imports(folder) == [] and circle(folder) is None
    assert {(one.importer, one.imported, one.name) for one in read_imports(folder)} == {
        ("tiny.ops", "tiny.ops.matmul", "matmul"),
        ("tiny.ops.matmul", "tiny.arrays.backend", "use"),
        ("tiny.ops.matmul", "tiny", "__version__"),
        ("tiny.nn.layers", "tiny.ops", None),
        ("tiny.nn.layers", "tiny.ops.matmul", None),
        ("tiny.nn.layers", "tiny.nn.module", None),
        ("tiny.nn.layers", "tiny.arrays", None),
        ("tiny.cli", "tiny", None),
        ("tiny.cli", "tiny.nn.layers", None),
    }


@pytest.mark.parametrize(
    "text",
    [
        "import tiny.nn.layers",
        "from tiny.nn import layers",
        "from tiny.nn.layers import Linear",
        "from ..nn import layers",
        "from ..nn.layers import Linear",
        "def f():\n    from tiny.nn.layers import Linear",
        "if TYPE_CHECKING:\n    from tiny.nn.layers import Linear",
        "try:\n    import tiny.nn.layers as layers\nexcept ImportError:\n    pass",
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(package, text):
    folder = package({"nn/layers": "", "ops/matmul": text})
    line = text[: text.index("nn")].count("\n") + 1
    assert upward_imports(folder) == [f"tiny/ops/matmul.py:{line} imports tiny.nn.layers"]


def test_the_names_at_the_top_are_not_for_the_folders(package):
    folder = package(
        {"ops/a": "import tiny", "ops/b": "from tiny import Tensor", "ops/c": "import tiny.cli", "cli": ""}
    )
    assert upward_imports(folder) == [
        "tiny/ops/a.py:1 imports tiny",
        "tiny/ops/b.py:1 imports tiny",
        "tiny/ops/c.py:1 imports tiny.cli",
    ]


INSIDE_MODELS = ["outputs", "conformer/encoder", "heads/ctc", "hubert/modeling", "whale/modeling", "auto", "__init__"]


@pytest.mark.parametrize("importer", INSIDE_MODELS)
@pytest.mark.parametrize("imported", INSIDE_MODELS[:-1])
def test_inside_models(package, importer, imported):
    """One folder for each model: what two of them share moves out of both."""
    folder = package({f"models/{name}": "" for name in INSIDE_MODELS})
    package({f"models/{importer}": f"import tiny.models.{imported.replace('/', '.')}"})
    models = {"hubert/modeling", "whale/modeling"}
    downward = INSIDE_MODELS.index(imported) < INSIDE_MODELS.index(importer) and {importer, imported} != models
    assert (upward_imports(folder) == []) == (downward or importer == imported)


def test_a_circle_is_found(package):
    folder = package({"ops/a": "from tiny.ops import b", "ops/b": "def f():\n    import tiny.ops.c", "ops/c": ""})
    assert circle(folder) is None
    package({"ops/c": "if TYPE_CHECKING:\n    from .a import g"})
    names = circle(folder).split(" -> ")
    assert sorted(names[1:]) == ["tiny.ops.a", "tiny.ops.b", "tiny.ops.c"] and names[0] == names[-1]
    assert "tiny.ops.a -> tiny.ops.b" in circle(folder) or names[-1] == "tiny.ops.b"


def test_a_circle_through_a_folder(package):
    """`text/a` names a harmless file of data/; but data's `__init__` runs `data/b`, which needs `text/a`."""
    folder = package({"text/a": "import tiny.data.c", "data/b": "from tiny.text.a import g", "data/c": ""})
    assert circle(folder) is None
    package({"data/__init__": "from tiny.data.b import f"})
    assert circle(folder) is not None


def test_a_file_that_asks_its_own_folder_for_what_it_gives_itself(package):
    folder = package({"ops/__init__": "from tiny.ops.a import f", "ops/a": "", "ops/b": "from tiny.ops import f"})
    assert circle(folder) is None
    package({"ops/a": "from tiny.ops import f"})
    assert circle(folder) in {"tiny.ops -> tiny.ops.a -> tiny.ops", "tiny.ops.a -> tiny.ops -> tiny.ops.a"}
