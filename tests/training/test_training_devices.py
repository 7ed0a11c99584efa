"""A whole training on each backend: the same losses, everything stays on the device, and it resumes on any of them."""

import numpy as np
import pytest
from strict_device import STRICT, count_synchronisations
from test_trainer import stop_after
from tiny_training import KINDS, TinyLoader, tiny_model, tiny_trainer

from npconformer.arrays.backend import NUMPY, backend_of
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.optim import AdamW
from npconformer.storage.step_log import read_log
from npconformer.training import ExponentialAverage, task_for
from npconformer.training.step import run_step


def trainer_on(backend, output, kind):
    trainer = tiny_trainer(output, evaluation=True, ema=0.9, steps=8, kind=kind)
    trainer.model.to(backend)
    trainer.optimizer = trainer.settings.make_optimizer(trainer.model)
    trainer.average = ExponentialAverage(trainer.model, 0.9)
    return trainer


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_everywhere(kind, backend, tmp_path):
    trainer_on(NUMPY, tmp_path / "host", kind).train()
    first = trainer_on(backend, tmp_path / "device", kind)
    stop_after(first, 5)
    with pytest.raises(KeyboardInterrupt):
        first.train()
    second = trainer_on(backend, tmp_path / "device", kind)
    second.train(resume=True)
    for name, parameter in second.model.named_parameters():
        assert backend_of(parameter.data) is backend, name
    expected, got = (read_log(tmp_path / name / "log.csv") for name in ("host", "device"))
    for key in ("loss", "gradient_norm", "eval_loss"):
        a, b = ([row[key] for row in rows if key in row] for rows in (expected, got))
        np.testing.assert_allclose(a, b, rtol=2e-3)
    a, b = (SafetensorsFile(tmp_path / name / "model/model.safetensors") for name in ("host", "device"))
    for name in a:
        if name.endswith("linear_k.bias"):  # its gradient is 0 but for rounding, of which AdamW makes whole steps
            continue
        np.testing.assert_allclose(a.read(name), b.read(name), rtol=2e-3, atol=2e-3, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_the_host_waits_twice_in_a_step(kind):
    """For the loss and for the gradients' norm."""
    model = tiny_model(kind=kind).to(STRICT)
    optimizer, average, task = AdamW(model), ExponentialAverage(model, 0.9), task_for(model)
    batch = TinyLoader(kind=kind).batch(0, 0)
    run_step(model, [batch], task, optimizer, 1.0)
    with count_synchronisations() as waits:
        run_step(model, [batch], task, optimizer, 1.0)
        average.update(2)
    assert waits.count == 2, waits.sites
