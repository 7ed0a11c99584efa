"""The threads that share work: made when they are first needed, asleep until somebody has work to share.

Work is a number of parts, and whoever is free takes the next one: the thread that has the work, and those of the pool
that are idle at that moment. So nobody waits for a thread that has not begun (another program may have its core): what
it would have done, the others do. What belongs to which part never depends on who takes it, and so neither do results.

    share(work, parts, threads)         # calls work(0), work(1), ..., each once, in up to so many threads

A child process that was forked has no threads but its own, and makes new ones. An error in a part, wherever it runs,
ends the work, and is raised where the work was given; so does an interrupt, once the parts that have begun are done.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

# .busy: this thread works on a part, and shares no part of that; .alone: see `alone`; .taker: see `taken_by`
_local = threading.local()
_idle: list[_Worker] = []
Work = Callable[[int], None]
_made = 0
_making = threading.Lock()


def is_busy() -> bool:
    """Whether this thread works on a part already."""
    return getattr(_local, "busy", False)


@contextmanager
def alone() -> Iterator[None]:
    """Inside, this thread does every part of its work by itself. Parts are what they would be, and so are results."""
    before = is_busy(), _is_alone()
    _local.busy, _local.alone = False, True
    try:
        yield
    finally:
        _local.busy, _local.alone = before


def _is_alone() -> bool:
    return getattr(_local, "alone", False)


@contextmanager
def taken_by(taker: Callable[[Work, int, int], None]) -> Iterator[None]:
    """Inside, what this thread shares goes to taker(work, parts, threads), who does it."""
    try:
        _local.taker = taker
        yield
    finally:
        _local.taker = None


def share(work: Work, parts: int, threads: int) -> None:
    """Calls work(part) for every part, in this thread and in up to threads - 1 idle ones; returns when all are done."""
    taker = getattr(_local, "taker", None)
    if taker is not None and not is_busy():
        whole = work, parts, threads
        work, parts = (lambda _: taker(*whole)), 1
    job = _Job(work, parts)
    tickets = [] if is_busy() or _is_alone() else _recruit(job, min(threads, parts) - 1)
    try:
        job.run()
    except BaseException as error:  # an interrupt between two parts
        job.error = error
    for ticket in tickets:
        while True:
            try:
                _wait_for(ticket)
                break
            except BaseException as error:  # an interrupt: what has begun is waited for nevertheless
                job.error = job.error or error
    if job.error is not None:
        try:
            raise job.error
        finally:
            job.error = None  # it holds this frame, and what is here would live until the garbage is collected


class _Job:
    """Parts of work that have not been taken yet, and the first error of those that have."""

    __slots__ = ("error", "parts", "take", "work")

    def __init__(self, work: Work, parts: int) -> None:
        self.work, self.parts, self.take = work, parts, itertools.count().__next__
        self.error: BaseException | None = None

    def run(self) -> None:
        """Takes part after part until there are none."""
        was_busy, _local.busy = is_busy(), True
        try:
            with np.errstate(over="ignore"):  # an exponential that overflows to infinity is meant
                while self.error is None and (part := self.take()) < self.parts:
                    self.work(part)
        except BaseException as error:
            self.error = self.error or error
        finally:
            _local.busy = was_busy


class _Ticket:
    """A place for one worker at a job. Whoever asks `is_for` first, the worker or the giver at the end, has it."""

    __slots__ = ("done", "is_done", "job", "owner")

    def __init__(self, job: _Job) -> None:
        self.job: _Job | None = job
        self.owner: dict[str, str] = {}
        self.done, self.is_done = threading.Lock(), False
        self.done.acquire()

    def is_for(self, who: str) -> bool:
        """May be asked again, as an interrupt may come when the answer is there but not seen."""
        return self.owner.setdefault("it", who) == who


class _Worker(threading.Thread):
    """A thread that sleeps until it is given a ticket."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"npconformer_{number}", daemon=True)
        self.ticket: _Ticket | None = None
        self.wake = threading.Lock()
        self.wake.acquire()

    def run(self) -> None:
        while True:
            self.wake.acquire()
            ticket, self.ticket = self.ticket, None
            assert ticket is not None  # nobody wakes it without one
            job = None
            if ticket.is_for("worker"):
                job, ticket.job = ticket.job, None
                assert job is not None  # only who has begun takes it away
                job.run()
            is_mine = job is not None
            del job  # with the arrays of its work
            _idle.append(self)  # before the giver knows, who may have the next work at once
            if is_mine:
                ticket.is_done = True
                ticket.done.release()
            del ticket


def _recruit(job: _Job, most: int) -> list[_Ticket]:
    tickets = []
    for _ in range(most):
        ticket = _Ticket(job)  # before a worker is taken: an interrupt in between would lose it
        try:
            worker = _idle.pop()
        except IndexError:
            if _made >= most:
                break
            worker = _make_worker()
        worker.ticket = ticket
        worker.wake.release()
        tickets.append(ticket)
    return tickets


def _make_worker() -> _Worker:
    global _made
    with _making:
        worker = _Worker(_made)
        worker.start()
        _made += 1
    return worker


def _wait_for(ticket: _Ticket) -> None:
    """Until the worker is done, unless it has not begun. After an interrupt it may be called again."""
    if ticket.is_for("giver"):
        ticket.job = None
        return
    while not ticket.is_done:  # an interrupt may come when `done` has been acquired already
        ticket.done.acquire()


def _forget_all() -> None:
    """In a child process, where the threads of its parent do not exist."""
    global _making, _made
    _idle.clear()
    _made, _making = 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
