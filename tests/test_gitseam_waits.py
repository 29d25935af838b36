"""Waiting for git: never for a fetch of something else, and never after an interrupt."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from pipeline import gitseam
from pipeline.errors import HostError
from pipeline.model import GitSource
from tests.hostile import within
from tests.repositories import asked, git, mirror

if TYPE_CHECKING:
    from pathlib import Path


def test_who_wants_a_commit_that_is_there_waits_for_no_other_fetch(tmp_path: Path, origin: Path) -> None:
    older = git(origin, "rev-parse", "older/one")
    asked(tmp_path, f"file://{origin}", older)
    with mirror(tmp_path).with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with within(5):
            assert asked(tmp_path, f"file://{origin}", older).sha == older


def test_who_waits_for_a_fetch_can_be_interrupted(tmp_path: Path, origin: Path) -> None:
    asked(tmp_path, f"file://{origin}", "main")
    source = GitSource(name="s", url=f"file://{origin}", ref="main")

    def going() -> None:
        raise HostError("interrupted")

    with mirror(tmp_path).with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with within(5), pytest.raises(HostError, match="interrupted"):
            gitseam.commit(source, tmp_path / "mirrors", fresh=False, going=going)


def test_a_fetch_can_be_interrupted(tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "git"
    slows = 'case "$*" in *" fetch --quiet "*) exec sleep 60;; esac'
    slow.write_text(f'#!/bin/sh\n{slows}\nPATH=${{PATH#*:}} exec git "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    calls: list[int] = []

    def going() -> None:
        calls.append(1)
        if len(calls) > 2:  # the lock, and the first look at the fetch
            raise HostError("interrupted")

    source = GitSource(name="s", url=f"file://{origin}", ref="main")
    with within(10), pytest.raises(HostError, match="interrupted"):
        gitseam.commit(source, tmp_path / "m", fresh=False, going=going)
