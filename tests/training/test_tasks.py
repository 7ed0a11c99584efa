"""What a task does before a step."""

import pytest
from tiny_training import tiny_model

from npconformer.training import task_for
from npconformer.training.tasks import PreTrainingTask


def test_the_gumbel_softmax_grows_colder_from_2_to_a_half():
    """0.999995^n is below 1/4 from n = log(1/4) / log(0.999995) = 277258.2 on."""
    model = tiny_model("ForPreTraining")
    task = task_for(model)
    for step, expected in [
        (0, 2.0),
        (1, 1.99999),
        (2, 1.99998000005),
        (277258, 0.500000448),
        (277259, 0.5),
        (10**6, 0.5),
    ]:
        task.before_step(model, step)
        assert model.quantizer.temperature == pytest.approx(expected, rel=1e-9)
    assert model.quantizer.temperature == 0.5


def test_other_temperatures_may_be_asked_for():
    model = tiny_model("ForPreTraining")
    task = PreTrainingTask(model.config, temperature=(3.0, 1.0, 0.5))
    found = []
    for step in range(4):
        task.before_step(model, step)
        found.append(model.quantizer.temperature)
    assert found == [3.0, 1.5, 1.0, 1.0]
