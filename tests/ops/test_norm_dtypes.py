"""The normalisations refuse to mix dtypes, which would widen a float32 model to float64 without a word."""

import numpy as np
import pytest

from npconformer import ops

NORMS = {
    "layer_norm": lambda x, w: ops.layer_norm(x, w, w),
    "group_norm": lambda x, w: ops.group_norm(x, w, w, 2),
    "batch_norm": lambda x, w: ops.batch_norm(x, w, w, w, w),
    "batch_norm_training": lambda x, w: ops.batch_norm_training(x, w, w)[0],
}


@pytest.mark.parametrize("name", NORMS)
def test_mixed_dtypes_are_refused(name):
    x, w = np.ones((2, 3, 4), np.float32), np.ones(4)
    with pytest.raises(ValueError, match="float64"):
        NORMS[name](x, w)
    assert NORMS[name](x, w.astype(np.float32)).dtype == np.float32
