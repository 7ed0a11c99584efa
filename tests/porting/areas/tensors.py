"""Tensors in the hands of people who write NumPy, and a model's outputs in use."""

from typing import Any

import numpy as np

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("tensors", "Tensors and NumPy")
VALUES = [[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]]


_LOGITS: dict[str, Any] = {}


def logits(l: Library) -> Any:
    """Of a small model, without gradients; computed once, and changed by nobody."""
    if l.name not in _LOGITS:
        with l.no_grad():
            _LOGITS[l.name] = l.model()(l.torch.from_numpy(l.audio(2000)[None])).logits
    return _LOGITS[l.name]


# A model's outputs in use
for call, use in {
    "logits.argmax(-1)": lambda l, x: x.argmax(-1),
    "logits.detach().cpu().numpy().shape": lambda l, x: list(x.detach().cpu().numpy().shape),
    "logits.tolist()": lambda l, x: x[0, :1, :3].tolist(),
    "logits.size(1)": lambda l, x: x.size(1),
    "logits.size()": lambda l, x: tuple(x.size()),
    "logits.shape[-1]": lambda l, x: x.shape[-1],
    "logits.mean(dim=1)": lambda l, x: x.mean(dim=1)[0, :4],
    "logits.max(dim=-1).values": lambda l, x: x.max(dim=-1).values,
    "values, ids = logits.max(-1)": lambda l, x: list(x.max(-1)),
    "logits.softmax(-1)": lambda l, x: x.softmax(-1)[0, 0, :4],
    "logits.log_softmax(dim=-1).max()": lambda l, x: x.log_softmax(dim=-1).max(),
    "logits[0].topk(2, dim=-1)": lambda l, x: list(x[0].topk(2, dim=-1)),
    "logits.to('cpu')": lambda l, x: x.to("cpu")[0, 0, :3],
    "logits.device.type": lambda l, x: x.device.type,
    "f'{logits.sum():.2f}'": lambda l, x: f"{x.sum():.2f}",
    "f'{logits[0, 0, 0]:.4f}'": lambda l, x: f"{x[0, 0, 0]:.3f}",
    "torch.argmax(logits, dim=-1)": lambda l, x: l.torch.argmax(x, dim=-1),
    "torch.sigmoid(logits[0])": lambda l, x: l.torch.sigmoid(x[0])[0, :3],
    "torch.softmax(logits, dim=-1)": lambda l, x: l.torch.softmax(x, dim=-1)[0, 0, :3],
    "logits.numel()": lambda l, x: x.numel(),
    "logits.dim()": lambda l, x: x.dim(),
    "logits.requires_grad": lambda l, x: x.requires_grad,
}.items():
    AREA.row(call)(lambda l, use=use: use(l, logits(l)))

# NumPy's functions on a tensor that is not recorded
for call, use in {
    "np.exp(x)": lambda x, a: np.exp(x),
    "np.abs(x)": lambda x, a: np.abs(x),
    "np.tanh(x)": lambda x, a: np.tanh(x),
    "np.sqrt(x * x)": lambda x, a: np.sqrt(x * x),
    "np.maximum(x, 0)": lambda x, a: np.maximum(x, 0),
    "np.isnan(x)": lambda x, a: np.isnan(x),
    "np.argmax(x, axis=-1)": lambda x, a: np.argmax(x, axis=-1),
    "np.argmax(x)": lambda x, a: np.argmax(x),
    "np.argsort(x, axis=-1)": lambda x, a: np.argsort(x, axis=-1),
    "np.sort(x, axis=0)": lambda x, a: np.sort(x, axis=0),
    "np.concatenate([x, x])": lambda x, a: np.concatenate([x, x]),
    "np.concatenate([x, a], axis=1)": lambda x, a: np.concatenate([x, a], axis=1),
    "np.stack([x, x])": lambda x, a: np.stack([x, x]),
    "np.vstack([x, x])": lambda x, a: np.vstack([x, x]),
    "np.clip(x, -1, 1)": lambda x, a: np.clip(x, -1, 1),
    "np.transpose(x)": lambda x, a: np.transpose(x),
    "np.squeeze(x[:1])": lambda x, a: np.squeeze(x[:1]),
    "np.reshape(x, (3, 2))": lambda x, a: np.reshape(x, (3, 2)),
    "np.dot(x, a.T)": lambda x, a: np.dot(x, a.T),
    "np.allclose(x, a)": lambda x, a: np.allclose(x, a),
    "np.array_equal(x, a)": lambda x, a: np.array_equal(x, a),
    "np.linalg.norm(x)": lambda x, a: np.linalg.norm(x),
    "np.unique(x)": lambda x, a: np.unique(x),
    "np.asarray(x)": lambda x, a: np.asarray(x),
    "np.array(x, dtype='float64')": lambda x, a: np.array(x, dtype="float64"),
    "np.shape(x)": lambda x, a: list(np.shape(x)),
    "np.allclose(np.asarray(x), a)": lambda x, a: np.allclose(np.asarray(x), a),
    "x.numpy() + a": lambda x, a: x.numpy() + a,
    "list(x)": lambda x, a: list(x),
    "len(x)": lambda x, a: len(x),
    "float(x[0, 0])": lambda x, a: float(x[0, 0]),
    "int(x[0, 2])": lambda x, a: int(x[0, 2]),
    "bool(x[0, 0] > 0)": lambda x, a: bool(x[0, 0] > 0),
    "x[0, 0].item()": lambda x, a: x[0, 0].item(),
    "for row in x": lambda x, a: [row.sum() for row in x],
}.items():
    AREA.row(call)(lambda l, use=use: use(l.tensor(VALUES), np.array(VALUES, np.float32)))

