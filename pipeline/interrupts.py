"""What a signal does to a command: it ends with 130, whenever it comes and however often.

Standard library only: it is told before anything else is imported. Never cleans up; session.py does.
"""

from __future__ import annotations

import atexit
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end(_number: int, _frame: object) -> NoReturn:
    os._exit(STATUS)


def _raise(number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _heard() -> list[signal.Signals]:
    return [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup's stay ignored


def at_once() -> None:
    """Let a signal end this process: nothing is under way that would have to be cleaned up.

    Python gives every signal its default action back while it ends (CPython 3.11 Modules/signalmodule.c,
    `_PySignal_Fini`), which would kill a command whose work is done; what is ignored it leaves as it is.
    """
    for number in _heard():
        signal.signal(number, _end)
    atexit.register(_ignore)  # the first that is registered is the last that is called


def _ignore() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def raised() -> Iterator[None]:
    """Let a signal be a KeyboardInterrupt until the block ends."""
    before = {number: signal.signal(number, _raise) for number in _heard()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
