"""Alternation and statistics, with a clock that the test moves."""

import pytest

from benchmarks.timing import Spread, alternate, median_ratio, spread


@pytest.fixture(autouse=True)
def leave_the_garbage(monkeypatch):
    """Collecting it takes a tenth of a second where torch is loaded, before every sample."""
    monkeypatch.setattr("benchmarks.timing.gc.collect", lambda: None)


class Clock:
    """Stands still unless a function moves it."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def __call__(self):
        return self.now

    def function(self, name, *durations):
        """A function that lasts these durations in turn, the last one from then on."""
        left = list(durations)

        def run():
            self.calls.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


def run(clock, rounds, budget=float("inf"), **functions):
    return alternate(functions, rounds, budget, clock=clock, pause=0.0)


def test_functions_alternate_and_the_first_round_is_thrown_away():
    clock = Clock()
    samples = run(clock, 3, a=clock.function("a", 9.0, 1.0, 2.0, 3.0), b=clock.function("b", 7.0, 4.0, 5.0, 6.0))
    assert clock.calls == ["a", "b"] * 4
    assert samples == {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}


def test_a_sample_of_a_short_function_is_the_mean_of_several_calls():
    clock = Clock()
    samples = run(clock, 2, short=clock.function("short", 0.15, 0.05), long=clock.function("long", 1.0))
    assert samples["short"] == pytest.approx([0.05, 0.05])
    # twice to learn how long a call takes, the first one is slower; then 4 calls of 0.05 s make 0.2 s
    assert clock.calls == ["short"] * 2 + ["long"] + (["short"] * 4 + ["long"]) * 2


@pytest.mark.parametrize(("rounds", "budget", "expected"), [(7, 1000, 7), (7, 20, 5), (7, 1, 3), (2, 1, 2), (1, 1, 1)])
def test_rounds_fit_the_budget_but_are_three_unless_fewer_are_asked_for(rounds, budget, expected):
    clock = Clock()
    samples = run(clock, rounds, budget, a=clock.function("a", 1.0), b=clock.function("b", 3.0))
    assert len(samples["a"]) == len(samples["b"]) == expected


def test_spread_is_the_median_with_quartiles():
    assert spread([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(3.0, 2.0, 4.0)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.25, 1.75)
    assert spread([2.5]) == Spread(2.5, 2.5, 2.5)


def test_the_ratio_is_taken_round_by_round():
    # the machine was ten times slower in the last two rounds: the ratio of the medians would be 10 / 2
    assert median_ratio([1.0, 10.0, 10.0], [2.0, 20.0, 20.0]) == 0.5
    with pytest.raises(ValueError):
        median_ratio([1.0], [1.0, 2.0])
