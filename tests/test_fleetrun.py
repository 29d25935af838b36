"""Whole builds with the fleet's cache: who hands in, what is said, what is left. The tree builds in no time."""

from __future__ import annotations

import secrets
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import archive, build, ccache, fleet, fleetcache, objecttrees, run, treestore
from pipeline.values import Tree
from tests import fakematrix, tinykernel, tinyredis
from tests.fleetdoor import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.values import Build
    from tests.tinyredis import Server

pytestmark = pytest.mark.docker
PLAIN, EXPANDED = fakematrix.CONFIG, fakematrix.CONFIG + 'CONFIG_EXTRA_FIRMWARE="$(shell id)"\n'


@pytest.fixture(autouse=True)
def own(engine: Engine, trees: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Caches of the test's own, and a place for sockets."""
    del trees
    name = f"hvmatrix-test-{secrets.token_hex(6)}"
    monkeypatch.setattr(ccache, "PREFIX", f"{name}-ccache")
    monkeypatch.setattr(ccache, "SHARED", f"{name}-ccache-debian")
    monkeypatch.setattr(objecttrees, "LABEL", f"org.hvmatrix.{name}")
    monkeypatch.setattr(objecttrees, "NAME", f"{objecttrees.NAME}-{name}")
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    yield
    ccache.forget(engine)
    objecttrees.forget(engine)
    assert list((tmp_path / "t").iterdir()) == []
    assert [one for one in threading.enumerate() if one.name == "fleet cache"] == []


@pytest.fixture
def server() -> Iterator[Server]:
    with tinyredis.running(password=SECRET) as made:
        yield made


class Place:
    """Builds the tiny tree, each time with nothing in the caches of the engine."""

    def __init__(self, engine: Engine, toolchain: str, folder: Path, url: str) -> None:
        self.engine, self.folder, self.said = engine, folder, list[str]()
        self.fleet = fleetcache.Fleet(fleet.parsed(url), self.said.append)
        source = tinykernel.write(folder / "tiny")
        files = {str(path.relative_to(source)): path for path in source.rglob("*") if path.is_file()}
        modes = {name: path.stat().st_mode & 0o777 for name, path in files.items()}
        tree = Tree(variant="v", image=toolchain, digest="deb:test", origin="the tiny tree")
        with treestore.making(engine, toolchain) as (box, target):
            box.put(target, archive.pack({name: path.read_bytes() for name, path in files.items()}, owner=1001))
            for name, mode in modes.items():
                box.run(["chmod", f"{mode:o}", f"{target}/{name}"], user=treestore.OWNER)
            self.tree = treestore.keep(engine, box, target, tree, folder)

    def build(self, tree: Tree, config: str = PLAIN, line: str = "", *, keep: bool = False) -> Build:
        ccache.forget(self.engine)

        def heard(_: str) -> None:
            if line:
                raise KeyboardInterrupt

        kernel = build.kernel(tree, secrets.token_hex(4), config)
        made = build.build(
            self.engine, kernel, self.folder / "cache", self.folder / "failed", jobs=1, line=heard, fleet=self.fleet,
            keep=keep,
        )  # fmt: skip
        assert made.ok, made.reason
        return made


@pytest.fixture
def place(engine: Engine, toolchain: str, tmp_path: Path, server: Server) -> Place:
    return Place(engine, toolchain, tmp_path, server.url)


def test_debians_builds_hand_in_and_all_find(place: Place, server: Server) -> None:
    place.build(place.tree)
    assert place.fleet.summary().endswith("0 of 1 files were there, 1 handed in")
    place.build(place.tree)
    place.build(replace(place.tree, digest="dir:test", owner="/home/me/linux"))
    assert place.fleet.summary().endswith("2 of 3 files were there, 1 handed in")
    assert len(server.store) == 1
    assert place.said == []


@pytest.mark.parametrize(("digest", "config"), [("dir:test", PLAIN), ("patched:test", PLAIN), ("deb:test", EXPANDED)])
def test_who_may_hold_a_strangers_code_hands_nothing_in(
    place: Place, server: Server, digest: str, config: str,
) -> None:  # fmt: skip
    place.build(replace(place.tree, digest=digest), config)
    assert place.fleet.summary().endswith("0 of 1 files were there, 0 handed in")
    assert server.store == {}


@pytest.mark.parametrize(("config", "shared"), [(PLAIN, True), (EXPANDED, False)])
def test_what_a_config_executes_reaches_no_other_build_of_debians_tree(
    place: Place, config: str, *, shared: bool,
) -> None:  # fmt: skip
    made = place.build(place.tree, config, keep=True)
    own = ccache.user(made.kernel)
    assert (ccache.volume(own) == ccache.SHARED) is shared
    assert (objecttrees.of(place.engine, place.folder / "cache", made.kernel.key) is not None) is shared


def test_an_interrupt_leaves_nothing(place: Place) -> None:
    with pytest.raises(KeyboardInterrupt):
        place.build(place.tree, line="stop")


def test_an_engine_that_cannot_see_the_socket(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    said: list[str] = []
    gone = str(tmp_path / "gone")
    door = fleetcache.Door({gone: {"bind": "/fleet", "mode": "ro"}}, "redis+unix:/fleet/socket", said.append)
    with ExitStack() as stack:
        box, storage = build._container(engine, stack, toolchain, {}, door)
        assert box.run(["ls", "/fleet"]).exit_status != 0
        assert storage == ""
    assert len(said) == 1
    assert "cannot be given its socket" in said[0]


def test_a_run_says_what_came_of_it_and_nothing_secret(
    tmp_path: Path, server: Server, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    fakematrix.write(tmp_path, tinykernel.write(tmp_path / "tiny"))
    remote = fleet.parsed(server.url)
    run.run(fakematrix.options(tmp_path, jobs=1, remote=remote))
    printed = "".join(capfd.readouterr())
    assert f"fleet cache {remote}: 0 of 1 files were there, 0 handed in" in printed
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in [printed.encode(), *texts] if SECRET.encode() in text]
