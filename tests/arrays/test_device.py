"""The name of where arrays lie."""

import numpy as np

from npconformer.arrays.device import Device, device_of


def test_a_string_with_what_is_asked_of_devices():
    device = device_of(np.zeros(1))
    assert device == "cpu" and str(device) == "cpu" and f"{device}" == "cpu"
    assert type(device.type) is str and device.type == "cpu" and device.index is None
    assert Device("cuda:1").type == "cuda" and Device("cuda:1").index == 1