# ... and where torch refuses them
for call, use in {
    "np.mean(x, axis=1)": lambda x, a: np.mean(x, axis=1),
    "np.sum(x, axis=1)": lambda x, a: np.sum(x, axis=1),
    "np.sum(x)": lambda x, a: np.sum(x),
    "np.max(x)": lambda x, a: np.max(x),
}.items():
    AREA.row(call, deliberate="it works: NumPy's functions are at home here")(
        lambda l, use=use: use(l.tensor(VALUES), np.array(VALUES, np.float32))
    )

# Operators and indices
for call, use in {
    "x > 0": lambda l, x: x > 0,
    "x >= 0.5": lambda l, x: x >= 0.5,
    "x < x.T.T * 2": lambda l, x: x < x.T.T * 2,
    "x <= 0.5": lambda l, x: x <= 0.5,
    "x == x": lambda l, x: x == x,
    "x != 0.5": lambda l, x: x != 0.5,
    "(x > 0) & (x < 1)": lambda l, x: (x > 0) & (x < 1),
    "(x > 1) | (x < 0)": lambda l, x: (x > 1) | (x < 0),
    "~(x > 0)": lambda l, x: ~(x > 0),
    "(x > 0).sum()": lambda l, x: (x > 0).sum(),
    "(x > 0).float().mean()": lambda l, x: (x > 0).float().mean(),
    "(x > 0).any()": lambda l, x: (x > 0).any(),
    "(x > 0).all(dim=1)": lambda l, x: (x > 0).all(dim=1),
    "(x == x).all().item()": lambda l, x: (x == x).all().item(),
    "x == None": lambda l, x: x == None,  # noqa: E711
    "x in {x}": lambda l, x: x in {x},
    "0.5 in x": lambda l, x: 0.5 in x,
    "abs(x)": lambda l, x: abs(x),
    "2 ** x": lambda l, x: 2**x,
    "x ** 2": lambda l, x: x**2,
    "1 - x": lambda l, x: 1 - x,
    "x // 1": lambda l, x: x // 1,
    "x % 2": lambda l, x: x % 2,
    "x @ x.T": lambda l, x: x @ x.T,
    "x[x > 0]": lambda l, x: x[x > 0],
    "x[..., 0]": lambda l, x: x[..., 0],
    "x[:, None]": lambda l, x: x[:, None],
    "x[:, [0, 2]]": lambda l, x: x[:, [0, 2]],
    "x[tensor([1, 0])]": lambda l, x: x[l.tensor([1, 0], "int64")],
    "x[[True, False]]": lambda l, x: x[[True, False]],
    "x[tensor(1)]": lambda l, x: x[l.tensor(1, "int64")],
    "x[:, : tensor(2)]": lambda l, x: x[:, : l.tensor(2, "int64")],
    "x[0, -1]": lambda l, x: x[0, -1],
    "x[5]": lambda l, x: x[5],
}.items():
    AREA.row(call)(lambda l, use=use: use(l, l.tensor(VALUES)))


@AREA.row("x[mask] = 0")
def assigned(l: Library) -> Any:
    x = l.tensor(VALUES)
    x[x < 0] = 0
    x[0, 1] = 9
    return x


@AREA.row("x[mask].sum().backward(); x.grad")
def gradient_of_mask(l: Library) -> Any:
    x = l.tensor(VALUES, requires_grad=True)
    (x[x > 0] ** 2).sum().backward()
    return np.asarray(x.grad)


@AREA.row("x[ids].sum().backward(); x.grad")
def gradient_of_index(l: Library) -> Any:
    x = l.tensor(VALUES, requires_grad=True)
    (x[:, l.tensor([0, 0, 2], "int64")] * x[..., None].squeeze(-1)).sum().backward()
    return np.asarray(x.grad)


@AREA.row(
    "np.exp(x) of a tensor that requires a gradient",
    deliberate="it is recorded and gives a tensor, where torch refuses",
)
def recorded_function(l: Library) -> Any:
    return np.exp(l.tensor(VALUES, requires_grad=True))


@AREA.row("np.exp(x.detach())")
def detached(l: Library) -> Any:
    return np.exp(l.tensor(VALUES, requires_grad=True).detach())


