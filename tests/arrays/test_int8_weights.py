"""int8 weights against a search by loops for the same scales, codes and columns."""

import numpy as np
import pytest

from npconformer.arrays.int8_weights import LEAST_GAIN, Int8Weight, keep_columns, quantize


def draw(rows, inputs, large=(), seed=0):
    weight = np.random.default_rng(seed).normal(size=(rows, inputs)).astype(np.float32)
    weight[:, list(large)] *= 20
    return weight


def error(weight, kept):
    """E of the module's docstring, but for the factor that all have."""
    rest = np.delete(weight.astype(np.float64), kept, axis=1)
    return rest.shape[1] * sum(np.abs(row).max() ** 2 for row in rest)


def naive_columns(weight):
    kept = []
    while len(kept) < (4 if 64 <= weight.shape[1] < 640 else weight.shape[1] // 128):
        errors = {i: error(weight, [*kept, i]) for i in range(weight.shape[1]) if i not in kept}
        best = min(errors, key=errors.get)
        if errors[best] > (1 - LEAST_GAIN) * error(weight, kept):
            break
        kept.append(best)
    return sorted(kept)


def naive_codes(weight, kept):
    codes, scales = np.zeros(weight.shape), []
    for o, row in enumerate(weight):
        scale = np.float32(max(abs(x) for i, x in enumerate(row) if i not in kept) / 127)
        scales.append(scale)
        for i, x in enumerate(row):
            codes[o, i] = 0 if i in kept else round(float(x / scale))
    return codes, np.array(scales, np.float32)


@pytest.mark.parametrize("large", [(), (5,), (5, 200), (0, 7, 255)])
def test_against_loops(large):
    weight = draw(6, 256, large)
    found, kept = quantize(weight), naive_columns(weight)
    assert list(found.arrays["_columns"]) == kept
    assert len(kept) <= 4 and set(large) <= set(kept)
    codes, scales = naive_codes(weight, kept)
    assert found.arrays[""].dtype == np.int8 and np.array_equal(found.arrays[""], codes)
    np.testing.assert_allclose(found.arrays["_scale"], scales, rtol=1e-6)
    expected = codes.astype(np.float32) * found.arrays["_scale"][:, None]
    expected[:, kept] = weight[:, kept]
    assert np.array_equal(found.whole(), expected)


@pytest.mark.parametrize("inputs, most", [(15, 0), (16, 1), (63, 3), (64, 4), (639, 4), (640, 5), (1024, 8)])
def test_how_many_columns_are_kept_at_most(inputs, most):
    weight = draw(4, inputs, range(0, inputs, 2))
    weight[:, ::2] *= np.geomspace(1, 1e9, len(weight[0, ::2]))  # each column is worth leaving out
    assert len(quantize(weight).arrays["_columns"]) == most


def test_errors_are_half_a_step_at_most():
    weight = draw(300, 500)
    found = quantize(weight)
    steps = np.abs(found.whole() - weight) / found.arrays["_scale"][:, None]
    assert 0.49 < steps.max() < 0.5001
    assert found.nbytes < 0.27 * weight.nbytes


def test_rows_of_zeros_and_of_the_smallest_numbers():
    weight = draw(3, 40)
    weight[1], weight[2] = 0, 1e-45
    found = quantize(weight)
    found.check("w")
    assert np.array_equal(found.whole()[1], np.zeros(40)) and np.abs(found.whole()[2]).max() <= 1e-44


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
def test_infinity_is_refused(wrong):
    weight = draw(3, 40)
    weight[1, 2] = wrong
    with pytest.raises(ValueError, match=r"layer\.weight holds infinity or NaN, which int8 cannot hold"):
        keep_columns(weight, "layer.weight")


DAMAGE = {
    "_scale": [(np.nan, "_scale holds a number that is no scale"), (0, "no scale"), (-1, "no scale")],
    "_kept": [(np.inf, "_kept holds infinity or NaN")],
    "_columns": [(256, "_columns are no increasing indices of 256 columns"), (-1, "no increasing"), (200, "no increa")],
}


@pytest.mark.parametrize("ending, value, message", [(e, v, m) for e, cases in DAMAGE.items() for v, m in cases])
def test_damaged_numbers(ending, value, message):
    arrays = {name: array.copy() for name, array in quantize(draw(6, 256, (5, 200))).arrays.items()}
    Int8Weight(arrays).check("w.weight")
    arrays[ending].flat[0] = value
    with pytest.raises(ValueError, match=rf"w\.weight.*{message}"):
        Int8Weight(arrays).check("w.weight")


@pytest.mark.parametrize("ending", ["_scale", "_kept", "_columns"])
def test_damaged_shapes_and_dtypes(ending):
    arrays = dict(quantize(draw(6, 256, (5,))).arrays)
    for wrong in (arrays[ending][:-1] if ending != "_columns" else arrays[ending][None], arrays[ending].astype("f8")):
        with pytest.raises(ValueError, match=r"w\.weight.*expected"):
            Int8Weight({**arrays, ending: wrong}).check("w.weight")
