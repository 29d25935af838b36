"""Trees of tarballs and commits: what enters the store, what is refused, and what cannot leave its folder."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import tarfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import imported
from pipeline.errors import HostError, UserError
from pipeline.model import GitSource, TarballSource
from tests import repositories
from tests.storelook import inside, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.values import Tree

    Take = Callable[..., Tree]

KCONFIG = ("linux-1/Kconfig", b"config HYPERV\n")
GOOD = (("linux-1/Makefile", b"all:\n"), KCONFIG)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of these tests is on this machine, whatever proxy the others are behind."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode, made.devmajor, made.devminor = kind, link, mode, 1, 3
    return made


def packed(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for one in members:
            made, data = (one, b"") if isinstance(one, tarfile.TarInfo) else (member(one[0]), one[1])
            made.size = len(data)
            archive.addfile(made, io.BytesIO(data))
    return buffer.getvalue()


def source(path: object, data: bytes) -> TarballSource:
    return TarballSource(name="mine", location=str(path), sha256=hashlib.sha256(data).hexdigest())


class NoEngine:
    """The far end of what is refused before an engine has any work."""

    def volume(self, _: str) -> None:
        return None

    def going(self) -> None:
        """Nobody has interrupted it."""


def refused(wanted: TarballSource, cache: Path) -> UserError:
    engine: Any = NoEngine()
    with pytest.raises(UserError) as caught:
        imported.tarball(engine, wanted, "toolchain", cache, lambda _: None)
    return caught.value


@contextmanager
def served(files: dict[str, bytes]) -> Iterator[str]:
    """The address of a server that has these files."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_tarball_with_another_digest_is_refused(tmp_path: Path) -> None:
    data = packed(*GOOD)
    (tmp_path / "linux.tar").write_bytes(data)
    meant = source(tmp_path / "linux.tar", b"something else")
    error = refused(meant, tmp_path)
    assert error.brief == f"sources: mine: {tmp_path}/linux.tar is not the file that was meant"
    assert error.details == f"its sha256 is {hashlib.sha256(data).hexdigest()}, not {meant.sha256}"
    assert error.hint


def test_a_download_with_another_digest_is_refused(tmp_path: Path) -> None:
    with served({"/linux.tar": b"<html>"}) as address:
        error = refused(source(f"{address}/linux.tar", packed(*GOOD)), tmp_path)
    assert hashlib.sha256(b"<html>").hexdigest() in error.details
    assert source("", packed(*GOOD)).sha256 in error.details


@pytest.mark.parametrize("location", ["{}/gone.tar", "{}", "file:///etc/passwd", "ftp://127.0.0.1/linux.tar"])
def test_a_file_that_cannot_be_read(tmp_path: Path, location: str) -> None:
    error = refused(source(location.format(tmp_path), b""), tmp_path)
    assert error.brief == f"sources: mine: cannot read {location.format(tmp_path)}"


def test_a_download_that_does_not_come_is_no_fault_of_the_users(tmp_path: Path) -> None:
    engine: Any = NoEngine()
    with served({}) as address, pytest.raises(HostError, match="cannot read") as caught:
        imported.tarball(engine, source(f"{address}/linux.tar", b""), "t", tmp_path, lambda _: None)
    assert "404" in caught.value.details
    with pytest.raises(HostError):
        imported.tarball(engine, source("http://127.0.0.1:1/linux.tar", b""), "t", tmp_path, lambda _: None)


def test_a_file_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imported, "DOWNLOAD_LIMIT", 100)
    (tmp_path / "linux.tar").write_bytes(b"0" * 101)
    assert "is larger than 100 bytes" in refused(source(tmp_path / "linux.tar", b""), tmp_path).brief


@pytest.fixture
def take(engine: Engine, toolchain: str, trees: str, tmp_path: Path) -> Take:
    assert trees  # a store of the test's own

    def taken(data: bytes, name: str = "linux-1.tar", said: Callable[[str], None] = lambda _: None) -> Tree:
        (tmp_path / name).write_bytes(data)
        return imported.tarball(engine, source(tmp_path / name, data), toolchain, tmp_path / "cache", said)

    return taken


@pytest.mark.docker
def test_a_tarball_enters_without_its_folder(engine: Engine, take: Take) -> None:
    links = (member("linux-1/run", mode=0o700), member("linux-1/link", tarfile.SYMTYPE, "run", 0o777),
             member("linux-1/also", tarfile.LNKTYPE, "linux-1/Makefile"))  # fmt: skip
    said: list[str] = []
    data = gzip.compress(packed(*GOOD, *links))
    tree = take(data, "linux-1.tar.gz", said.append)
    script = "ls; cat Kconfig also; readlink link; stat -c %u:%a Kconfig run"
    assert inside(engine, tree, script).split("\n")[:-1] == [
        "Kconfig", "Makefile", "also", "link", "run", "config HYPERV", "all:", "run", "1001:644", "1001:755",
    ]  # fmt: skip
    assert tree.origin == f"linux-1.tar.gz (tarball, sha256 {hashlib.sha256(data).hexdigest()[:12]})"
    assert said
    said.clear()
    again = take(data, "renamed.tar.gz", said.append)
    assert (again.mount, again.digest, said) == (tree.mount, tree.digest, [])
    assert again.origin.startswith("renamed.tar.gz (")


