"""What a container is given of the engine's host: volumes by name, folders only if they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.engine import Engine

pytestmark = pytest.mark.docker
ROOT = "0:0"  # a test's folder is its owner's alone


@pytest.mark.parametrize(("mode", "status"), [("ro", 1), ("rw", 0)])
def test_a_folder_of_the_host(engine: Engine, toolchain: str, tmp_path: Path, mode: str, status: int) -> None:
    (tmp_path / "file").write_text("text")
    with engine.container(toolchain, volumes={str(tmp_path): {"bind": "/src", "mode": mode}}) as box:
        assert box.run(["cat", "/src/file"], user=ROOT).stdout == "text"
        assert box.run(["touch", "/src/new"], user=ROOT).exit_status == status


def test_a_folder_that_is_gone_is_our_fault_and_not_an_empty_tree(
    engine: Engine, toolchain: str, tmp_path: Path,
) -> None:  # fmt: skip
    gone = tmp_path / "gone"
    with (
        pytest.raises(HostError, match="failed while"),
        engine.container(toolchain, volumes={str(gone): {"bind": "/src", "mode": "ro"}}),
    ):
        pass
    assert not gone.exists()
