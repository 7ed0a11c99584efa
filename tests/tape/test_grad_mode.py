"""What switches recording: for a while, for a function, from here on."""

import pytest
from tape import Count, leaf

from npconformer.tape.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled


@pytest.mark.parametrize("switch, expected", [(no_grad, False), (enable_grad, True), (inference_mode, False)])
def test_for_a_while_and_for_a_function(switch, expected):
    def is_recorded():
        return Count()(leaf()).requires_grad

    for outer in (no_grad, enable_grad):
        with outer():
            before = is_grad_enabled()
            with switch():
                assert is_recorded() == is_grad_enabled() == expected
            assert switch()(is_recorded)() == switch(is_recorded)() == expected
            assert is_grad_enabled() == before


def test_a_decorated_function_keeps_its_name_and_arguments():
    @no_grad
    def scaled(x, *, by):
        """Words."""
        return Count()(x), by

    assert scaled.__name__ == "scaled" and scaled.__doc__ == "Words." and not scaled(leaf(), by=2)[0].requires_grad


def test_inference_mode_may_be_off():
    with inference_mode(False):
        assert is_grad_enabled()
    with no_grad(), inference_mode(mode=False):
        assert not is_grad_enabled()
    assert inference_mode(False)(is_grad_enabled)() is True and is_grad_enabled()


def test_set_grad_enabled():
    for value in (False, True):
        with set_grad_enabled(value):
            assert is_grad_enabled() is value
        assert is_grad_enabled()
    set_grad_enabled(False)
    assert not is_grad_enabled()
    set_grad_enabled(True)
    assert is_grad_enabled()


def test_set_grad_enabled_of_a_function():
    decorate = set_grad_enabled(False)
    function = decorate(is_grad_enabled)
    assert is_grad_enabled() and not function() and is_grad_enabled()


def test_an_error_inside_ends_it():
    for switch in (no_grad, inference_mode, lambda: set_grad_enabled(False)):
        with pytest.raises(KeyError), switch():
            raise KeyError
        assert is_grad_enabled()
