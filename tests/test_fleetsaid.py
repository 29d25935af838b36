"""What the commands say of a fleet's cache: where it is and whether it answers, never who we are to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import daemon, doctor, fleet, planning
from tests import fakematrix, tinyredis
from tests.fleetdoor import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tinyredis import Server

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def server() -> Iterator[Server]:
    with tinyredis.running(password=SECRET) as made:
        yield made


def diagnosed(url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Doctor's status and its lines on the cache; the engine is not asked."""
    status = doctor.show({fleet.VARIABLE: url, "HVMATRIX_CACHE": str(folder)})
    printed = "".join(capsys.readouterr())
    assert SECRET not in printed
    return status, [line for line in printed.splitlines() if "fleet cache" in line]


@pytest.fixture(autouse=True)
def engineless(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: object) -> None:
        return None

    monkeypatch.setattr(daemon, "find", none)


def test_doctor(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = diagnosed("", tmp_path, capsys)
    assert lines == []
    where = f"redis://127.0.0.1:{server.server_address[1]}"
    assert diagnosed(server.url, tmp_path, capsys) == (status, [f"ok  fleet cache  {where} answers"])
    wrong = server.url.replace(SECRET, f"{SECRET}x")
    why = "it refuses the user or password; builds go on without it"
    assert diagnosed(wrong, tmp_path, capsys) == (status, [f"--  fleet cache  {where} cannot be used: {why}"])


def test_plan_says_where_it_is_and_asks_nothing(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    fakematrix.write(tmp_path, tmp_path)
    for remote in (fleet.parsed(server.url), None):
        planning.show(fakematrix.options(tmp_path, remote=remote))
        printed = "".join(capsys.readouterr())
        assert (f"fleet cache {remote}: all may read" in printed) is bool(remote)
        assert ("fleet cache" in printed) is bool(remote)
        assert SECRET not in printed
    assert server.asked == []


@pytest.mark.parametrize("words", [["plan"], ["matrix"], ["doctor"], ["build", "*"], ["bench", "plan"]])
def test_a_bad_address_ends_with_2_before_anything(words: list[str], tmp_path: Path) -> None:
    own = {fleet.VARIABLE: f"redis://me:{SECRET}@", "HVMATRIX_CACHE": str(tmp_path / "c")}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *words], cwd=ROOT, env=own | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"inv: {fleet.VARIABLE}: not the address of a cache: it has no host\nnext: ")
    assert SECRET not in done.stdout + done.stderr
    assert not (tmp_path / "c").exists()
