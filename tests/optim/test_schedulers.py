"""Schedulers set an optimiser's rates; what they set is what the schedules say."""

import numpy as np
import pytest

from npconformer import get_scheduler
from npconformer.nn import Parameter
from npconformer.optim import SGD, Cosine, Linear
from npconformer.optim.schedulers import get_constant_schedule_with_warmup


def make_optimizer():
    return SGD({"w": Parameter(np.zeros(1))}, lr=0.5)


@pytest.mark.parametrize(("name", "schedule"), [("linear", Linear(8, 2)), ("cosine", Cosine(8, 2))])
def test_rates_of_each_step(name, schedule):
    optimizer = make_optimizer()
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=2, num_training_steps=8)
    for step in range(10):
        assert optimizer.learning_rate == scheduler.get_last_lr()[0] == 0.5 * schedule.factor(step)
        scheduler.step()


def test_resuming():
    scheduler = get_constant_schedule_with_warmup(make_optimizer(), 4)
    scheduler.step()
    again = get_constant_schedule_with_warmup(make_optimizer(), 4)
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == scheduler.get_last_lr() == [0.125]


def test_what_is_lacking_is_named():
    for name, steps, message in [
        ("bogus", {}, "name: expected constant"),
        ("linear", {}, "num_warmup_steps: linear needs it"),
        ("cosine", {"num_warmup_steps": 1}, "num_training_steps: cosine needs it"),
    ]:
        with pytest.raises(ValueError, match=message):
            get_scheduler(name, make_optimizer(), **steps)
    assert get_scheduler("constant", make_optimizer()).get_last_lr() == [0.5]
