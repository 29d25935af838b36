"""One pool of processors and memory that everything that computes takes from: conf, compilers, machines.

It knows nothing of what is done with them.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LATER = 0, 1  # what others wait for goes first


class Slots:
    """Processors and MiB of memory; who asks waits until there are enough, in order of urgency, then of arrival."""

    def __init__(self, cpus: int, memory: int = 0) -> None:
        self.cpus, self.memory = max(1, cpus), memory
        self._free, self._free_memory = self.cpus, memory
        self._waiting: list[tuple[int, int, int]] = []
        self._tickets = itertools.count()
        self._changed = threading.Condition()

    @contextmanager
    def held(self, most: int = 1, *, memory: int = 0, urgency: int = FIRST) -> Iterator[int]:
        """Take at least one processor and at most `most`, fewer where others wait; how many.

        `memory` is in MiB; what asks for more than there is runs alone. A pool made without memory does not count it.
        """
        wanted = min(memory, self.memory)
        with self._changed:
            ticket = (urgency, next(self._tickets), wanted)
            heapq.heappush(self._waiting, ticket)
            try:
                self._changed.wait_for(lambda: self._turn(ticket))
            finally:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
            # with others waiting, side by side is quicker than one after the other: much of a build is serial
            taken = max(1, min(most, self._free // (self._beside(self._free_memory - wanted) + 1)))
            self._free -= taken
            self._free_memory -= wanted
            self._changed.notify_all()
        try:
            yield taken
        finally:
            with self._changed:
                self._free += taken
                self._free_memory += wanted
                self._changed.notify_all()

    def _beside(self, left: int) -> int:
        """How many of those that wait can begin beside this one: as many as there is memory for, in their order."""
        needs = itertools.accumulate(memory for _, _, memory in sorted(self._waiting))
        return sum(need <= left for need in needs)

    def _turn(self, ticket: tuple[int, int, int]) -> bool:
        return self._waiting[0] == ticket and self._free > 0 and self._free_memory >= ticket[2]
