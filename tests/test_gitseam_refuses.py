"""Refs, addresses and repositories that are refused, and by whose fault; with real repositories."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from pipeline import gitseam
from pipeline.errors import HostError, UserError
from tests.repositories import asked, git

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = "0123456789" * 4


@pytest.mark.parametrize("ref", ["nowhere", "older", "v2", ABSENT, "main:Kconfig", "refs/heads/*"])
@pytest.mark.parametrize("url", ["{}", "file://{}"])
def test_a_ref_that_is_not_there(tmp_path: Path, origin: Path, url: str, ref: str) -> None:
    with pytest.raises(UserError) as caught:
        asked(tmp_path, url.format(origin), ref)
    assert f"sources: s: {url.format(origin)}: " in caught.value.brief
    assert caught.value.brief.endswith((f"no commit {ref}", f"cannot fetch {ref}"))
    assert "a branch, a tag" in caught.value.hint


@pytest.mark.parametrize("url", ["{}", "file://{}"])
def test_no_ref_is_not_whatever_the_repository_has_checked_out(tmp_path: Path, origin: Path, url: str) -> None:
    with pytest.raises(UserError, match="no commit is named"):
        asked(tmp_path, url.format(origin), "")


@pytest.mark.parametrize("ref", ["--upload-pack=touch planted", "--output=planted", "-h", "--exec=touch planted"])
@pytest.mark.parametrize("url", ["{}", "file://{}", "--upload-pack=touch planted"])
def test_a_ref_or_a_url_is_never_an_option(
    tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch, url: str, ref: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        asked(tmp_path, url.format(origin), ref)
    assert not list(tmp_path.rglob("planted*"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ext::sh -c 'touch {}/planted'", "names a program to fetch with"),
        ("fd::17", "names a program to fetch with"),
        ("::ext", "names a program to fetch with"),
        ("ftp://host/linux.git", "is of none of these kinds"),
        ("foo://host/linux.git", "is of none of these kinds"),
    ],
)
def test_addresses_that_run_programs(tmp_path: Path, url: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        asked(tmp_path, url.format(tmp_path), "main")
    assert why in gitseam.fault(url)
    assert not (tmp_path / "planted").exists()


def test_a_repository_that_sends_elsewhere_is_refused_by_git_itself(
    tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "home").mkdir()
    rule = f'[url "ext::sh -c touch% {tmp_path}/planted "]\n\tinsteadOf = https://mirror/\n'
    (tmp_path / "home" / ".gitconfig").write_text(rule)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    with pytest.raises(UserError) as caught:
        asked(tmp_path, "https://mirror/linux.git", "main")
    assert "transport 'ext' not allowed" in caught.value.details
    assert not (tmp_path / "planted").exists()
    assert origin.is_dir()


@pytest.mark.parametrize("url", ["/srv/linux", "../linux", "linux", "./a:b", "~/linux"])
def test_paths_are_local(url: str) -> None:
    assert gitseam.is_local(url)
    assert gitseam.fault(url) == ""


@pytest.mark.parametrize("url", ["https://h/x", "git@host:linux.git", "host:linux", "file:///srv/linux", "ssh://h/x"])
def test_addresses_are_not_local(url: str) -> None:
    assert not gitseam.is_local(url)
    assert gitseam.fault(url) == ""


@pytest.mark.parametrize("url", ["{}/nowhere", "file://{}/nowhere"])
def test_a_repository_that_is_not_there(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError):
        asked(tmp_path, url.format(tmp_path), "main")


def test_a_host_that_does_not_answer_is_no_fault_of_the_users(tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        asked(tmp_path, "git://127.0.0.1:1/linux.git", "main")
    assert "check the network" in caught.value.hint


def test_a_folder_in_a_repository_is_none(tmp_path: Path, origin: Path) -> None:
    with pytest.raises(UserError):
        asked(tmp_path, origin / "drivers", "main")


def test_a_damaged_repository_is_told(tmp_path: Path, origin: Path) -> None:
    found = asked(tmp_path, origin, "main")
    blob = git(origin, "rev-parse", "main:Kconfig")
    (origin / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(HostError, match="git archive failed") as caught, tempfile.TemporaryFile() as stream:
        gitseam.archive(found, stream)
    assert "git fsck" in caught.value.hint


def test_git_that_is_not_installed(tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="git is not installed"):
        asked(tmp_path, origin, "main")


def test_a_repository_that_lacks_objects_fetches_nothing(tmp_path: Path, origin: Path) -> None:
    """A partial clone fetches what it lacks by itself, with the program that its own settings name."""
    for words in (
        ("core.repositoryformatversion", "1"), ("extensions.partialClone", "origin"),
        ("remote.origin.url", f"file://{origin}"), ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", f"touch {tmp_path}/planted; false"),
    ):  # fmt: skip
        git(origin, "config", *words)
    (origin / ".git" / "refs" / "heads" / "lacking").write_text(f"{ABSENT}\n")
    with pytest.raises(UserError):
        asked(tmp_path, str(origin), "lacking")
    assert not (tmp_path / "planted").exists()


def test_a_signed_commit_is_not_shown_to_a_program(tmp_path: Path, origin: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/planted\n")
    program.chmod(0o755)
    head, _, message = git(origin, "cat-file", "commit", "main").partition("\n\n")
    signed = f"{head}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n{message}"
    (tmp_path / "commit").write_text(signed + "\n")
    sha = git(origin, "hash-object", "-t", "commit", "-w", str(tmp_path / "commit")).strip()
    git(origin, "config", "log.showSignature", "true")
    git(origin, "config", "gpg.program", str(program))
    git(origin, "log", "-1", "--format=%s", sha)
    assert (tmp_path / "planted").exists()  # git alone runs it
    (tmp_path / "planted").unlink()
    assert gitseam.patches(origin, sha)
    assert not (tmp_path / "planted").exists()
