"""Shows what is going on and how long it may take: live on a terminal, plain lines elsewhere.

It is told; it never asks a stage anything.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Column

from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TextIO

HEARTBEAT_SECONDS = 30
LINE_WIDTH = 60
KEPT_LINES = 400  # of a piece of work's output, for the case that it fails
SHOWN_LINES = 8
BAR_FROM = 110  # columns of a terminal that has room for a bar
_MATTERS = re.compile(
    r"\berror\b|\*\*\*|undefined reference|no rule to make|kernel panic|\bBUG:|\boops\b|unable to|\bfatal\b",
    re.IGNORECASE,
)  # fmt: skip


class View(Protocol):
    """What the stages may say to the user."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def work(self, name: str, seconds: float, share: float = 1.0) -> Work:
        """A piece of work, used as a context manager: seconds of the whole machine, and how much of it this one has."""

    def expect(self, kind: str, seconds: Sequence[float]) -> None:
        """How much work of a kind, the first word of its name, is to come: an estimate a piece."""


class Ahead:
    """What is still to come of the work that was announced."""

    def __init__(self) -> None:
        self._total: dict[str, int] = {}
        self._left: dict[str, list[float]] = {}
        self.announced = 0.0  # seconds
        self._lock = threading.Lock()

    def expect(self, kind: str, seconds: Sequence[float]) -> None:
        """Announce pieces of work of a kind."""
        with self._lock:
            self._total[kind] = self._total.get(kind, 0) + len(seconds)
            self._left[kind] = [*self._left.get(kind, ()), *seconds]
            self.announced += sum(seconds)

    def over(self, work: Work) -> None:
        """Note that a piece is over."""
        with self._lock:
            if left := self._left.get(work.name.partition(" ")[0]):
                left.remove(min(left, key=lambda one: abs(one - work.cost)))

    def seconds(self, under_way: Iterable[Work] = ()) -> float:
        """Seconds of what was announced and is not over; of a piece under way, what it has still before it."""
        with self._lock:
            seconds = sum(sum(left) for left in self._left.values())
            known = [work for work in under_way if work.name.partition(" ")[0] in self._left]
        return max(0.0, seconds - sum(min(work.elapsed() * work.share, work.cost) for work in known))

    def told(self, under_way: Iterable[Work] = ()) -> str:
        """How many of each kind are over, and how long the rest may take; nothing where nothing was announced."""
        with self._lock:
            counts = [f"{total - len(self._left[kind])} of {total} {kind}s" for kind, total in self._total.items()]
        return f"{', '.join(counts)} over, about {self.seconds(under_way) / 60:.0f} min left" if counts else ""


class Work:
    """One piece of work in flight; call it with each line of its output.

    `note` is what is said of its end; where `failed` is not empty, that is, with the lines of output that matter.
    """

    def __init__(
        self, name: str, seconds: float, share: float, shown: Callable[[Work, str], None],
        ended: Callable[[Work], None],
    ) -> None:  # fmt: skip
        self.name, self.cost, self.share = name, seconds, share
        self.estimate = seconds / share
        self.started = time.monotonic()
        self.note = self.failed = ""
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._shown, self._ended = shown, ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception):
            self.failed = self.failed or (str(error).splitlines() or [type(error).__name__])[0]
        self.note = "interrupted" if isinstance(error, KeyboardInterrupt) else self.note
        self._ended(self)

    def __call__(self, text: str) -> None:
        """Take note of output; its last line is shown."""
        lines = [line.strip() for line in clean(text).splitlines() if line.strip()]
        if lines:
            self._lines.extend(lines)
            self._shown(self, lines[-1])

    def ended(self) -> list[str]:
        """What to say when it is over: one line, and below it what matters of the output of work that failed."""
        how = f"FAILED: {self.failed}" if self.failed else self.note or "done"
        head = f"{self.name}: {how} in {self.elapsed():.0f} s"
        if not self.failed:
            return [head]
        telling = [line for line in self._lines if _MATTERS.search(line)] or list(self._lines)
        return [head, *(f"    {line}" for line in telling[-SHOWN_LINES:])]

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started


