"""Runs pieces of work that wait for one another, as many at a time as there is room for.

It knows nothing of what they do.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Generic, TypeVar

from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Made = TypeVar("Made")

MOST = 64  # at a time; what computes waits for a slot besides


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work with a name of its own, and the names of those that must be over before it begins."""

    name: str
    after: tuple[str, ...]
    do: Callable[[], None]


def run(tasks: Sequence[Task], stop: Callable[[], None]) -> None:
    """Do them all. An exception of one, or an interrupt, calls `stop`, waits for those under way, and goes on up."""
    named = {task.name: task for task in tasks}
    order = TopologicalSorter({task.name: set(task.after) & set(named) for task in tasks})
    order.prepare()
    pool = ThreadPoolExecutor(max_workers=MOST)
    running: dict[Future[None], str] = {}
    try:
        while order.is_active():
            for name in order.get_ready():
                running[pool.submit(named[name].do)] = name
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                order.done(running.pop(future))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stop()
        raise
    finally:
        pool.shutdown(wait=True)


class Once(Generic[Made]):
    """A value that one piece of work makes and others wait for; an exception of making it is theirs, too."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: Future[Made] = Future()

    def prepare(self) -> None:
        """Make it."""
        try:
            self._made.set_result(self._make())
        except HostError as error:
            self._made.set_exception(error)

    def value(self) -> Made:
        """The value, as soon as it is there. Raises HostError when it could not be made."""
        return self._made.result()