@AREA.row(
    "x.numpy() of a tensor that requires a gradient",
    deliberate="it gives the array, as `x.detach().numpy()`: NumPy is what the tensor is made of",
)
def numpy_of_recorded(l: Library) -> Any:
    return l.tensor(VALUES, requires_grad=True).numpy()


@AREA.row(
    "np.argmax(x) of a tensor that requires a gradient",
    deliberate="it gives the place, for which there is no gradient that could be lost; torch refuses",
)
def place_in_recorded(l: Library) -> Any:
    return np.argmax(l.tensor(VALUES, requires_grad=True))


@AREA.row(
    "x.grad.norm()",
    deliberate="gradients are plain arrays here: `np.linalg.norm(x.grad)`",
)
def gradient_is_an_array(l: Library) -> Any:
    x = l.tensor(VALUES, requires_grad=True)
    (x * x).sum().backward()
    return x.grad.norm()


@AREA.row(
    "x.double() + x",
    deliberate="two floating tensors have one dtype, so that nothing becomes float64 unseen: `x.double() + x.double()`",
)
def two_dtypes(l: Library) -> Any:
    return l.tensor(VALUES).double() + l.tensor(VALUES)


@AREA.row("x.data.mul_(2)", deliberate="`x.data` is the plain array: `x.data *= 2`")
def data_is_an_array(l: Library) -> Any:
    return l.tensor(VALUES).data.mul_(2)


@AREA.row("a + x with an array on the left")
def array_on_the_left(l: Library) -> Any:
    return (
        np.array(VALUES, np.float32) * l.tensor(VALUES) if not l.is_reference else l.tensor(VALUES) * l.tensor(VALUES)
    )


@AREA.row("with torch.inference_mode(): ...")
def inference_mode(l: Library) -> Any:
    x = l.tensor(VALUES, requires_grad=True)
    with l.torch.inference_mode():
        inside = (x * 2).requires_grad
    return [inside, (x * 2).requires_grad]


@AREA.row("@torch.no_grad()")
def decorated(l: Library) -> Any:
    x = l.tensor(VALUES, requires_grad=True)
    return [l.torch.no_grad()(lambda: (x * 2).requires_grad)(), l.torch.no_grad(lambda: (x * 2).requires_grad)()]


@AREA.row("torch.set_grad_enabled(False)")
def set_grad_enabled(l: Library) -> Any:
    seen = [l.torch.is_grad_enabled()]
    with l.torch.set_grad_enabled(False):
        seen.append(l.torch.is_grad_enabled())
    before = l.torch.set_grad_enabled(False)
    seen.append(l.torch.is_grad_enabled())
    l.torch.set_grad_enabled(True)
    return [*seen, l.torch.is_grad_enabled(), before is None]


@AREA.row("torch.tensor([1, 2]).dtype, torch.tensor([1.0]).dtype, torch.tensor([True])")
def new_tensors(l: Library) -> Any:
    return [l.torch.tensor(data) for data in ([1, 2], [1.5, 2], [[True, False]], 3, 2.5, np.array([1.5]))]


@AREA.row("torch.tensor(data, dtype=torch.long), .to(torch.bool)")
def dtypes_by_name(l: Library) -> Any:
    x = l.torch.tensor([0, 1, 2], dtype=l.torch.long)
    return [
        x,
        x.to(l.torch.bool),
        x.to(l.torch.float),
        x.to(dtype=l.torch.float64),
        l.torch.tensor(1, dtype=l.torch.half),
    ]


@AREA.row("torch.stack, torch.cat, torch.zeros, torch.ones, torch.arange")
def made(l: Library) -> Any:
    x = l.tensor(VALUES)
    return [
        l.torch.stack([x, x], dim=1),
        l.torch.cat([x, x], dim=-1),
        l.torch.zeros(2, 1),
        l.torch.ones((1, 2), dtype=l.torch.int64),
        l.torch.arange(3),
        l.torch.arange(0.5, 2),
    ]


@AREA.row("torch.nn.CosineSimilarity(dim=-1)(a, b)")
def similarity(l: Library) -> Any:
    return l.torch.nn.CosineSimilarity(dim=-1)(l.tensor(VALUES), l.tensor(VALUES[::-1]))


@AREA.row("torch.cosine_similarity(a, b, dim=-1)")
def similarity_function(l: Library) -> Any:
    return l.torch.cosine_similarity(l.tensor(VALUES), l.tensor(VALUES[::-1]), dim=-1)


@AREA.row("torch.nn.functional.normalize(x, dim=-1).cpu()")
def normalized(l: Library) -> Any:
    return l.torch.nn.functional.normalize(l.tensor(VALUES), dim=-1).cpu()


@AREA.row("model(labels=tensor).loss.backward()")
def loss_with_tensors(l: Library) -> Any:
    model = l.model()
    loss = model(l.torch.from_numpy(l.audio(4000)[None]), labels=l.tensor([[5, 6]], "int64")).loss
    loss.backward()
    return [loss, next(p for n, p in model.named_parameters() if n == "lm_head.bias").grad.sum()]
