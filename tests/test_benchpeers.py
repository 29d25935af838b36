"""tuxmake and make by hand in real containers, on a tree that builds in no time."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from docker.errors import NotFound

from pipeline import benchpeers, images, source, virtme
from pipeline.benchpeers import Floor, Piece
from pipeline.errors import HostError
from pipeline.model import DirectorySource, Variant
from tests import tinykernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.values import Tree

pytestmark = pytest.mark.docker


@pytest.fixture
def tiny(tmp_path: Path, engine: Engine, toolchain: str, trees: str) -> Tree:
    """A tree that tuxmake takes for a kernel's, in the store."""
    del trees
    variant = Variant(name="v", source=DirectorySource(name="s", path=tinykernel.write(tmp_path / "tiny")))
    return source.tree(engine, variant, toolchain, tmp_path / "cache", fresh=False, say=lambda _: None)


@pytest.fixture
def image(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The image with tuxmake, and a compiler cache of the test's own."""
    name = f"hvmatrix-test-{secrets.token_hex(6)}"
    monkeypatch.setattr(benchpeers, "VOLUME", name)
    engine.ensure_volume(name)
    yield images.bench(engine, lambda _: None)
    with suppress(NotFound):
        engine.client.volumes.get(name).remove(force=True)


def cached(engine: Engine, image: str) -> str:
    """The results that tuxmake's compiler cache has."""
    with engine.container(image, volumes={benchpeers.VOLUME: {"bind": "/ccache", "mode": "ro"}}) as box:
        return box.run(["sh", "-c", "cd /ccache/done && find . -type f -name '*R' | sort"]).stdout


def test_tuxmake_builds_and_only_what_is_finished_is_cached(engine: Engine, image: str, tiny: Tree) -> None:
    piece = Piece(cell="v/m", key="k", tree=tiny, patches=(), config="CONFIG_MODULES=y\n")
    cold = benchpeers.tuxmake(engine, image, piece, 1, "one")
    assert cold.inside is not None
    assert cold.core is not None
    assert 0 < cold.inside < 60
    assert 0 < cold.core < cold.wall
    kept = cached(engine, image)
    assert len(kept.split()) == 1
    with pytest.raises(HostError, match=r"tuxmake, v/x: exit 2"):
        benchpeers.tuxmake(engine, image, replace(piece, cell="v/x", config="CONFIG_BROKEN=y\n"), 0, "two")
    assert cached(engine, image) == kept
    with engine.container(image, volumes={benchpeers.VOLUME: {"bind": "/ccache", "mode": "rw"}}) as box:
        assert box.run(["bench-tuxmake", "prepare", "one"]).exit_status == 0  # it was killed before it was written down
        assert box.run(["sh", "-c", "find /ccache/now -type f -name '*R'"]).stdout == ""
        assert box.run(["bench-tuxmake", "keep", "one"]).exit_status == 0
        assert box.run(["bench-tuxmake", "prepare", "two"]).exit_status == 0
        killed = "cd /ccache && touch now/two && rm -rf old && mv done old"  # in the middle of `keep two`
        assert box.run(["sh", "-c", killed]).exit_status == 0
        assert box.run(["bench-tuxmake", "prepare", "two"]).exit_status == 0
        assert box.run(["sh", "-c", "cd /ccache && ls -d now/* done/* old"]).stdout.split() == ["done/last", "now/last"]
    benchpeers.forget_tuxmake(engine, image)
    assert cached(engine, image) == ""


def test_by_hand_patches_come_and_go_in_one_tree(engine: Engine, image: str, tiny: Tree) -> None:
    def piece(word: str = "", config: str = "CONFIG_MODULES=y\n") -> Piece:
        tree = replace(tiny, digest=f"patched:{word}", plain=tiny) if word else tiny
        patches = (tinykernel.PATCH.format(word).encode(),) if word else ()
        return Piece(cell=f"v/{word}", key=word, tree=tree, patches=patches, config=config)

    def built(floor: Floor) -> list[str]:
        (box,) = floor._boxes.values()
        return box.run(["cat", "/bench/build/built"]).stdout.replace("CONFIG_MODULES=y modules", "m").splitlines()

    with ExitStack() as stack:
        floor = Floor(engine, image, stack, 1)
        for one, before in ((piece(), None), (piece("a"), piece()), (piece("b"), piece("a")), (piece("b"), piece("b"))):
            assert floor.build(one, before).wall > 0
        floor.build(piece(config="CONFIG_X=y\n"), piece("b"))
        assert built(floor) == ["int plain; m", "int a; m", "int b; m", "int b; m", "int plain; CONFIG_X=y "]
        with pytest.raises(HostError, match="make by hand, v/"):
            floor.build(piece(config="CONFIG_BROKEN=y\n"), None)
    with ExitStack() as stack:
        again = Floor(engine, image, stack, 1)
        again.build(piece("b"), piece("a"))
        assert built(again) == ["int a; m", "int b; m"]


@pytest.mark.parametrize(("lines", "told"), [
    (["depmod: WARNING: no file", "[ 1.2] VFS: Cannot open root device", "[ 1.3] Kernel panic - not syncing", "end"],
     "[ 1.3] Kernel panic - not syncing"),
    (["virtme-ng-init: no 9p", "depmod: WARNING: no file"], "virtme-ng-init: no 9p"),
    (["one", "two"], "two"),
    ([], virtme.UNKNOWN),
])  # fmt: skip
def test_why_virtme_ng_does_not_boot_a_kernel(lines: list[str], told: str) -> None:
    assert virtme.why(lines) == told
