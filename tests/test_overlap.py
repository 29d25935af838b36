"""Work that waits for other work: in order, side by side, and all over when one fails."""

from __future__ import annotations

import functools
import threading

import pytest

from pipeline import overlap
from pipeline.overlap import Task

SOON = 5.0


def nothing() -> None:
    """No work."""


def test_what_must_be_over_first_is() -> None:
    done: list[str] = []
    names = {"c": ("a", "b"), "a": (), "b": ("a",), "d": ("c",)}
    overlap.run([Task(name, after, functools.partial(done.append, name)) for name, after in names.items()], nothing)
    assert done == ["a", "b", "c", "d"]


def test_names_of_nothing_are_not_waited_for() -> None:
    done: list[str] = []
    overlap.run([Task("a", ("was there before",), lambda: done.append("a"))], nothing)
    assert done == ["a"]


def test_others_go_on_meanwhile() -> None:
    go = threading.Event()

    def wait() -> None:
        assert go.wait(SOON)

    overlap.run([Task("a", (), wait), Task("b", (), go.set)], nothing)


def test_an_exception_ends_all_of_it() -> None:
    stopped: list[bool] = []
    done: list[str] = []

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        overlap.run([Task("a", (), fail), Task("b", ("a",), lambda: done.append("b"))], lambda: stopped.append(True))
    assert (stopped, done) == ([True], [])


def test_a_second_interrupt_does_not_keep_the_rest_from_being_stopped() -> None:
    calls: list[int] = []
    go = threading.Event()

    def stop() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        go.set()

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        overlap.run([Task("long", (), lambda: assert_(go.wait(SOON))), Task("fails", (), fail)], stop)
    assert len(calls) == 2


def assert_(good: object) -> None:
    assert good
