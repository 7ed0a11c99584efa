"""What is written is read by those who made the formats: torch, safetensors and transformers."""

import numpy as np
import pytest
from small_checkpoints import small_model
from test_conversion import new_folder, random_weights

from npconformer.checkpoints.array_file import open_weights
from npconformer.checkpoints.conversion import convert_weights
from npconformer.checkpoints.safetensors_file import write_safetensors

torch = pytest.importorskip("torch")


@pytest.fixture
def source(tmp_path):
    write_safetensors(tmp_path / "model.safetensors", random_weights())
    return open_weights(tmp_path)


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_reads_the_bin_file(source, tmp_path, mmap):
    (path,) = convert_weights(source, new_folder(tmp_path), "bin", None, 10**9)
    theirs = torch.load(path, weights_only=True, mmap=mmap)
    assert list(theirs) == list(source)
    for name, array in random_weights().items():
        np.testing.assert_array_equal(theirs[name].numpy(), array, strict=True, err_msg=name)


@pytest.mark.parametrize("format", ["bin", "safetensors"])
def test_bfloat16_is_torchs(source, tmp_path, format):
    (path,) = convert_weights(source, new_folder(tmp_path), format, "bfloat16", 10**9)
    if format == "bin":
        theirs = torch.load(path, weights_only=True)
    else:
        theirs = pytest.importorskip("safetensors.torch").load_file(path)
    for name, array in random_weights().items():
        if array.dtype in (np.float16, np.float32):  # torch rounds float64 twice
            expected = torch.from_numpy(np.asarray(array)).to(torch.bfloat16)
            assert theirs[name].dtype == torch.bfloat16
            assert torch.equal(theirs[name].view(torch.int16), expected.view(torch.int16)), name


@pytest.mark.parametrize("format", ["safetensors", "bin"])
@pytest.mark.parametrize("largest", [10**9, 20_000])
@pytest.mark.parametrize("dtype", [None, "bfloat16", "float16"])
def test_transformers_loads_it(tmp_path, format, largest, dtype):
    transformers = pytest.importorskip("transformers")
    small_model().save_pretrained(tmp_path / "a")
    folder = new_folder(tmp_path)
    (folder / "config.json").write_bytes((tmp_path / "a" / "config.json").read_bytes())
    convert_weights(open_weights(tmp_path / "a"), folder, format, dtype, largest)
    load = transformers.Wav2Vec2ConformerForCTC.from_pretrained
    kind = getattr(torch, dtype or "float32")
    theirs, report = load(folder, dtype=kind, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    before = load(tmp_path / "a", dtype=kind).state_dict()
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(tensor, before[name]), name