class Plain:
    """Lines on stdout or another stream, each with the seconds since the start; a heartbeat for what takes long."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.started = time.monotonic()
        self._out = out
        self._beats: dict[int, float] = {}
        self._ahead = Ahead()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print one line."""
        with self._lock:
            seconds = time.monotonic() - self.started
            out = self._out or sys.stdout
            out.write(f"[{seconds:5.0f}s] {clean(text)}\n")
            out.flush()

    def expect(self, kind: str, seconds: Sequence[float]) -> None:
        """Say what is to come."""
        self._ahead.expect(kind, seconds)
        self.say(self._ahead.told())

    def work(self, name: str, seconds: float, share: float = 1.0) -> Work:
        """Announce a piece of work."""
        made = Work(name, seconds, share, self._line, self._end)
        self.say(f"{name}: started (about {made.estimate:.0f} s)")
        return made

    def _line(self, work: Work, text: str) -> None:
        now = time.monotonic()
        if now - self._beats.get(id(work), work.started) >= HEARTBEAT_SECONDS:
            self._beats[id(work)] = now
            self.say(f"{work.name}: {work.elapsed():.0f} of about {work.estimate:.0f} s: {text[:LINE_WIDTH]}")

    def _end(self, work: Work) -> None:
        self._beats.pop(id(work), None)
        self._ahead.over(work)
        *most, last = work.ended()
        for line in most:
            self.say(line)
        told = self._ahead.told() if work.name.startswith("build ") else ""
        self.say(f"{last}; {told}" if told and not most else last)


class Live:
    """One line for each piece of work in flight, with its last line of output; on a terminal only.

    A line is never wider than the terminal: the name and the output are cut, the seconds stay.
    """

    def __init__(self, console: Console) -> None:
        bar = [BarColumn(bar_width=16)] if console.width >= BAR_FROM else []
        name = Column(ratio=2, no_wrap=True, overflow="ellipsis")
        line = Column(ratio=3, no_wrap=True, overflow="ellipsis")
        self.progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}", table_column=name), *bar,
            TextColumn("{task.elapsed:.0f}/~{task.total:.0f} s", table_column=Column(no_wrap=True)),
            TextColumn("[dim]{task.fields[line]}", table_column=line),
            console=console, transient=True, expand=True,
        )  # fmt: skip
        self._tasks: dict[int, TaskID] = {}
        self._works: dict[int, Work] = {}
        self._ahead = Ahead()
        self._all: TaskID | None = None

    def expect(self, kind: str, seconds: Sequence[float]) -> None:
        """Show what is to come, in a line below the others."""
        self._ahead.expect(kind, seconds)
        if self._all is None:
            self._all = self.progress.add_task("all", total=1, line="")
        self._overall()

    def _overall(self) -> None:
        if self._all is not None:
            ahead, works = self._ahead, tuple(self._works.values())
            total, done = max(1.0, ahead.announced), ahead.announced - ahead.seconds(works)
            self.progress.update(self._all, total=total, completed=done, line=ahead.told(works))

    def say(self, text: str) -> None:
        """Print one line above the live part."""
        self.progress.console.print(escape(clean(text)), highlight=False)

    def work(self, name: str, seconds: float, share: float = 1.0) -> Work:
        """Add a line for a piece of work."""
        made = Work(name, seconds, share, self._line, self._end)
        self._tasks[id(made)] = self.progress.add_task(escape(name), total=max(made.estimate, 1), line="")
        self._works[id(made)] = made
        return made

    def _line(self, work: Work, text: str) -> None:
        done = min(work.elapsed(), work.estimate)
        self.progress.update(self._tasks[id(work)], completed=done, line=escape(text[:LINE_WIDTH]))
        self._overall()

    def _end(self, work: Work) -> None:
        self.progress.remove_task(self._tasks.pop(id(work)))
        del self._works[id(work)]
        self._ahead.over(work)
        self._overall()
        for line in work.ended():
            self.say(line)


@contextmanager
def view(*, plain: bool, aside: bool = False) -> Iterator[View]:
    """The view that fits where the output goes; aside, it goes to stderr, and what is asked for has stdout alone.

    NO_COLOR and a TERM of `dumb` are heeded by rich; the latter, like no terminal at all, means plain lines.
    """
    console = Console(stderr=aside)
    if plain or not console.is_terminal or console.is_dumb_terminal:
        yield Plain(sys.stderr if aside else None)
        return
    live = Live(console)
    with live.progress:
        yield live
