"""What tests share: the engine, and a cache of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker.errors import NotFound
from hypothesis import settings

from pipeline import archive, bootstrap, daemon, fleet, images, localtree, treestore
from pipeline.container import Limits
from pipeline.engine import Engine
from pipeline.errors import HostError
from pipeline.model import DirectorySource
from tests import repositories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.values import Tree
    from tests.localtrees import Take

HERE = Path(__file__).resolve().parent
TERMINAL = ("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
MODULES_LIMIT = 1024 * 2**20


def pytest_configure() -> None:
    """Tests begin as at a terminal, and without a fleet's cache.

    Under nohup, or behind a shell's &, signals are ignored, and what a test starts would ignore them too.
    """
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    for name in (fleet.VARIABLE, *TERMINAL):  # a test's files are nothing for a fleet, and it has no terminal
        os.environ.pop(name, None)
    settings.register_profile("suite", deadline=None, derandomize=True)  # the same examples on every machine
    settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs an engine is run after what does not, and what takes minutes last."""
    items.sort(key=lambda item: ("boot" in item.keywords, "docker" in item.keywords))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine that `./inv test` found or started; its absence is a failure and no skip."""
    url = daemon.find(os.environ)
    if url is None:
        raise HostError("no container engine answers: run the tests with ./inv test")
    os.environ["DOCKER_HOST"] = url
    made = Engine()
    yield made
    made.remove_live()


@pytest.fixture(scope="session")
def debian(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's own cloud kernel with its config and modules, which nobody here built."""
    folder = tmp_path_factory.mktemp("debian")
    with engine.container(images.host(engine, bootstrap.say), limits=Limits(seconds=300), started=False) as box:
        archive.save(box.get("/opt/kernel/boot", MODULES_LIMIT), folder / "boot")
        archive.save(box.get("/opt/kernel/usr/lib/modules", MODULES_LIMIT), folder / "modules")
    return folder


@pytest.fixture(scope="session")
def toolchain(engine: Engine) -> str:
    """The gcc toolchain's image."""
    return images.toolchain(engine, "gcc", bootstrap.say)


@pytest.fixture
def trees(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A tree store of the test's own, which is gone afterwards."""
    name = f"hvmatrix-test-{secrets.token_hex(6)}"
    monkeypatch.setattr(treestore, "VOLUME", name)
    yield name
    with suppress(NotFound):
        engine.client.volumes.get(name).remove(force=True)


@pytest.fixture
def faketree(tmp_path: Path) -> Path:
    """A copy of the tiny tree, to be spoiled by a test."""
    return Path(shutil.copytree(HERE / "faketree", tmp_path / "tree"))


@pytest.fixture
def take(engine: Engine, toolchain: str, trees: str, tmp_path: Path) -> Take:
    assert trees  # a store of the test's own

    def taken(folder: Path, cache: str = "cache", said: Callable[[str], None] = lambda _: None) -> Tree:
        return localtree.directory(engine, DirectorySource(name="mine", path=folder), toolchain, tmp_path / cache, said)

    return taken


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A small git repository."""
    return repositories.small(tmp_path / "origin")
