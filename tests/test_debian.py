"""What comes from a Debian suite: the .config of a flavour, and what is told when there is no such one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline import debian, kconfig
from pipeline.errors import UserError
from pipeline.model import DebianConfig, DebianSource

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.engine import Engine

ASKED = DebianConfig(suite="trixie", package="linux-config-6.12", flavour="amd64_none_cloud-amd64")


@pytest.mark.docker
def test_the_config_of_a_flavour(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    said: list[str] = []
    nothing = DebianConfig(suite=ASKED.suite, package=ASKED.package, flavour="nothing")
    with pytest.raises(UserError, match=r"no flavour nothing in linux-config-6\.12 6\.12") as caught:
        debian.config(engine, nothing, toolchain, tmp_path, fresh=False, say=said.append)
    assert "amd64_none_cloud-amd64" in caught.value.details
    data, origin = debian.config(engine, ASKED, toolchain, tmp_path, fresh=False, say=said.append)
    assert kconfig.parse(data, origin)["HYPERV"].value in {"m", "y"}
    assert origin.startswith("linux-config-6.12 6.12.")
    assert origin.endswith(" amd64_none_cloud-amd64 (trixie)")
    no_engine: Any = None
    said.clear()
    assert debian.config(no_engine, ASKED, toolchain, tmp_path, fresh=False, say=said.append) == (data, origin)
    assert debian.known_config(ASKED, tmp_path) == (data, origin)
    assert said == []


@pytest.mark.docker
def test_a_package_that_is_not_there(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    asked = DebianConfig(suite="trixie", package="linux-config-9.*", flavour="amd64_none_amd64")
    with pytest.raises(UserError, match=r"no package linux-config-9\.\* in trixie") as caught:
        debian.config(engine, asked, toolchain, tmp_path, fresh=False, say=lambda _: None)
    assert "linux-config-6.12" in caught.value.details


def test_what_is_remembered_hangs_on_all_that_was_asked(tmp_path: Path) -> None:
    first = DebianSource(name="a", suite="trixie", package="linux-source-*")
    others = [
        DebianSource(name="a", suite="trixie-backports", package="linux-source-*"),
        DebianSource(name="a", suite="trixie", package="linux-source-6.12"),
        DebianSource(name="a", suite="trixie", package="linux-source-*", requires=("HYPERV_VMBUS",)),
    ]
    assert debian.memo_of(first, tmp_path) not in {debian.memo_of(one, tmp_path) for one in others}


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_damaged_note_is_as_none(tmp_path: Path, text: str) -> None:
    memo = debian._config_memo(ASKED, tmp_path)
    memo.parent.mkdir(parents=True)
    memo.write_text(text)
    assert debian.known_config(ASKED, tmp_path) is None
