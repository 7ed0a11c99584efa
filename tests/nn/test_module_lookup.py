"""What people look up in modules, how they print, and what loading a state by name tells."""

import numpy as np
import pytest

from npconformer.nn import Conv1d, Dropout, Embedding, LayerNorm, Linear, Module, ModuleList, Parameter
from npconformer.tape.autograd import Tensor


class Block(Module):
    def __init__(self, width=3):
        super().__init__()
        self.scale = Parameter(np.ones(2, np.float32))
        self.table = Embedding(5, 2)
        self.layers = ModuleList([Linear(2, width), Linear(2, width), Linear(2, 2, bias=False)])


def test_children_and_parts_by_name():
    block = Block()
    assert [name for name, _ in block.named_children()] == ["table", "layers"]
    assert block.get_submodule("layers.1") is block.layers[1] and block.get_submodule("") is block
    assert block.get_parameter("layers.1.bias") is block.layers[1].bias and block.get_parameter("scale") is block.scale
    for lookup, name in [
        (block.get_submodule, "layers.7"),
        (block.get_submodule, "scale"),
        (block.get_parameter, "layers.0"),
        (block.get_parameter, "layers.2.bias"),
    ]:
        with pytest.raises(AttributeError, match=name.rpartition(".")[2]):
            lookup(name)


def test_parameters_counted():
    block = Block()
    block.scale.requires_grad_(False)
    assert block.scale.numel() == 2 and not block.scale.requires_grad and block.scale.requires_grad_() is block.scale
    block.scale.requires_grad_(False)
    assert block.num_parameters() == 2 + 10 + 9 + 9 + 4
    assert block.num_parameters(only_trainable=True) == 10 + 9 + 9 + 4
    assert block.num_parameters(exclude_embeddings=True) == 2 + 9 + 9 + 4


def test_printed_as_a_tree():
    assert repr(Block()) == (
        "Block(\n"
        "  scale=(2,)\n"
        "  (table): Embedding(5, 2)\n"
        "  (layers): ModuleList(\n"
        "    (0-1): 2 x Linear(in_features=2, out_features=3, bias=True)\n"
        "    (2): Linear(in_features=2, out_features=2, bias=False)\n"
        "  )\n"
        ")"
    )
    assert repr(Conv1d(4, 6, 3, stride=2, padding=1, groups=2, bias=False)) == (
        "Conv1d(4, 6, kernel_size=(3,), stride=(2,), padding=1, groups=2, bias=False)"
    )
    assert repr(LayerNorm(4)) == "LayerNorm((4,), eps=1e-05)" and repr(Dropout(0.1)) == "Dropout(p=0.1)"
    assert repr(ModuleList()) == "ModuleList()"


def test_a_state_that_fits_in_part():
    block = Block()
    before = block.state_dict()["table.weight"].copy()
    found = block.load_state_dict({"scale": Tensor(np.zeros(2)), "z": np.ones(1)}, strict=False)
    assert found.unexpected_keys == ["z"] and found.missing_keys[:2] == ["table.weight", "layers.0.weight"]
    assert block.scale.data.tolist() == [0, 0] and block.scale.dtype == np.float32
    np.testing.assert_array_equal(block.table.weight.data, before)
    assert block.load_state_dict(Block().state_dict()) == ([], [])
    with pytest.raises(ValueError, match=r"state_dict: scale has shape \(3,\)"):
        block.load_state_dict({"scale": np.zeros(3)}, strict=False)


def test_gradients_forgotten_or_zero():
    block = Block()
    block.scale.grad = np.ones(2, np.float32)
    block.zero_grad(set_to_none=False)
    assert block.scale.grad.tolist() == [0, 0] and block.table.weight.grad is None
    block.zero_grad()
    assert block.scale.grad is None


def test_casts_and_moves():
    block = Block()
    for cast, dtype in [(block.double, "float64"), (block.half, "float16"), (block.float, "float32")]:
        assert cast() is block and {p.dtype.name for p in block.parameters()} == {dtype}
    assert block.cpu() is block
    assert block.to("cpu", np.float64).scale.dtype == np.float64
    assert block.to(device="cpu", dtype="torch.float32").scale.dtype == np.float32
