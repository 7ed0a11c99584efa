"""The name of where arrays lie."""

import numpy as np
import pytest

from npconformer.arrays.device import Device, device_of, mapped_device


def test_a_string_with_what_is_asked_of_devices():
    device = device_of(np.zeros(1))
    assert device == "cpu" and str(device) == "cpu" and f"{device}" == "cpu"
    assert type(device.type) is str and device.type == "cpu" and device.index is None
    assert Device("cuda:1").type == "cuda" and Device("cuda:1").index == 1


def test_the_one_device_of_a_map():
    assert mapped_device({"": "cpu"}) == mapped_device({"encoder": "cpu", "lm_head": "cpu"}) == "cpu"
    assert mapped_device({"": 0}) == "cuda:0" and mapped_device(None) is None
    for spread in ({"encoder": "cpu", "lm_head": 0}, {}):
        with pytest.raises(ValueError, match="on one device"):
            mapped_device(spread)
