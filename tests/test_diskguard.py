from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import diskguard, host
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
            greedy.put("/build", b"")
        quiet.alive()
        others[0].join()
    assert found["quiet"] == "0"
    assert "the disk of the engine ran full" in found["greedy"]


def test_who_leaves_enough_is_not_ended(engine: Engine, toolchain: str, root: Path) -> None:
    with diskguard.watched(engine, MIB, root), engine.container(toolchain) as box:
        assert said(box, ["sh", "-c", "head -c 64M /dev/zero > /build/some; sleep 3"]) == "0"


def test_an_engine_elsewhere_is_not_watched(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    with diskguard.watched(engine, host.disk_bytes(tmp_path), tmp_path / "none"), engine.container(toolchain) as box:
        assert said(box, ["sleep", "3"]) == "0"
