"""The forwarder: what goes through to the fleet's server, and what does not. Real sockets throughout."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import fleet, fleetcache, forwarding, resp
from tests import tinyredis
from tests.fleetdoor import KEY, SECRET, Client, client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tinyredis import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with tinyredis.running(password=SECRET) as made:
        yield made


def test_what_ccache_sends_goes_through_to_the_database(server: Server) -> None:
    value = os.urandom(300_000)
    with client(f"{server.url}/3") as one:
        assert one.ask(b"GET", KEY) == resp.NIL
        assert one.ask(b"EXISTS", KEY) == b":0\r\n"
        assert one.ask(b"SET", KEY, value) == b"+OK\r\n"
        assert one.ask(b"get", KEY) == b"$300000\r\n" + value + b"\r\n"
        assert server.store == {(3, KEY): value}
        assert one.ask(b"DEL", KEY) == b":1\r\n"
    assert server.store == {}
    assert server.names()[:2] == [b"AUTH", b"SELECT"]  # once: the connection is kept
    assert server.names().count(b"AUTH") == 1


def test_a_server_behind_a_socket(tmp_path: Path) -> None:
    with tinyredis.running(tmp_path / "redis") as server, client(server.url) as one:
        assert one.ask(b"SET", KEY, b"value") == b"+OK\r\n"
        assert server.asked == [(b"SET", KEY, b"value")]


def test_it_is_counted(server: Server) -> None:
    made = fleetcache.Fleet(fleet.parsed(server.url), lambda _: None)
    for number in range(2):
        with made.door(writes=True) as door:
            (folder,) = door.volumes
            one = Client(Path(folder) / fleetcache.SOCKET)
            one.ask(b"GET", KEY)
            one.ask(b"SET", KEY, b"%d" % number)
    where = f"redis://127.0.0.1:{server.server_address[1]}"
    assert made.summary() == f"fleet cache {where}: 1 of 2 files were there, 2 handed in"


@pytest.mark.parametrize("words", [(b"SET", KEY, b"evil"), (b"set", KEY, b"evil"), (b"DEL", KEY)])
def test_a_strangers_build_only_reads(server: Server, words: tuple[bytes, ...]) -> None:
    server.store[0, KEY] = b"good"
    with client(server.url, writes=False) as one:
        assert one.ask(b"GET", KEY) == b"$4\r\ngood\r\n"
        assert one.ask(*words) == b"-ERR refused: this build may only read\r\n"
        assert one.ask(b"GET", KEY) == b""  # its connection is ended
    assert server.store == {(0, KEY): b"good"}
    assert server.names() == [b"AUTH", b"GET"]


def test_a_refused_value_is_not_even_read(server: Server) -> None:
    with client(server.url, writes=False) as one:
        one.socket.sendall(b"*3\r\n$3\r\nSET\r\n")
        assert one.socket.recv(100) == b"-ERR refused: this build may only read\r\n"
    assert server.asked == []


@pytest.mark.parametrize("raw", [
    resp.written(b"FLUSHALL"), resp.written(b"CONFIG", b"GET", b"requirepass"), resp.written(b"AUTH", b"x"),
    resp.written(b"SELECT", b"1"), resp.written(b"EVAL", b"return 1", b"0"), resp.written(b"KEYS", b"*"),
    resp.written(b"GET", b"session:1"), resp.written(b"GET", b"ccache:" + b"A" * 40), resp.written(b"GET", KEY, b"x"),
    resp.written(b"GET", b"ccache:*"), resp.written(b"SET", KEY, b"x", b"EX"), resp.written(b"SET", KEY),
    resp.written(b"GET", KEY + b"\r\nFLUSHALL"), b"GET " + KEY + b"\r\n", b"*1\r\n$-1\r\n", b"*-1\r\n", b"* 2\r\n\r\n",
    b"*2\r\n$3\r\nGETX\r\n", b"*3\r\n$3\r\nSET\r\n$47\r\n" + KEY + b"\r\n$33554433\r\n", b"\0" * 200_000,
    b"*3\r\n$3\r\nSET\r\n$47\r\n" + KEY + b"\r\n$1\r\nxyz",
])  # fmt: skip
def test_nothing_else_goes_through(server: Server, raw: bytes) -> None:
    assert len(KEY) == 47
    with client(server.url) as one:
        assert one.raw(raw).startswith(b"-ERR refused: ")
    assert server.asked == []


def test_one_connection_sends_so_many_commands(server: Server) -> None:
    with client(server.url) as one:
        answers = [one.ask(b"EXISTS", KEY) for _ in range(forwarding.COMMANDS + 1)]
    assert answers == [b":0\r\n"] * forwarding.COMMANDS + [b""]


def test_one_build_sends_so_many_commands(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "ALL_COMMANDS", 2)
    with client(server.url) as one:
        assert [one.ask(b"EXISTS", KEY)[:1] for _ in range(3)] == [b":", b":", b"-"]


def test_so_many_clients_at_a_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleetcache, "CLIENTS", 1)
    with client(server.url) as one:
        assert one.ask(b"EXISTS", KEY) == b":0\r\n"
        more = Client(Path(one.socket.getpeername()))
        assert more.ask(b"EXISTS", KEY) == b""
        assert one.ask(b"EXISTS", KEY) == b":0\r\n"


def test_a_client_that_stalls_holds_nobody_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "AT_ONCE", 1)
    monkeypatch.setattr(forwarding, "CLIENT_SECONDS", 0.2)
    with client(server.url) as one:
        one.socket.sendall(b"*3\r\n$3\r\nSET\r\n$47\r\n" + KEY + b"\r\n$9\r\nhalf")
        assert Client(Path(one.socket.getpeername())).ask(b"EXISTS", KEY) == b":0\r\n"
        assert one.socket.recv(100) == b""
    assert server.store == {}


def test_many_at_once(server: Server) -> None:
    with client(server.url) as one:
        path = Path(one.socket.getpeername())
        found: list[bytes] = []

        def compile_one(number: int) -> None:
            mine, key = Client(path), b"ccache:%040d" % number
            mine.ask(b"SET", key, b"%d" % number * 50_000)
            found.append(mine.ask(b"GET", key)[9:])

        threads = [threading.Thread(target=compile_one, args=(number,)) for number in range(10, 40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == [b"%d" % number * 50_000 + b"\r\n" for number in range(10, 40)]
    assert server.names().count(b"AUTH") <= forwarding.AT_ONCE
