"""The convolution as its definition says: four loops and a bounds check. For the tests of conv1d and depthwise."""

import numpy as np


def naive_conv1d(x, weight, bias=None, stride=1, padding=(0, 0), dilation=1, groups=1):
    """y[b, u, o] = bias[o] + sum over c, k of x[b, u s + k d - left, c] w[o, c, k], x being 0 outside its time."""
    left, right = (padding, padding) if isinstance(padding, int) else padding
    (batch, time, _), (out, width, taps) = x.shape, weight.shape
    length = (time + left + right - dilation * (taps - 1) - 1) // stride + 1
    y = np.zeros((batch, length, out))
    for b, u, o in np.ndindex(y.shape):
        first = o // (out // groups) * width  # the first input channel of o's group
        for c, k in np.ndindex(width, taps):
            t = u * stride + k * dilation - left
            if 0 <= t < time:
                y[b, u, o] += x[b, t, first + c] * weight[o, c, k]
    return y if bias is None else y + bias