HOSTILE: dict[str, list[tuple[str, bytes] | tarfile.TarInfo]] = {
    "above": [("linux-1/../../planted", b"x")],
    "far above": [("linux-1/" + "../" * 20 + "trees/planted", b"x")],
    "absolute": [("/trees/planted", b"x")],
    "through a link": [member("linux-1/out", tarfile.SYMTYPE, "/trees"), ("linux-1/out/planted", b"x")],
    "through a link above": [member("linux-1/out", tarfile.SYMTYPE, "../.."), ("linux-1/out/planted", b"x")],
    "through a folder that becomes one": [
        member("linux-1/out", tarfile.DIRTYPE, mode=0o755), member("linux-1/out", tarfile.SYMTYPE, "/trees"),
        ("linux-1/out/planted", b"x"),
    ],
    "a hard link": [member("linux-1/passwd", tarfile.LNKTYPE, "/etc/passwd")],
    "a hard link above": [member("linux-1/passwd", tarfile.LNKTYPE, "linux-1/../../../etc/passwd")],
    "a device": [member("linux-1/null", tarfile.CHRTYPE), member("linux-1/disk", tarfile.BLKTYPE)],
    "a pipe": [member("linux-1/pipe", tarfile.FIFOTYPE)],
    "another's bits": [member("linux-1/run", mode=0o6777)],
}  # fmt: skip


@pytest.mark.docker
@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_hostile_is_refused_or_stays_inside(engine: Engine, toolchain: str, take: Take, what: str) -> None:
    try:
        tree = take(packed(*HOSTILE[what], *GOOD))
    except UserError as error:
        assert "no kernel tree" in error.brief  # noqa: PT017 - either is well
        assert look(engine, toolchain, "ls -A") == ""
        return
    (name,) = look(engine, toolchain, "ls -A").split()
    assert tree.mount.endswith(name)
    assert inside(engine, tree, "find . ! -type f ! -type d ! -type l; find . -perm /6022 ! -type l") == ""
    passwd = inside(engine, tree, "[ ! -e passwd ] || [ ! passwd -ef /etc/passwd ]; ls -A")
    assert "Kconfig" in passwd.split()


@pytest.mark.docker
@pytest.mark.parametrize(
    "data",
    [packed(("linux-1/Makefile", b"all:\n")), packed(("Kconfig", b""), ("Makefile", b"")), b"no tar at all",
     gzip.compress(b"no tar"), packed(*GOOD)[:700], packed(member("linux-1/Kconfig", tarfile.DIRTYPE))],
)  # fmt: skip
def test_what_is_no_kernel_tree_is_refused(engine: Engine, toolchain: str, take: Take, data: bytes) -> None:
    with pytest.raises(UserError, match="no kernel tree") as caught:
        take(data)
    assert "one folder with Makefile and Kconfig" in caught.value.hint
    assert look(engine, toolchain, "ls -A") == ""


@pytest.mark.docker
def test_a_commit_enters_as_it_was_committed(
    engine: Engine, toolchain: str, trees: str, tmp_path: Path,
) -> None:  # fmt: skip
    origin = repositories.small(tmp_path / "origin")
    repositories.commit(origin, "hidden", {".gitattributes": "Makefile export-ignore\n", "run": "#!/bin/sh\n"})

    def take(ref: str, url: str = "") -> Tree:
        wanted = GitSource(name="mine", url=url or str(origin), ref=ref)
        return imported.git(engine, wanted, toolchain, tmp_path / "cache", fresh=False, say=lambda _: None)

    tree = take("main")
    assert inside(engine, tree, "ls -A; stat -c %u:%a Kconfig").split() == [
        ".gitattributes", "Kconfig", "Makefile", "drivers", "run", "1001:644",
    ]  # fmt: skip
    sha = repositories.git(origin, "rev-parse", "main")
    assert tree.origin == f"{origin} main (commit {sha[:12]})"
    repositories.commit(origin, "only words", {})
    other = take("main", f"file://{origin}")
    assert (other.mount, other.digest) == (tree.mount, tree.digest)  # the same tree, by another commit and another way
    assert other.origin.startswith(f"file://{origin} main (commit ")
    assert take("older/one").digest != tree.digest
    repositories.commit(origin, "no kernel", {"Kconfig": None})
    with pytest.raises(UserError, match="no kernel tree") as caught:
        take("main")
    assert "a commit of a Linux tree" in caught.value.hint
    assert len(look(engine, toolchain, "ls -A").split()) == 2
    assert trees
