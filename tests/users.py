"""A test's own process as a user who may do nothing, where it is root's."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """What is root's may not be looked into or signalled until the block ends; any other user stays who it is."""
    before = os.getresuid()
    if os.geteuid() == 0:
        os.setresuid(NOBODY, NOBODY, 0)  # the last one is the way back
    try:
        yield
    finally:
        os.setresuid(*before)
