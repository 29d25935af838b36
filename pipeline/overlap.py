"""Runs pieces of work that wait for one another, as many at a time as there is room for.

It knows nothing of what they do.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = 64  # at a time; what computes waits for a slot besides


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work with a name of its own, and the names of those that must be over before it begins."""

    name: str
    after: tuple[str, ...]
    do: Callable[[], None]


def surely(stop: Callable[[], None]) -> None:
    """Stop what runs, also where a second interrupt comes before all of it was stopped."""
    try:
        stop()
    except KeyboardInterrupt:
        stop()


def run(tasks: Sequence[Task], stop: Callable[[], None], most: int = MOST) -> None:
    """Do them all, at most so many at a time.

    An exception of one, or an interrupt, calls `stop`, waits for those under way, and goes on up.
    """
    named = {task.name: task for task in tasks}
    order = TopologicalSorter({task.name: set(task.after) & set(named) for task in tasks})
    order.prepare()
    pool = ThreadPoolExecutor(max_workers=most)
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
        surely(stop)
        raise
    finally:
        pool.shutdown(wait=True)
