"""What becomes of a command in a container that its engine did not start, or of whose end it does not hear."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import container, treestore
from pipeline.container import Container
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What Docker 20.10 answers while it has no containerd: the request is granted, and the error is on stdout.
SAID = b"connection error: dial unix containerd.sock: connection refused: unavailable\r\n"


class Stream:
    """Output of a command: some pieces, and, where it hangs, no end until it is closed."""

    def __init__(self, pieces: list[tuple[bytes | None, bytes | None]], *, hangs: bool = False) -> None:
        self.pieces = pieces
        self.closed = threading.Event()
        if not hangs:
            self.closed.set()

    def __iter__(self) -> Iterator[tuple[bytes | None, bytes | None]]:
        yield from self.pieces
        assert self.closed.wait(10)

    def close(self) -> None:
        self.closed.set()


def box(stream: Stream, status: int | None, pid: int, *, look: int = 1, running: bool = False) -> Container:
    """A container of an engine that answers so; `look` is the status of what asks in it whether anything was killed."""
    api = SimpleNamespace(
        exec_create=lambda *_, **__: {"Id": "1"}, exec_start=lambda *_, **__: stream,
        exec_inspect=lambda _: {"ExitCode": status, "Running": running, "Pid": pid},
    )  # fmt: skip
    seen = SimpleNamespace(exit_code=look, output=b"oom_kill 0\n" if look == 1 else SAID)
    return Container(SimpleNamespace(id="c", client=SimpleNamespace(api=api), exec_run=lambda *_, **__: seen))


@pytest.mark.parametrize("do", [lambda one: one.run(["grep"]), lambda one: one.unharmed(), treestore.present])
def test_what_the_engine_could_not_start_is_our_error(do: Callable[[Container], Any]) -> None:
    with pytest.raises(HostError):
        do(box(Stream([(SAID, None)]), 126, 0, look=126))


def test_a_command_that_was_not_started_is_no_answer_also_where_the_engine_is_back() -> None:
    with pytest.raises(HostError, match="was killed"):
        box(Stream([(SAID, None)]), 126, 0).run(["grep"])


def test_podman_has_no_pid_for_what_ended_and_a_status_for_what_runs() -> None:
    assert box(Stream([(b"x\n", None)]), 126, 0).run(["sh"]).exit_status == 126
    with pytest.raises(HostError, match="was killed"):
        box(Stream([(b"half", None)]), 0, 77, running=True).run(["make"])


@pytest.mark.parametrize("status", [0, 1, 126, 128])
def test_what_ran_keeps_its_status(status: int) -> None:
    done = box(Stream([(b"out", None), (None, b"err")]), status, 77).run(["sh"])
    assert (done.exit_status, done.stdout, done.stderr) == (status, "out", "err")


def test_a_command_whose_end_nobody_hears_of_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "LATE", 0.1)
    with pytest.raises(HostError, match="was killed in its container"):
        box(Stream([], hangs=True), None, 77).run(["make"], seconds=0)
