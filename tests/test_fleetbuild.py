"""The real ccache in the toolchain's container, the fleet's cache at the other end of its socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import ccache, fleet, fleetcache
from pipeline.values import Tree
from tests import tinyredis
from tests.fleetdoor import KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.container import Completed
    from pipeline.engine import Engine
    from tests.tinyredis import Server

pytestmark = pytest.mark.docker
DEBIAN = Tree(variant="v", image="i", digest="deb:1", origin="")
STRANGER = Tree(variant="v", image="i", digest="dir:1", origin="", owner="/home/me/linux")
COMPILE = "echo 'int one(void) { return 1; }' > a.c && ccache gcc -c a.c && cat log && ccache --print-stats"
RAW = """
import socket, sys
one = socket.socket(socket.AF_UNIX)
one.connect("/fleet/socket")
words = sys.argv[1:]
one.sendall(b"*%d\\r\\n" % len(words) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(word), word.encode()) for word in words))
print(one.recv(1000))
"""

GOOD = b"$4\r\ngood\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with tinyredis.running(password=SECRET) as made:
        yield made


class Builder:
    """Runs commands as builds of a tree do, each in a new container with empty caches of its own."""

    def __init__(self, engine: Engine, image: str, url: str) -> None:
        self.engine, self.image, self.said = engine, image, list[str]()
        self.fleet = fleetcache.Fleet(fleet.parsed(url), self.said.append)

    def run(self, tree: Tree, *argv: str, writes: bool) -> Completed:
        with (
            self.fleet.door(writes=writes) as door,
            self.engine.container(self.image, volumes=door.volumes) as box,
        ):
            environment = ccache.environment(tree, door.storage) | {"CCACHE_LOGFILE": "/build/log"}
            return box.run(argv, environment=environment, folder="/build")

    def compile(self, tree: Tree, *, writes: bool) -> str:
        done = self.run(tree, "sh", "-c", COMPILE, writes=writes)
        assert done.exit_status == 0, done.log
        return done.stdout


@pytest.fixture
def builder(engine: Engine, toolchain: str, server: Server) -> Builder:
    return Builder(engine, toolchain, server.url)


def hit(log: str) -> bool:
    """Whether ccache took the object from a cache."""
    return "\ndirect_cache_hit\t0\n" in log and "\npreprocessed_cache_hit\t1\n" in log


def test_what_one_build_hands_in_the_next_one_finds(builder: Builder, server: Server) -> None:
    first = builder.compile(DEBIAN, writes=True)
    assert not hit(first)
    assert len(server.store) == 1
    second = builder.compile(DEBIAN, writes=True)
    assert hit(second)
    third = builder.compile(STRANGER, writes=False)
    assert hit(third)
    assert "1 handed in" in builder.fleet.summary()
    assert builder.said == []
    assert SECRET not in first + second + third


def test_a_strangers_build_hands_nothing_in(builder: Builder, server: Server) -> None:
    assert not hit(builder.compile(STRANGER, writes=False))
    assert not hit(builder.compile(STRANGER, writes=False))
    assert server.store == {}
    assert b"GET" in server.names()
    assert not {b"SET", b"DEL"} & set(server.names())


@pytest.mark.parametrize("words", [("SET", KEY.decode(), "evil"), ("DEL", KEY.decode()), ("FLUSHALL",)])
def test_nor_by_the_raw_socket(builder: Builder, server: Server, words: tuple[str, ...]) -> None:
    server.store[0, KEY] = b"good"
    read = builder.run(STRANGER, "python3", "-c", RAW, "GET", KEY.decode(), writes=False)
    assert read.stdout == f"{GOOD!r}\n"
    assert "refused" in builder.run(STRANGER, "python3", "-c", RAW, *words, writes=False).stdout
    assert server.store == {(0, KEY): b"good"}


def test_nothing_secret_is_in_the_container(builder: Builder) -> None:
    done = builder.run(DEBIAN, "sh", "-c", "env; cat /proc/mounts; ls -la /fleet; cat /proc/*/cmdline", writes=True)
    assert "redis+unix:/fleet/socket" in done.stdout
    assert SECRET not in done.log


def test_no_server_and_it_compiles_all_the_same(engine: Engine, toolchain: str) -> None:
    builder = Builder(engine, toolchain, "redis://127.0.0.1:1")
    assert not hit(builder.compile(DEBIAN, writes=True))
    assert len(builder.said) == 1
    assert "builds go on without it" in builder.said[0]


def test_the_server_goes_in_the_middle(engine: Engine, toolchain: str) -> None:
    with tinyredis.running() as server:
        builder = Builder(engine, toolchain, server.url)
        with builder.fleet.door(writes=True) as door, engine.container(toolchain, volumes=door.volumes) as box:
            environment = ccache.environment(DEBIAN, door.storage) | {"CCACHE_LOGFILE": "/build/log"}
            for name in ("a", "b"):
                script = COMPILE.replace("a.c", f"{name}.c").replace("one", name)
                done = box.run(["sh", "-c", script], environment=environment, folder="/build")
                assert done.exit_status == 0, done.log
                server.shutdown()
                server.server_close()
                server.hang_up()
    assert len(server.store) == 1
    assert len(builder.said) == 1


def test_a_wrong_password_and_it_compiles_all_the_same(engine: Engine, toolchain: str, server: Server) -> None:
    builder = Builder(engine, toolchain, server.url.replace(SECRET, "other"))
    assert not hit(builder.compile(DEBIAN, writes=True))
    assert "it refuses the user or password" in builder.said[0]
    assert server.store == {}


def test_damaged_files_of_the_fleet_are_compiled_anew(builder: Builder, server: Server) -> None:
    builder.compile(DEBIAN, writes=True)
    for key, value in server.store.items():
        server.store[key] = value[:-10] + bytes(10)
    assert not hit(builder.compile(DEBIAN, writes=True))
