"""Signals that ask a command to end."""

import os
import signal

import pytest

from npconformer.commands.stopping import Stopped, check_stopped, ending, stop_on_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_is_raised_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as raised, stop_on_signals():
        os.kill(os.getpid(), number)
    assert getattr(raised.value, "number", signal.SIGINT) == number
    assert signal.getsignal(number) is before


def test_one_that_was_dropped_is_raised_later():
    with stop_on_signals():
        check_stopped()
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:  # as Python does in a destructor
            pass
        with pytest.raises(Stopped):
            check_stopped()
    with stop_on_signals():
        check_stopped()


def test_further_signals_do_not_disturb_the_end():
    with stop_on_signals(), ending():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        check_stopped()


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
