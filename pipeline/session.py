"""One command's use of the engine: what a killed one left is removed first, and what this one made, last.

Interrupts, SIGTERM and SIGHUP end it in the same way.
"""

from __future__ import annotations

import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn

from pipeline import bootstrap, leases, scratch
from pipeline.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.progress import View

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def _interrupt(number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


@contextmanager
def session(view: View, cache: Path | None = None) -> Iterator[Engine]:
    """An engine whose containers do not outlive the block, whichever way it ends; what the block uses stays till then.

    `cache` is where a command keeps what it makes, if it has one of its own: the engine is the user's in any case.
    """
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup's stay ignored
    before = {number: signal.signal(number, _interrupt) for number in heard}
    engine = Engine()
    scratch.sweep()
    try:
        with ExitStack() as stack:
            for folder in {bootstrap.cache_folder(), cache or bootstrap.cache_folder()}:
                stack.enter_context(leases.held(folder))
            if left := engine.reap():
                view.say(f"removed {left} container(s) that a killed run left behind")
            yield engine
    finally:
        engine.remove_live()
        for number, handler in before.items():
            signal.signal(number, handler)
