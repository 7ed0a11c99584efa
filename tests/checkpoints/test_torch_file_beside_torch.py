"""Files that torch saves now, and what torch reads in them."""

import numpy as np
import pytest
from damage import whole_checkpoints, write_damaged

torch = pytest.importorskip("torch")

from torch_cases import LAYOUTS, UNSIGNED, as_arrays, every_state, plain_state, save_tar  # noqa: E402

from npconformer.checkpoints.torch_file import TorchFile  # noqa: E402

pytestmark = pytest.mark.with_reference


def assert_read_alike(path, state=None):
    file = TorchFile(path)
    theirs = as_arrays(torch.load(path, weights_only=False) if state is None else state)
    assert list(file) == list(theirs)
    for name, array in theirs.items():
        np.testing.assert_array_equal(file.read(name), array, err_msg=name, strict=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", every_state())
def test_all_layouts(tmp_path, layout, kind):
    if (kind, layout) == ("parameters", "tar"):
        pytest.skip("the keys of a tar file stand for tensors only")
    LAYOUTS[layout](every_state()[kind], tmp_path / "a.bin")
    assert_read_alike(tmp_path / "a.bin")
    assert_read_alike(tmp_path / "a.bin", every_state()[kind])


@pytest.mark.parametrize("layout", ["zip", "stream"])
@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_all_protocols(tmp_path, layout, protocol):
    state = {**plain_state(UNSIGNED), **every_state()["strided"], **every_state()["parameters"]}
    torch.save(state, tmp_path / "a.bin", pickle_protocol=protocol, _use_new_zipfile_serialization=layout == "zip")
    assert_read_alike(tmp_path / "a.bin", state)


def test_nested_and_with_other_alignment_and_without_checksums(tmp_path):
    from torch.utils.serialization import config

    state = every_state()["strided"]
    with config.patch("save.storage_alignment", 4096):
        torch.save({"epoch": 3, "rate": 0.5, "done": False, "model": state}, tmp_path / "a.bin")
    assert_read_alike(tmp_path / "a.bin", state)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, tmp_path / "b.bin")
    finally:
        torch.serialization.set_crc32_options(True)
    assert_read_alike(tmp_path / "b.bin", state)


def test_byte_order(tmp_path):
    state = {name: tensor for name, tensor in plain_state().items() if not tensor.is_complex()}
    torch.save(state, tmp_path / "little.bin")
    swap_bytes(tmp_path / "little.bin", tmp_path / "big.bin", state)
    assert_read_alike(tmp_path / "big.bin")
    assert_read_alike(tmp_path / "big.bin", state)


def swap_bytes(source, target, state):
    """What a big-endian machine would have saved."""
    import zipfile

    sizes = {str(i): tensor.element_size() for i, tensor in enumerate(state.values())}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content, key = old.read(name), name.rpartition("/")[2]
            if "/data/" in name:
                content = np.frombuffer(content, f"V{sizes[key]}")
                content = content.view(np.uint8).reshape(-1, sizes[key])[:, ::-1].tobytes()
            new.writestr(name, b"big" if key == "byteorder" else content)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "complex32"])
def test_dtypes_that_numpy_lacks_are_named(tmp_path, dtype):
    torch.save({"x": torch.ones(3).to(getattr(torch, dtype))}, tmp_path / "a.bin")
    with pytest.raises(ValueError, match=rf"a\.bin cannot.*torch\.({dtype}|ComplexHalf).*expected float64, float32"):
        TorchFile(tmp_path / "a.bin")


def test_what_is_still_to_be_computed_is_refused(tmp_path):
    complex_numbers = torch.complex(torch.ones(2), torch.ones(2)).conj()
    for name, tensor in {"conj": complex_numbers, "neg": complex_numbers.imag}.items():
        torch.save({"x": tensor}, tmp_path / "a.bin")
        with pytest.raises(ValueError, match=rf"yet to change when it reads it \({name}\): save a clone instead"):
            TorchFile(tmp_path / "a.bin")
        torch.save({"x": tensor.clone()}, tmp_path / "a.bin")
        np.testing.assert_array_equal(TorchFile(tmp_path / "a.bin").read("x"), tensor.clone().resolve_neg().numpy())


def test_other_things_of_torch_are_refused_by_name(tmp_path):
    things = {
        "_rebuild_sparse_tensor": torch.eye(3).to_sparse(),
        "torch.nn.modules.linear.Linear": torch.nn.Linear(2, 2),
        "_rebuild_qtensor": torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8),
        "_rebuild_meta_tensor_no_storage": torch.ones(2, device="meta"),
    }
    for name, thing in things.items():
        torch.save({"x": thing}, tmp_path / "a.bin")
        with pytest.raises(ValueError, match=rf"a\.bin cannot be loaded: its pickle asks for '[\w.]*{name}'"):
            TorchFile(tmp_path / "a.bin")


def test_a_scripted_program_is_named(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "a.bin")
    with pytest.raises(ValueError, match="it is a TorchScript program, not a state dict"):
        TorchFile(tmp_path / "a.bin")


def test_the_tar_layout_is_read_by_torch(tmp_path):
    state = every_state()["strided"]
    save_tar(state, tmp_path / "a.bin")
    theirs = torch.load(tmp_path / "a.bin", weights_only=False)
    assert list(theirs) == list(state)
    for name, tensor in state.items():
        assert torch.equal(tensor, theirs[name]) and tensor.stride() == theirs[name].stride()


def test_damaged_files_that_torch_reads_as_well(tmp_path):
    """Not only do they end well: whatever both read in them is the same. (torch reads some that are refused here.)"""
    checkpoints = [one for one in whole_checkpoints() if list(one[0]) == ["pytorch_model.bin"]]
    path, both = tmp_path / "pytorch_model.bin", 0
    for seed in range(400):
        write_damaged(tmp_path, seed, checkpoints)
        try:
            file = TorchFile(path)
            ours = {name: file.read(name) for name in file}
            theirs = as_arrays(torch.load(path, weights_only=True))
        except Exception:
            continue
        both += 1
        assert list(ours) == list(theirs), seed
        for name, array in theirs.items():
            np.testing.assert_array_equal(ours[name], array, err_msg=f"{seed}: {name}", strict=True)
    assert both > 10
