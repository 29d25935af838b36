"""The fleet's cache when its server fails, and what is left of it: no server can hold a build up."""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import fleet, fleetcache, fleetlines, resp, scratch
from pipeline.forwarding import FAILED
from tests import tinyredis
from tests.fleetdoor import KEY, SECRET, Client, client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tinyredis import Server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where doors are made."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[Server]:
    with tinyredis.running(password=SECRET) as made:
        yield made


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_connection_that_idled_too_long_is_made_again(server: Server) -> None:
    said: list[str] = []
    with client(server.url, said) as one:
        assert one.ask(b"EXISTS", KEY) == b":0\r\n"
        server.hang_up()
        assert one.ask(b"EXISTS", KEY) == b":0\r\n"
    assert said == []
    assert server.names().count(b"AUTH") == 2


def test_a_server_that_goes_in_the_middle_is_told_once() -> None:
    said: list[str] = []
    with tinyredis.running() as server:
        made = fleetcache.Fleet(fleet.parsed(server.url), said.append)
        with made.door(writes=True) as door:
            (folder,) = door.volumes
            one = Client(Path(folder) / fleetcache.SOCKET)
            assert one.ask(b"EXISTS", KEY) == b":0\r\n"
            server.shutdown()
            server.server_close()
            server.hang_up()
            assert [one.ask(b"GET", KEY), one.ask(b"SET", KEY, b"x")] == [FAILED] * 2
        with made.door(writes=True) as door:  # the next build tries again, and says nothing more
            (folder,) = door.volumes
            assert Client(Path(folder) / fleetcache.SOCKET).ask(b"GET", KEY) == FAILED
    assert len(said) == 1
    assert said[0].endswith("; builds go on without it")


@pytest.mark.parametrize(("answer", "why"), [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak"),
    (b"$-2\r\n", "does not speak"), (b":1\r\n", "does not speak"),
    (b"$99999999999\r\n", "does not speak"), (b"$33554433\r\n", "does not speak"), (b"$2\r\nabcdef", "does not speak"),
    (b"\0" * 200_000, "does not speak"), (b"+OK\r\n", "does not speak"), (b"", "no answer within"),
    (b"$100\r\nhalf", "no answer within"), (b"-ERR hunter2 hunter2\r\n", "it does not let us read (ERR)"),
    (b"-hunter2\r\n", "it does not let us read (an error)"),
])  # fmt: skip
def test_a_server_that_answers_rubbish(
    server: Server, monkeypatch: pytest.MonkeyPatch, answer: bytes, why: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(fleetlines, "SECONDS", 0.5)
    said: list[str] = []
    server.password = ""
    server.answer = answer
    with client(server.url, said) as one:
        assert one.ask(b"GET", KEY) == FAILED
        assert one.ask(b"GET", KEY) == FAILED
    assert len(said) == 1
    assert why in said[0]
    assert SECRET not in said[0]
    assert server.names() == [b"GET"]  # it is not asked again


def test_a_server_that_never_answers_costs_one_wait(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleetlines, "SECONDS", 0.3)
    server.delay = 2
    with client(server.url) as one:
        began = time.monotonic()
        assert [one.ask(b"GET", KEY) for _ in range(20)] == [FAILED] * 20
        assert time.monotonic() - began < 1.5


def test_a_server_that_is_slow_each_time_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleetlines, "SLOW_SECONDS", 0.02)
    said: list[str] = []
    server.delay = 0.03
    with client(server.url, said) as one:
        answers = [one.ask(b"GET", KEY) for _ in range(20)]
    assert answers == [resp.NIL] * 10 + [FAILED] * 10
    assert "it is slow" in said[0]


@pytest.mark.parametrize("who", ["default:wrong-hunter2@", "somebody:hunter2@", ""])
def test_a_wrong_password_is_told_and_not_shown(
    server: Server, who: str, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    said: list[str] = []
    url = f"redis://{who}127.0.0.1:{server.server_address[1]}"
    with client(url, said) as one:
        assert [one.ask(b"GET", KEY), one.ask(b"GET", KEY)] == [FAILED] * 2
    assert "it refuses the user or password" in said[0] or "it does not let us read (NOAUTH)" in said[0]
    assert fleetcache.probe(fleet.parsed(url)) in said[0]
    assert SECRET not in said[0] + "".join(capfd.readouterr())
    assert server.names().count(b"AUTH") == (2 if who else 0)  # one of them is the probe's


def test_a_server_that_takes_nothing_in_is_still_read(server: Server) -> None:
    said: list[str] = []
    server.denied[b"SET"] = b"-NOPERM this user has no permissions to run the 'set' command\r\n"
    server.store[0, KEY] = b"good"
    with client(server.url, said) as one:
        assert [one.ask(b"SET", KEY, b"x"), one.ask(b"SET", KEY, b"x")] == [FAILED] * 2
        assert one.ask(b"GET", KEY) == b"$4\r\ngood\r\n"
    (text,) = said
    assert text.endswith(": it does not let us write (NOPERM); builds go on without it")
    assert server.names().count(b"SET") == 1


def test_the_probe(server: Server) -> None:
    assert fleetcache.probe(fleet.parsed(server.url)) == ""
    server.denied[b"EXISTS"] = b"-NOPERM\r\n"
    assert fleetcache.probe(fleet.parsed(server.url)) == "it does not let us read (NOPERM)"
    assert fleetcache.probe(fleet.parsed("redis://127.0.0.1:1")) == "Connection refused"
    assert fleetcache.probe(fleet.parsed("redis+unix:/nowhere/redis")) == "No such file or directory"


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left(server: Server, home: Path, fault: type[BaseException]) -> None:
    def interrupted() -> None:
        with client(server.url) as one, one.socket:
            one.ask(b"GET", KEY)
            one.socket.sendall(b"*3\r\n$3\r\nSET\r\n$47\r\n" + KEY + b"\r\n$9\r\nhalf")
            assert list(home.iterdir())
            raise fault

    gc.collect()
    before = descriptors()
    with pytest.raises(fault):
        interrupted()
    assert list(home.iterdir()) == []
    assert [one for one in threading.enumerate() if one.name == "fleet cache"] == []
    deadline = time.monotonic() + 10
    while descriptors() > before and time.monotonic() < deadline:  # the server hears a little later that we have gone
        time.sleep(0.01)
    assert descriptors() <= before


def test_what_a_killed_process_left_is_removed(home: Path, server: Server) -> None:
    code = (
        "import os, sys, tempfile; from pipeline import fleet, fleetcache; tempfile.tempdir = sys.argv[1]\n"
        "with fleetcache.Fleet(fleet.parsed('redis://x'), print).door(writes=True):\n    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(home)], check=False, cwd=Path(__file__).parent.parent)
    (left,) = home.iterdir()
    with client(server.url), client(server.url):
        scratch.sweep()  # as each command does; it leaves what is in use alone
        assert not left.exists()
        assert len(list(home.iterdir())) == 2


def test_a_folder_is_this_users_alone(server: Server, home: Path) -> None:
    with client(server.url):
        (folder,) = home.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700


def test_no_place_for_a_socket_is_told_and_no_fault(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    deep = home / ("x" * 100)
    deep.mkdir()
    for place in (deep, Path("/nowhere")):
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        with fleetcache.Fleet(fleet.parsed("redis://x"), said.append).door(writes=True) as door:
            assert door is fleetcache.CLOSED
    assert ["too long" in said[0], "no folder" in said[1]] == [True, True]
    assert list(deep.iterdir()) == []
