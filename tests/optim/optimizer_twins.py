"""The optimisers again, in the plainest form: one parameter, a list of gradients (None: no gradient), new arrays."""

from __future__ import annotations

import numpy as np


def sgd(p, gradients, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    velocity = None
    for g in gradients:
        if g is None:
            continue
        g = g + weight_decay * p
        velocity = g if velocity is None else momentum * velocity + g
        p = p - lr * (g + momentum * velocity if nesterov else velocity)
    return p


def adamw(p, gradients, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    m, v, t = np.zeros_like(p), np.zeros_like(p), 0
    for g in gradients:
        if g is None:
            continue
        t += 1
        p = p * (1 - lr * weight_decay)
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        p = p - lr / (1 - betas[0] ** t) * m / (np.sqrt(v) / np.sqrt(1 - betas[1] ** t) + eps)
    return p
