from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import daemon, estimates, host, images, process
from pipeline.errors import HostError, UserError
from tests.users import as_nobody

if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = "unix:///nowhere/docker.sock"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def test_estimates_begin_with_defaults(tmp_path: Path) -> None:
    assert estimates.about(tmp_path, "tree", "v6.12/m") == estimates.DEFAULTS["tree"]


def test_estimates_remember_a_name_and_its_kind(tmp_path: Path) -> None:
    estimates.took(tmp_path, "tree", "v6.12/m", 100.04)
    estimates.took(tmp_path, "tree", "v6.12/y", 50)
    assert estimates.about(tmp_path, "tree", "v6.12/m") == 100.0
    assert estimates.about(tmp_path, "tree", "another") == 50.0
    assert estimates.about(tmp_path, "boot", "v6.12/m") == estimates.DEFAULTS["boot"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', '{"tree": "soon", "tree:x": null}', "7"])
def test_damaged_estimates_are_defaults_and_mend(tmp_path: Path, text: str) -> None:
    (tmp_path / "timings.json").write_text(text)
    assert estimates.about(tmp_path, "tree", "x") == estimates.DEFAULTS["tree"]
    estimates.took(tmp_path, "tree", "x", 3)
    assert estimates.about(tmp_path, "tree", "x") == 3.0


def test_estimates_of_many_threads_are_all_kept(tmp_path: Path) -> None:
    threads = [threading.Thread(target=estimates.took, args=(tmp_path, "boot", str(n), n + 1)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [estimates.about(tmp_path, "boot", str(n)) for n in range(20)] == [n + 1 for n in range(20)]


def test_this_process_is_not_gone() -> None:
    own = process.identity()
    assert not process.gone(own)
    assert process.identity(os.getpid()) == own


def _own(**changes: str) -> str:
    host, space, boot, pid, started = process.identity().split(":")
    fields = {"host": host, "space": space, "boot": boot, "pid": pid, "started": started, **changes}
    return ":".join(fields.values())


@pytest.mark.parametrize("changes", [{"started": "1"}, {"boot": "0"}, {"pid": "4194305"}, {"pid": "no"}, {"pid": "-1"}])
def test_another_pid_time_or_boot_is_another_process(changes: dict[str, str]) -> None:
    assert process.gone(_own(**changes))


ELSEWHERE = [_own(host="other", pid="1"), _own(space="1", pid="4194305")]


@pytest.mark.parametrize("name", ["", "x", "boot:1", "::::", *ELSEWHERE])
def test_what_is_not_of_this_host_is_left_alone(name: str) -> None:
    assert not process.gone(name)


def test_a_process_that_proc_hides_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    init, ended = process.identity(1), _own(pid="4194304")

    def hidden(_: int | None = None) -> str:
        raise FileNotFoundError  # as hidepid=2 has it

    monkeypatch.setattr(process, "identity", hidden)
    with as_nobody():
        assert not process.gone(init)
        assert process.gone(ended)
        assert process.gone(init.replace(init.split(":")[2], "another-boot"))


def test_a_process_is_gone_when_it_has_ended_and_when_it_was_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = process.identity(child.pid)
    assert not process.gone(name)
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    assert process.gone(name)
    child.wait()
    assert process.gone(name)


@pytest.mark.parametrize(("path", "why"), [("/nowhere/kvm", "No such file"), ("/proc", "Is a directory")])
def test_probe_of_no_device(path: str, why: str) -> None:
    found = host.probe(Path(path))
    assert not found.usable
    assert found.reason.startswith(f"{path}: {why}")
    assert found.answers == {}


def test_probe_of_another_device_and_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "kvm").touch()
    for path in (Path("/dev/null"), tmp_path / "kvm"):
        found = host.probe(path)
        assert not found.usable
        assert "KVM_CHECK_EXTENSION: Inappropriate ioctl" in found.reason


def test_what_the_host_has(tmp_path: Path) -> None:
    total, available = host.memory_bytes()
    assert total > available > 0
    assert host.cores() >= 1
    assert host.free_bytes(tmp_path / "not" / "yet") > 0


@pytest.fixture
def containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's containers/, to be changed."""
    folder = Path(shutil.copytree(images.CONTAINERS, tmp_path / "containers"))
    monkeypatch.setattr(images, "CONTAINERS", folder)
    return folder


def test_tags_are_named_by_content_and_not_by_time(containers: Path) -> None:
    before = images.current()
    assert len(before) == 7 + len(images.toolchains())
    os.utime(containers / "host" / "Dockerfile", (1, 1))
    assert images.current() == before


@pytest.mark.parametrize(("name", "kept"), [("base", 1), ("guest", 7), ("host", 7), ("toolchain", 6)])
def test_a_changed_image_changes_its_tag_and_those_above(containers: Path, name: str, kept: int) -> None:
    before = images.current()
    path = next(path for path in sorted((containers / name).iterdir()) if not path.name.endswith("Dockerfile"))
    path.write_text(path.read_text() + "# changed\n")
    assert len(images.current() & before) == kept


def test_a_file_that_may_run_is_another_file(containers: Path) -> None:
    before = images.current()
    path = containers / "guest" / "init"
    path.chmod(path.stat().st_mode ^ 0o100)
    assert len(images.current() - before) == 1


def test_another_toolchain_changes_no_tag(containers: Path) -> None:
    before = images.current()
    (containers / "toolchain" / "clang.Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    assert images.toolchains() == ("clang", "gcc")
    assert before < images.current()
    assert {tag.partition(":")[0] for tag in images.current() - before} == {"localhost/hvmatrix/toolchain-clang"}


def test_a_parent_is_part_of_the_tag() -> None:
    assert images._tag("host", "Dockerfile", "a") != images._tag("host", "Dockerfile", "b")
    assert images.identity("gcc 14", "gcc") != images.identity("gcc 15", "gcc")


def test_a_toolchains_variables_are_part_of_its_identity(containers: Path) -> None:
    """KCFLAGS would change every object, and neither the packages nor a .config."""
    known = containers / "toolchain" / "gcc.Dockerfile"
    (containers / "toolchain" / "gcc-o1.Dockerfile").write_text(known.read_text() + "ENV KCFLAGS=-O1\n")
    assert images.identity("gcc 14", "gcc") != images.identity("gcc 14", "gcc-o1")
    (containers / "toolchain" / "gcc-o2.Dockerfile").write_text(known.read_text() + "env A=1 \\\n  KCFLAGS=-O2\n")
    (containers / "toolchain" / "gcc-o1.Dockerfile").write_text(known.read_text() + "env A=1 \\\n  KCFLAGS=-O1\n")
    assert images.identity("gcc 14", "gcc-o1") != images.identity("gcc 14", "gcc-o2")
    (containers / "toolchain" / "gcc-o1.Dockerfile").write_text(known.read_text() + "# a word\n")
    assert images.identity("gcc 14", "gcc") == images.identity("gcc 14", "gcc-o1")


def test_an_unknown_toolchain_is_refused_before_any_engine_is_asked() -> None:
    with pytest.raises(UserError, match="no toolchain 'tcc'") as caught:
        images.toolchain(None, "tcc", print)  # type: ignore[arg-type]
    assert "gcc" in caught.value.hint


@contextmanager
def listening(path: Path, answer: bytes) -> Iterator[str]:
    """Something that answers once at a unix socket."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"unix://{path}"
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "good"), [(OK, True), (OK.replace(b"200", b"503"), False), (b"SSH-2.0-x\r\n", False), (b"", False)],
)
def test_answers(tmp_path: Path, answer: bytes, good: bool) -> None:
    with listening(tmp_path / "s", answer) as url:
        assert daemon.answers(url) is good


@pytest.mark.parametrize("url", [NOWHERE, "unix:///etc/passwd", "tcp://127.0.0.1:1", "tcp://127.0.0.1:word", "tcp://[::1"])
def test_nothing_answers(url: str) -> None:
    assert not daemon.answers(url)
    with pytest.raises(HostError, match="no engine answers at DOCKER_HOST"):
        daemon.find({"DOCKER_HOST": url})


def test_candidates_end_with_our_own(tmp_path: Path) -> None:
    found = list(daemon.candidates({"XDG_RUNTIME_DIR": "/run/me"}, tmp_path))
    assert found[0] == "unix:///var/run/docker.sock"
    assert {"unix:///run/me/docker.sock", "unix:///run/me/podman/podman.sock"} <= set(found)
    assert found[-1] == f"unix://{daemon.run_folder(tmp_path)}/docker.sock"
    assert daemon.run_folder(tmp_path) != daemon.run_folder(tmp_path / "other")
    assert len(found[-1]) < 100  # a socket's path is at most 107 characters


@pytest.mark.parametrize("text", ["", "word", "0", "-1", "4194305", str(os.getpid())])
def test_a_pid_file_of_something_else_is_nobodys(tmp_path: Path, text: str) -> None:
    (tmp_path / "docker.pid").write_text(text)
    assert daemon.owner_of(tmp_path, tmp_path / "cache") is None
    assert daemon.owner_of(tmp_path / "missing", tmp_path) is None


def test_a_pid_file_of_ours(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "input()", "--data-root", str(tmp_path / "engine")]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE)
    (tmp_path / "docker.pid").write_text(f"{child.pid}\n")
    deadline = time.monotonic() + 10  # a process that was just made has no command line yet
    while daemon.owner_of(tmp_path, tmp_path) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert daemon.owner_of(tmp_path, tmp_path) == child.pid
    assert daemon.owner_of(tmp_path, tmp_path / "other") is None
    child.communicate(b"\n")
    assert daemon.owner_of(tmp_path, tmp_path) is None
