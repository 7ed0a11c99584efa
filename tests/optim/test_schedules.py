"""Schedules: their corners, and whole curves beside transformers' and fairseq's formulas."""

import math

import pytest

from npconformer.optim import SCHEDULES, Constant, Cosine, Linear, TriStage

THEIRS = {
    "constant": (Constant(7), "get_constant_schedule_with_warmup", (7,)),
    "linear": (Linear(50, 7), "get_linear_schedule_with_warmup", (7, 50)),
    "cosine": (Cosine(50, 7), "get_cosine_schedule_with_warmup", (7, 50)),
    "no warm-up": (Linear(50), "get_linear_schedule_with_warmup", (0, 50)),
}


@pytest.mark.parametrize("case", THEIRS)
def test_as_transformers(case):
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    schedule, name, arguments = THEIRS[case]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = getattr(optimization, name)(optimizer, *arguments)
    for step in range(51 if name.startswith("get_cosine") else 60):  # after the end theirs rises again
        assert schedule.factor(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-12, abs=1e-15), step
        optimizer.step()
        theirs.step()


def fairseq_tri_stage(step, warmup, hold, decay, first=0.01, last=0.01):
    """The stages as fairseq's tri_stage_lr_scheduler decides them, for a peak of 1."""
    if step < warmup:
        return first + (1 - first) / warmup * step
    if step < warmup + hold:
        return 1.0
    if step <= warmup + hold + decay:
        return math.exp(math.log(last) / decay * (step - warmup - hold))
    return last


@pytest.mark.parametrize("stages", [(10, 20, 30), (0, 20, 30), (10, 0, 30), (1, 1, 1)])
def test_tri_stage_as_fairseq(stages):
    schedule = TriStage(*stages, initial_scale=0.02, final_scale=0.05)
    for step in range(80):
        assert schedule.factor(step) == pytest.approx(fairseq_tri_stage(step, *stages, 0.02, 0.05), rel=1e-12), step


def test_tri_stage_of_a_number_of_steps():
    assert TriStage.of(100, 10) == TriStage(10, 40, 50)
    assert TriStage.of(100, 90) == TriStage(90, 10, 0)
    assert TriStage.of(100, 90).factor(100) == 0.01  # no decay: straight to the final rate


@pytest.mark.parametrize("schedule", [Constant(4), Linear(20, 4), Cosine(20, 4)])
def test_corners(schedule):
    assert schedule.factor(0) == 0.0
    assert schedule.factor(2) == 0.5
    assert schedule.factor(4) == 1.0
    assert schedule.factor(12) == pytest.approx(1.0 if schedule.name == "constant" else 0.5)
    for step in (20, 1000):
        assert schedule.factor(step) == pytest.approx(1.0 if schedule.name == "constant" else 0.0, abs=1e-15)


def test_settings_make_it_again():
    for schedule in (Constant(4), Linear(20, 4), Cosine(20, 4), TriStage(1, 2, 3, 0.1, 0.2)):
        assert SCHEDULES[schedule.name](**schedule.settings) == schedule


def test_wrong_settings():
    with pytest.raises(ValueError, match="warmup_steps"):
        Linear(10, 11)
    with pytest.raises(ValueError, match="warmup_steps"):
        Constant(-1)
    with pytest.raises(ValueError, match="total_steps"):
        Cosine(1.5)
    with pytest.raises(ValueError, match="final_scale"):
        TriStage(1, 2, 3, final_scale=0.0)
