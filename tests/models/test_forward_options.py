"""The options of forward: the config's where they are not given, None included; errors that say what there is."""

from types import SimpleNamespace

import pytest

from npconformer import Tensor
from npconformer.models.forward_options import ForwardOptions
from npconformer.models.outputs import CausalLMOutput

CONFIG = SimpleNamespace(output_hidden_states=True, output_attentions=False, return_dict=True, padding_mode="reference")


def test_the_configs_where_nothing_is_given():
    assert ForwardOptions.complete(CONFIG, {}) == ForwardOptions(True, False, True, "reference")
    assert ForwardOptions.complete(CONFIG, dict.fromkeys(vars(CONFIG))) == ForwardOptions(
        True, False, True, "reference"
    )


def test_what_is_given_counts_false_too():
    given = dict(output_hidden_states=False, output_attentions=True, return_dict=False, padding_mode="exact")
    call = ForwardOptions.complete(CONFIG, given)
    assert call == ForwardOptions(**given) and call.exact_padding
    assert not ForwardOptions.complete(CONFIG, {}).exact_padding


def test_other_names_and_modes_are_refused():
    with pytest.raises(TypeError, match=r"'output_hiden_states' is no argument of forward; .*output_hidden_states"):
        ForwardOptions.complete(CONFIG, {"output_hiden_states": True})
    with pytest.raises(ValueError, match=r"padding_mode: expected one of \('reference', 'exact'\), got 'best'"):
        ForwardOptions.complete(CONFIG, {"padding_mode": "best"})
    with pytest.raises(ValueError, match="padding_mode"):
        ForwardOptions.complete(SimpleNamespace(**{**vars(CONFIG), "padding_mode": None}), {})


def test_the_form_of_the_output():
    logits = Tensor([1.0])
    output = CausalLMOutput(logits=logits)
    assert ForwardOptions.complete(CONFIG, {}).finish(output) is output
    assert ForwardOptions.complete(CONFIG, {"return_dict": False}).finish(output) == (logits,)
