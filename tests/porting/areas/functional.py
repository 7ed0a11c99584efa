"""`torch.nn.functional` in code around these models: values, and the gradients of the first argument."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("functional", "torch.nn.functional")
X = [[0.5, -1.5, 2.0, 0.75], [3.0, 0.25, -0.8, 1.25], [1.1, -0.4, 0.6, -2.0]]  # (3, 4)
Y = [[1.0, 0.5, -0.25, 2.0], [0.1, -0.2, 0.3, 0.4], [-1.0, 1.0, 2.0, 0.5]]
FRAMES = [[[0.5, -1.5, 2.0, 0.75, 1.0], [3.0, 0.25, -0.8, 1.25, -1.0]]]  # (1, 2, 5)
KERNEL = [[[0.5, -0.25, 1.0], [1.5, 0.0, -0.5]]]  # (1, 2, 3)
SCORES = np.sin(np.arange(48.0)).reshape(6, 2, 4).tolist()  # (T, B, V)

# Each with F, the tensors below, and t = a tensor of integers
CALLS = """
F.softmax(x, dim=-1) | F.softmax(x, dim=0) | F.softmax(x, 1) | F.softmax(x) | F.softmax(frames) | F.log_softmax(x, dim=-1)
F.log_softmax(x, dim=0) | F.softmax(x, dim=-1, dtype=x.double().dtype) | F.relu(x) | F.gelu(x) | F.silu(x) | F.selu(x)
F.gelu(x, approximate="tanh") | F.sigmoid(x) | F.tanh(x) | F.glu(x) | F.glu(x, dim=1) | F.glu(x[:2], dim=0) | F.softplus(x)
F.softplus(x, beta=2) | F.logsigmoid(x) | F.relu(x.detach().clone(), inplace=True) | F.gelu(x, approximate="no") | F.glu(x[:, :3])
F.cosine_similarity(x, y) | F.cosine_similarity(x, y, dim=-1) | F.cosine_similarity(x, y, dim=0) | F.cosine_similarity(x, y[0])
F.cosine_similarity(x * 1e-5, y, eps=1e-3) | F.cosine_similarity(frames, frames.flip(2), dim=1) | F.normalize(x)
F.normalize(x, dim=-1) | F.normalize(x, p=1, dim=0) | F.normalize(x * 0) | F.normalize(x, p=3.0, dim=1, eps=10.0)
F.one_hot(t([0, 2, 1])) | F.one_hot(t([[0, 2]]), num_classes=4) | F.one_hot(t([3]), num_classes=2) | F.one_hot(t([-2]))
F.pad(x, (1, 2)) | F.pad(x, (1, 0, 0, 2), value=-1.0) | F.pad(x, (-1, 1)) | F.pad(frames, (2, 1), mode="reflect")
F.pad(frames, (2, 1), mode="replicate") | F.pad(frames, (2, 1), mode="circular") | F.pad(frames, (9, 0), mode="reflect")
F.pad(x, (0, 1), "constant", 5) | F.dropout(x, training=False) | F.dropout(x, p=0.0) | F.dropout(x, p=1.0) | F.dropout(x, 1.5)
F.linear(x, y) | F.linear(x, y, y[0, :3]) | F.linear(frames, y[:, :5]) | F.layer_norm(x, (4,)) | F.layer_norm(x, [4], y[0], y[1])
F.layer_norm(x, (3, 4)) | F.layer_norm(x, (4,), eps=0.5) | F.layer_norm(x, (4,), bias=y[0]) | F.layer_norm(x, (3,))
F.group_norm(frames, 2) | F.group_norm(frames, 1, y[0, :2], y[1, :2]) | F.group_norm(x, 2) | F.group_norm(frames, 3)
F.conv1d(frames, kernel) | F.conv1d(frames, kernel, y[0, :1]) | F.conv1d(frames, kernel, stride=2) | F.conv1d(frames, kernel, padding=2)
F.conv1d(frames, kernel, padding="same") | F.conv1d(frames, kernel, padding="valid") | F.conv1d(frames, kernel, dilation=2)
F.conv1d(frames, kernel.transpose(0, 1), groups=2) | F.conv1d(frames[0], kernel) | F.conv1d(frames, kernel, None, (2,), (1,))
F.conv1d(frames, kernel, padding="same", stride=2) | F.embedding(t([[0, 2], [2, 1]]), y) | F.embedding(t([3]), y)
F.cross_entropy(x, t([0, 3, 1])) | F.cross_entropy(x, t([0, -100, 1])) | F.cross_entropy(x, t([0, 3, 1]), reduction="sum")
F.cross_entropy(x, t([0, 3, 1]), reduction="none") | F.cross_entropy(x, t([0, 2, 1]), ignore_index=2) | F.cross_entropy(x[0], t(2))
F.cross_entropy(frames, t([[0, 1, 1, 0, -100]])) | F.cross_entropy(frames, t([[0, 1, 1, 0, -100]]), reduction="none")
F.cross_entropy(x, t([0, 3, 1]), weight=y[0].abs()) | F.cross_entropy(x, t([0, -100, 1]), y[0].abs(), reduction="none")
F.cross_entropy(x, t([0, -100, 1]), label_smoothing=0.1) | F.cross_entropy(x, t([0, -100, 1]), y[0].abs(), label_smoothing=0.2)
F.cross_entropy(x, t([0, 3, 1]), label_smoothing=0.1, reduction="sum") | F.cross_entropy(x, y.softmax(-1))
F.cross_entropy(x, t([0, -100, 1]), label_smoothing=0.1, reduction="none") | F.cross_entropy(frames, frames.detach().softmax(1))
F.cross_entropy(x, y.softmax(-1), weight=y[0].abs(), label_smoothing=0.1) | F.cross_entropy(x, y.softmax(-1), reduction="none")
F.cross_entropy(x, t([0, 4, 1])) | F.cross_entropy(x, t([0, 1])) | F.cross_entropy(x, t([0, 1, 1]), reduction="avg")
F.nll_loss(x.log_softmax(-1), t([0, -100, 1])) | F.nll_loss(x, t([0, 3, 1]), weight=y[0].abs()) | F.nll_loss(x, t([0, 3, 1]), reduction="sum")
F.nll_loss(x, t([0, 3, -100]), reduction="none") | F.nll_loss(frames, t([[0, 1, 1, 0, 1]])) | F.nll_loss(x, t([0, 4, 1]))
F.mse_loss(x, y) | F.mse_loss(x, y, reduction="sum") | F.mse_loss(x, y, reduction="none") | F.mse_loss(x, x * 2) | F.mse_loss(x[0, 0], y[0, 0])
F.l1_loss(x, y) | F.l1_loss(x, y, reduction="none") | F.l1_loss(x, y, reduction="sum")
F.binary_cross_entropy_with_logits(x, y.sigmoid()) | F.binary_cross_entropy_with_logits(x, (y > 0).float(), reduction="sum")
F.binary_cross_entropy_with_logits(x, y.sigmoid(), weight=y[0].abs()) | F.binary_cross_entropy_with_logits(x, y.sigmoid(), reduction="none")
F.binary_cross_entropy_with_logits(x, y.sigmoid(), pos_weight=y[0].abs()) | F.binary_cross_entropy_with_logits(x, y[0])
F.ctc_loss(scores.log_softmax(-1), t([[1, 2], [3, 3]]), t([6, 5]), t([2, 2])) | F.ctc_loss(scores, t([[1, 2], [3, 3]]), (6, 5), (2, 1))
F.ctc_loss(scores.log_softmax(-1), t([1, 2, 3]), t([6, 5]), t([2, 1]), reduction="sum")
F.ctc_loss(scores.log_softmax(-1), t([[1, 2], [3, 0]]), t([6, 4]), t([2, 1]), blank=2 - 2, reduction="none")
F.ctc_loss(scores[:, 0].log_softmax(-1), t([1, 2]), t(6), t(2)) | F.ctc_loss(scores[:, 0].log_softmax(-1), t([1, 2]), t(6), t(2), reduction="none")
F.ctc_loss(scores.log_softmax(-1), t([[0, 2], [3, 3]]), t([6, 2]), t([2, 2]), blank=1, zero_infinity=True)
F.ctc_loss(scores.log_softmax(-1), t([[0, 2], [3, 3]]), t([6, 2]), t([2, 2]), blank=1, reduction="none")
F.ctc_loss(scores.log_softmax(-1), t([[1, 2], [3, 3]]), t([7, 5]), t([2, 2])) | F.softmax(x, dim=5) | F.softmax(x, axis=1)
"""  # noqa: E501
DELIBERATE = {
    "F.cosine_similarity(x * 1e-5, y, eps=1e-3)": "the gradient is that of the division by eps; torch's, of the length",
}


def _row(call: str) -> Callable[[Library], Any]:
    def run(l: Library) -> Any:
        names = {
            name: l.tensor(values, requires_grad=name in ("x", "frames", "scores"))
            for name, values in {"x": X, "y": Y, "frames": FRAMES, "kernel": KERNEL, "scores": SCORES}.items()
        }
        result = eval(call, {"F": l.functional, "t": lambda values: l.tensor(values, "int64"), **names})
        if not result.requires_grad:
            return result
        weights = l.tensor(np.cos(np.arange(result.numel())).reshape(tuple(result.shape)),
                           str(np.asarray(result.detach()).dtype))  # fmt: skip
        (result * weights).sum().backward()
        gradients = [names[name].grad for name in ("x", "frames", "scores")]
        return [result, *[np.asarray(gradient) for gradient in gradients if gradient is not None]]

    return run


for call in CALLS.replace("\n", "|").split("|"):
    if call.strip():
        AREA.row(call.strip(), deliberate=DELIBERATE.get(call.strip()))(_row(call.strip()))


@AREA.row(
    "F.cross_entropy(x, t([-100, -100, -100]))",
    deliberate="an average over nothing is an error, and no NaN that goes on into a training",
)
def nothing_to_average(l: Library) -> Any:
    return l.functional.cross_entropy(l.tensor(X), l.tensor([-100] * 3, "int64"))


@AREA.row("F.mse_loss(x, y): gradients of both")
def both_gradients(l: Library) -> Any:
    x, y = l.tensor(X, requires_grad=True), l.tensor(Y, requires_grad=True)
    l.functional.mse_loss(x, y).backward()
    return [np.asarray(x.grad), np.asarray(y.grad)]


@AREA.row("F.embedding(ids, table, padding_idx=1): gradient of the table")
def gradient_of_a_table(l: Library) -> Any:
    table = l.tensor(X, requires_grad=True)
    (l.functional.embedding(l.tensor([[0, 1, 1, 2, 2]], "int64"), table, padding_idx=1) ** 2).sum().backward()
    return np.asarray(table.grad)


@AREA.row("F.linear, F.conv1d, F.layer_norm: gradients of the weights")
def gradients_of_weights(l: Library) -> Any:
    f = l.functional
    weight, kernel, scale = (l.tensor(values, requires_grad=True) for values in (Y, KERNEL, Y[0]))
    (f.linear(l.tensor(X), weight, scale[:3]) ** 2).sum().backward()
    (f.conv1d(l.tensor(FRAMES), kernel) ** 2).sum().backward()
    (f.layer_norm(l.tensor(X), (4,), scale) ** 2).sum().backward()
    return [np.asarray(one.grad) for one in (weight, kernel, scale)]


@AREA.row("F.dropout(x, 0.5): kept numbers are doubled")
def dropped(l: Library) -> Any:
    l.seed(0)
    y = np.asarray(l.functional.dropout(l.tensor(np.ones(1000)), 0.5))
    return [sorted(set(y.tolist())), bool(400 < (y > 0).sum() < 600)]
