from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import diskguard, enginedisk, host
from pipeline.errors import HostError
from pipeline.items import MIB

if TYPE_CHECKING:
    from pipeline.container import Container
    from pipeline.engine import Engine

pytestmark = pytest.mark.docker
ENDLESS = ["sh", "-c", "while :; do head -c 16M /dev/zero >> /build/endless; sleep 0.1; done"]


@pytest.fixture
def root(engine: Engine) -> Path:
    return Path(engine.root())


def said(box: Container, argv: list[str]) -> str:
    try:
        return str(box.run(argv, seconds=60).exit_status)
    except HostError as error:
        return error.brief


def test_what_writes_without_end_is_ended_and_nothing_else(engine: Engine, toolchain: str, root: Path) -> None:
    found: dict[str, str] = {}
    with (
        diskguard.watched(engine, host.free_bytes(root) - 256 * MIB, root),
        engine.container(toolchain) as quiet, engine.container(toolchain) as greedy,
    ):  # fmt: skip
        others = [
            threading.Thread(target=lambda: found.update(quiet=said(quiet, ["sleep", "20"]))),
            threading.Thread(target=lambda: found.update(greedy=said(greedy, ENDLESS))),
        ]
        for one in others:
            one.start()
        others[1].join()
        with pytest.raises(HostError, match="ran full"):
            greedy.run(["true"])
        quiet.alive()
        others[0].join()
    assert found["quiet"] == "0"
    assert "the disk of the engine ran full" in found["greedy"]


def test_what_writes_into_a_volume_is_told_from_what_has_written_more_before(
    engine: Engine, toolchain: str, root: Path,
) -> None:  # fmt: skip
    name = "hvmatrix-test-diskguard"
    engine.ensure_volume(name)
    found: dict[str, str] = {}
    endless = [*ENDLESS[:2], ENDLESS[2].replace("/build", "/ccache")]
    try:
        with (
            engine.container(toolchain) as quiet,
            engine.container(toolchain, volumes={name: {"bind": "/ccache", "mode": "rw"}}) as greedy,
        ):  # fmt: skip
            assert said(quiet, ["sh", "-c", "head -c 400M /dev/zero > /build/much"]) == "0"
            with diskguard.watched(engine, host.free_bytes(root) - 256 * MIB, root):
                other = threading.Thread(target=lambda: found.update(quiet=said(quiet, ["sleep", "25"])))
                other.start()
                assert "ran full" in said(greedy, endless)
                other.join()
    finally:
        assert enginedisk.remove_volume(engine, name)
    assert found["quiet"] == "0"


def test_who_leaves_enough_is_not_ended(engine: Engine, toolchain: str, root: Path) -> None:
    with diskguard.watched(engine, MIB, root), engine.container(toolchain) as box:
        assert said(box, ["sh", "-c", "head -c 64M /dev/zero > /build/some; sleep 3"]) == "0"


def test_an_engine_elsewhere_is_not_watched(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    with diskguard.watched(engine, host.disk_bytes(tmp_path), tmp_path / "none"), engine.container(toolchain) as box:
        assert said(box, ["sleep", "3"]) == "0"
