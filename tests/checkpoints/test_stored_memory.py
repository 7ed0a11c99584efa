"""The most memory that loading and running a model of 30 million weights takes, each in a process of its own."""

import subprocess
import sys

import pytest
from tiny_checkpoints import make_config

from npconformer import Wav2Vec2ConformerForCTC

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status"),
]
PROGRAM = """
import sys
import numpy as np
from npconformer import Wav2Vec2ConformerForCTC, no_grad

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) * 1024

before = peak()
model = Wav2Vec2ConformerForCTC.from_pretrained(sys.argv[1], dtype=sys.argv[2])
with no_grad():
    model(np.ones((1, 3200), np.float32))
print(peak() - before)
"""


def peak(folder, dtype):
    """Bytes beyond those of the imports."""
    call = [sys.executable, "-c", PROGRAM, str(folder), dtype]
    return int(subprocess.run(call, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    sizes = {"hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8, "intermediate_size": 2048}
    Wav2Vec2ConformerForCTC(make_config("layer", **sizes, initializer_range=0.02)).save_pretrained(root / "float32")
    for kind in ("float16", "int8"):
        stored = Wav2Vec2ConformerForCTC.from_pretrained(root / "float32", dtype=kind)
        stored.save_pretrained(root / kind)
    return root


def test_peak_memory(folders):
    whole = peak(folders / "float32", "float32")
    weights = (folders / "float32/model.safetensors").stat().st_size
    assert weights > 100e6 and whole > weights
    assert peak(folders / "float16", "float16") < 0.62 * whole
    assert peak(folders / "int8", "int8") < 0.40 * whole
    for kind in ("float16", "bfloat16", "int8"):
        assert peak(folders / "float32", kind) < whole, kind
