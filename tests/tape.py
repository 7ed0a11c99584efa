"""What the tests of the tape share: a leaf, and an operation that counts how often it runs."""

import numpy as np

from npconformer.tape.autograd import Operation, Tensor

X = np.random.default_rng(0).normal(size=(3, 4))


def leaf(values=X, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


class Count(Operation):
    """y = x, and counts how often each direction runs and what it saved."""

    forwards = backwards = 0

    def forward(self, x):
        Count.forwards += 1
        self.save(x)
        return x + 0

    def backward(self, grad):
        Count.backwards += 1
        return grad + 0
