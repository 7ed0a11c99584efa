"""Methods of tensors by torch's names and arguments: values, and gradients where there are any."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("tensor_methods", "Methods of tensors")
VALUES = [[[0.5, -1.5, 2.0, 0.75], [3.0, 0.25, -0.8, 1.25], [1.1, -0.4, 0.6, -2.0]]]  # (1, 3, 4)

# "method(arguments)", each run with the tensor x, and differentiated where its first result is floating
METHODS = """
x.abs() | x.neg() | x.exp() | x.expm1() | x.sin() | x.cos() | x.tanh() | x.sigmoid() | x.relu() | x.square()
x.abs().log() | x.abs().log1p() | x.abs().sqrt() | x.abs().rsqrt() | x.reciprocal() | x.sign() | x.floor() | x.ceil()
x.round() | x.trunc() | x.pow(2) | x.abs().pow(0.5) | x.clamp(-1, 1) | x.clamp(min=0) | x.clamp(max=0.5)
x.clip(0, 1) | x.clamp_min(0.3) | x.clamp_max(0.3) | x.add(1) | x.sub(1) | x.mul(3) | x.div(4) | x.add(x) | x.mul(x)
x.sub(x * 2) | x.maximum(x * 0) | x.minimum(x * 0) | x.masked_fill(x > 1, -5.0) | x.where(x > 0, x * 2) | x.max(x * 0)
x.sum() | x.sum(1) | x.sum(dim=1) | x.sum(dim=(0, 2)) | x.sum(-1, keepdim=True) | x.sum(axis=1, keepdims=True)
x.mean() | x.mean(1) | x.mean(dim=1) | x.mean(dim=-1, keepdim=True) | x.mean((1, 2)) | x.mean(dim=[1, 2]) | x.var()
x.var(1) | x.var(dim=-1, unbiased=False) | x.var(dim=1, correction=0, keepdim=True) | x.std() | x.std(dim=1)
x.std(-1, unbiased=False) | x.std(dim=(1, 2), keepdim=True) | x.norm() | x.norm(dim=-1) | x.norm(p=1, dim=1)
x.norm(2, -1, True) | x.norm(float("inf"), dim=2) | x.norm(3, dim=1) | x.norm(p="fro") | x.logsumexp(-1)
x.logsumexp(dim=1) | x.max() | x.min() | x.amax(1) | x.amin(dim=-1, keepdim=True) | x.amax(dim=(0, 1))
x.max(1).values | x.max(dim=-1)[0] | x.max(-1, keepdim=True).values | x.min(dim=2).values | x.max(dim=1).indices
x.min(1)[1] | x.argmax() | x.argmax(1) | x.argmax(dim=-1) | x.argmax(dim=-1, keepdim=True) | x.argmin(1) | x.argmin()
x.softmax(-1) | x.softmax(dim=1) | x.log_softmax(-1) | x.log_softmax(dim=1) | x.cumsum(1) | x.cumsum(dim=-1)
x.topk(2).values | x.topk(2, dim=1).indices | x.topk(2, -1, largest=False).values | x.sort().values
x.sort(dim=1, descending=True).values | x.sort(-1).indices | x.argsort() | x.argsort(dim=1, descending=True)
x.gather(2, ids) | x.matmul(x.mT) | x.bmm(x.transpose(1, 2)) | x.size() | x.size(1) | x.size(-1) | x.dim() | x.ndim
x.numel() | x.nelement() | x.shape | len(x) | x.element_size() | x.view(3, 4) | x.view(-1) | x.view(2, -1)
x.view((4, 3)) | x.reshape(4, 3) | x.reshape(-1, 2) | x.reshape((2, 6)) | x.permute(2, 0, 1) | x.permute((0, 2, 1))
x.transpose(1, 2) | x.transpose(0, 2) | x.transpose(-1, -2) | x[0].transpose(0, 1) | x[0].t() | x[0].T | x.mT
x.swapaxes(0, 1) | x.movedim(0, 2) | x.squeeze() | x.squeeze(0) | x.squeeze(1) | x.squeeze(dim=0) | x.unsqueeze(0)
x.unsqueeze(-1) | x.unsqueeze(dim=1) | x.flatten() | x.flatten(1) | x.flatten(0, 1)
x.flatten(start_dim=1, end_dim=2) | x.unflatten(2, (2, 2)) | x.unflatten(-1, (2, -1)) | x.ravel() | x.expand(2, 3, 4)
x.expand(2, -1, -1) | x.expand((2, 2, 3, 4)) | x.expand_as(x) | x.repeat(2, 1, 2) | x.repeat(1, 1, 1, 2) | x.flip(1)
x.flip(0, 2) | x.flip([1, 2]) | x.narrow(1, 1, 2) | x.select(1, 0) | x.index_select(2, ids[0, 0])
x.masked_select(x > 0) | x.split(2, dim=1)[1] | x.split([1, 3], dim=-1)[1] | x.split(2, -1)[0] | x.chunk(2, dim=-1)[0]
x.chunk(2, 1)[1] | x.unbind(1)[2] | x.contiguous() | x.clone() | x.detach() | x.cpu() | x.to("cpu") | x.double()
x.float() | x.half() | x.long() | x.int() | x.bool() | x.to("cpu", non_blocking=True) | x.to(x.double())
x.type_as(x.double()) | x.tolist() | x[0, 0, 0].item() | x.all() | x.any() | x.any(dim=1) | x.all(-1, keepdim=True)
x.isnan() | x.isinf() | x.isfinite() | x.eq(0.5) | x.ne(0.5) | x.lt(0) | x.le(0.5) | x.gt(0) | x.ge(0.5) | x.eq(x)
x.equal(x) | x.equal(x + 1) | x.allclose(x + 1e-9) | x.logical_and(x > 1) | x.logical_not()
(x > 0).logical_or(x < -1) | (x > 0).nonzero() | (x > 0).nonzero(as_tuple=True)[2] | (x > 0).sum(dim=-1)
(x > 0).long() | (x > 0).int().sum() | x.count_nonzero() | x.count_nonzero(dim=1) | x.isclose(x) | x.floor_divide(2)
x.remainder(2) | x.is_floating_point() | x.new_zeros(2, 3) | x.new_ones((2,)) | x.new_full((2,), 7.0)
x.new_tensor([1.0, 2.0]) | x.is_contiguous() | x.stride() | x.requires_grad | x.is_leaf
x.requires_grad_(False).requires_grad | x.detach().fill_(3) | x.detach().clone().zero_()
x.detach().clone().copy_(x[:, :1].detach()) | x.max(3) | x.view(5) | x.squeeze(5) | x.sum(7) | x.topk(9)
x.expand(3, 3) | x.nonsense() | x.sum(dims=1) | x.to(dtyp=1) | x.split(5, dim=9) | x.permute(0, 1)
"""


def _row(call: str) -> Callable[[Library], Any]:
    def run(l: Library) -> Any:
        x, ids = l.tensor(VALUES, requires_grad=True), l.tensor([[[0, 0, 3], [1, 2, 2]]], "int64")
        result = eval(call, {"x": x, "ids": ids, "float": float, "len": len})
        if isinstance(result, tuple):
            return list(result)
        if not getattr(result, "requires_grad", False) or result is x:
            return result
        weights = l.tensor(np.cos(np.arange(result.numel())).reshape(tuple(result.shape)), str(np.asarray(
            result.detach()).dtype))  # fmt: skip
        (result * weights).sum().backward()
        return [result, np.asarray(x.grad)]

    return run


for call in METHODS.replace("\n", "|").split("|"):
    if call.strip():
        AREA.row(call.strip())(_row(call.strip()))
