"""Shows what is going on and how long it may take: live on a terminal, plain lines elsewhere.

It is told; it never asks a stage anything.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEARTBEAT_SECONDS = 30
LINE_WIDTH = 60


class View(Protocol):
    """What the stages may say to the user."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def work(self, name: str, seconds: float) -> Work:
        """A piece of work with its estimate; used as a context manager."""


class Work:
    """One piece of work in flight; call it with each line of its output."""

    def __init__(
        self, name: str, seconds: float, shown: Callable[[Work, str], None], ended: Callable[[Work], None],
    ) -> None:  # fmt: skip
        self.name, self.estimate = name, seconds
        self.started = time.monotonic()
        self.note = ""
        self._shown, self._ended = shown, ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended(self)

    def __call__(self, text: str) -> None:
        """Take note of output; its last line is shown."""
        lines = clean(text).strip().splitlines()
        if lines:
            self._shown(self, lines[-1].strip())

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started


class Plain:
    """Lines on stdout, each with the seconds since the start; a heartbeat for what takes long."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._beats: dict[int, float] = {}
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print one line."""
        with self._lock:
            seconds = time.monotonic() - self.started
            print(f"[{seconds:5.0f}s] {clean(text)}", flush=True)  # noqa: T201 - the terminal is its job

    def work(self, name: str, seconds: float) -> Work:
        """Announce a piece of work."""
        self.say(f"{name}: started (about {seconds:.0f} s)")
        return Work(name, seconds, self._line, self._end)

    def _line(self, work: Work, text: str) -> None:
        now = time.monotonic()
        if now - self._beats.get(id(work), work.started) >= HEARTBEAT_SECONDS:
            self._beats[id(work)] = now
            self.say(f"{work.name}: {work.elapsed():.0f} of about {work.estimate:.0f} s: {text[:LINE_WIDTH]}")

    def _end(self, work: Work) -> None:
        self._beats.pop(id(work), None)
        self.say(f"{work.name}: {work.note or 'done'} in {work.elapsed():.0f} s")


class Live:
    """One line for each piece of work in flight, with its last line of output; on a terminal only."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=16), TimeElapsedColumn(),
            TextColumn("of about {task.total:.0f} s"), TextColumn("[dim]{task.fields[line]}"),
            console=console, transient=True,
        )  # fmt: skip
        self._tasks: dict[int, TaskID] = {}

    def say(self, text: str) -> None:
        """Print one line above the live part."""
        self.progress.console.print(escape(clean(text)), highlight=False)

    def work(self, name: str, seconds: float) -> Work:
        """Add a line for a piece of work."""
        made = Work(name, seconds, self._line, self._end)
        self._tasks[id(made)] = self.progress.add_task(escape(name), total=max(seconds, 1), line="")
        return made

    def _line(self, work: Work, text: str) -> None:
        done = min(work.elapsed(), work.estimate)
        self.progress.update(self._tasks[id(work)], completed=done, line=escape(text[:LINE_WIDTH]))

    def _end(self, work: Work) -> None:
        self.progress.remove_task(self._tasks.pop(id(work)))
        self.say(f"{work.name}: {work.note or 'done'} in {work.elapsed():.0f} s")


@contextmanager
def view(*, plain: bool) -> Iterator[View]:
    """The view that fits where the output goes."""
    console = Console()
    if plain or not console.is_terminal:
        yield Plain()
        return
    live = Live(console)
    with live.progress:
        yield live
