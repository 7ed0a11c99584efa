"""What every test may ask for: the folder `shared/` beside the checkout, a hub, and a GPU or a reasoned skip."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Hub, ask_here, serve

os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks the real hub, whatever name it tries
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a script's background; commands would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and checkpoints beside the checkout; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the recordings and checkpoints of {SHARED}, which is not here")
    return SHARED


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on this machine that huggingface_hub asks in this process; its cache is in tmp_path / "cache"."""
    pytest.importorskip("huggingface_hub", reason="needs huggingface_hub, which the extra `hub` brings")
    with serve() as hub:
        ask_here(hub, tmp_path / "cache", monkeypatch)
        yield hub


def why_no_gpu() -> str | None:
    """Why tests marked `gpu` cannot run here, or None where they can."""
    try:
        import cupy
    except ImportError as error:
        return f"CuPy cannot be imported: {error}"
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CuPy finds no CUDA device: {error}"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    reason = why_no_gpu() if marked else None
    if reason:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=reason))
