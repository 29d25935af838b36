from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import images, prune
from pipeline.container import PROJECT, Limits
from pipeline.engine import OWNER, Engine
from pipeline.errors import HostError, UserError

pytestmark = pytest.mark.docker
ROOT = Path(__file__).resolve().parent.parent


def ours(engine: Engine) -> set[str]:
    found = engine.client.containers.list(all=True, filters={"label": f"{PROJECT}=container"}, ignore_removed=True)
    return {box.id for box in found if f":{os.getpid()}:" in box.labels[OWNER]}


def test_output_status_and_time_limit(engine: Engine, toolchain: str) -> None:
    with engine.container(toolchain) as box:
        done = box.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
        assert (done.exit_status, done.stdout, done.stderr) == (3, "out\n", "err\n")
        slow = box.run(["sleep", "60"], seconds=1)
        assert slow.exit_status == 124
        assert slow.seconds < 20
    assert not ours(engine)


def test_a_container_is_removed_when_the_block_fails(engine: Engine, toolchain: str) -> None:
    with pytest.raises(ZeroDivisionError), engine.container(toolchain):
        _ = 1 / (len(ours(engine)) - 1)
    assert not ours(engine)


def test_it_is_contained(engine: Engine, toolchain: str) -> None:
    with engine.container(toolchain, limits=Limits(memory=512, processes=64)) as box:
        assert box.run(["ls", "/sys/class/net"]).stdout.split() == ["lo"]
        status = box.run(["cat", "/proc/self/status"]).stdout
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert box.run(["id", "-u"]).stdout.strip() == "1000"
        assert box.run(["touch", "/src/x"]).exit_status
        assert box.run(["touch", "/usr/bin/x"]).exit_status
        bomb = box.run(["sh", "-c", "for i in $(seq 200); do sleep 5 & done; wait"], seconds=30)
        assert bomb.exit_status
        assert "fork" in bomb.stderr


def test_the_memory_limit_is_our_error_with_its_cause(engine: Engine, toolchain: str) -> None:
    eat = "import time\nx = bytearray(400 * 2**20)\ntime.sleep(1)"
    with engine.container(toolchain, limits=Limits(memory=64)) as box, pytest.raises(HostError) as caught:
        box.run(["python3", "-c", eat])
    assert "memory" in caught.value.hint


def test_output_is_bounded(engine: Engine, toolchain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.container.OUTPUT_LIMIT", 10_000)
    with engine.container(toolchain) as box:
        done = box.run(["sh", "-c", "yes flood | head -c 3000000"])
    assert len(done.stdout) < 200_000


def test_what_comes_out_is_bounded(engine: Engine, toolchain: str) -> None:
    with engine.container(toolchain) as box:
        box.run(["sh", "-c", "head -c 2000000 /dev/zero > /work/big"])
        with pytest.raises(HostError, match="larger"):
            box.get("/work/big", 1_000_000)


def test_another_command_may_end_its_containers_while_we_look(engine: Engine, toolchain: str) -> None:
    """What is listed may be gone before it is looked at; the engine then says `No such container`."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            with engine.container(toolchain, started=False):
                pass

    others = [threading.Thread(target=come_and_go) for _ in range(2)]
    for one in others:
        one.start()
    try:
        for _ in range(60):
            engine.reap()
            engine.mounts()
    finally:
        over.set()
        for one in others:
            one.join()


def test_what_a_killed_process_left_is_reaped(engine: Engine, toolchain: str) -> None:
    script = (
        "from pipeline.engine import Engine\n"
        f"with Engine().container({toolchain!r}) as box:\n"
        "    print(box.inner.id, flush=True)\n    box.run(['sleep', '60'])\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    left = child.stdout.readline().strip()
    assert left
    assert engine.reap() == 0  # its process still lives
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert engine.reap() == 1
    assert left not in {box.id for box in engine.client.containers.list(all=True)}


def test_removing_live_containers_ends_who_waits_for_them(toolchain: str) -> None:
    engine = Engine()
    caught: list[HostError] = []

    def wait() -> None:
        try:
            with engine.container(toolchain) as box:
                box.run(["sleep", "60"])
        except HostError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    deadline = time.monotonic() + 20
    while not ours(engine) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    engine.remove_live()
    thread.join(20)
    assert not thread.is_alive()
    assert caught
    with pytest.raises(HostError, match="interrupted"), engine.container(toolchain):
        pass


def test_an_engine_that_is_gone_is_a_host_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/gone.sock")
    with pytest.raises(HostError, match="container engine failed"):
        Engine().version()


def test_an_image_that_does_not_build_says_why(engine: Engine) -> None:
    context = images._context("guest", "Dockerfile", ())
    arguments = {"BASE": "localhost/hvmatrix/no:such"}
    with pytest.raises(HostError) as caught:
        engine.build(context, tag="localhost/hvmatrix/test:none", dockerfile="Dockerfile", arguments=arguments)
    assert "FROM ${BASE}" in caught.value.details


def test_images_record_their_packages(engine: Engine, toolchain: str) -> None:
    facts = images.facts(engine, toolchain, ("packages", "compiler"))
    assert "binutils" in facts["packages"]
    assert facts["compiler"].startswith("gcc ")
    assert (engine.labels(toolchain) or {})[PROJECT] == "image"


def test_prune_removes_what_nothing_names(engine: Engine, toolchain: str) -> None:
    with engine.container(toolchain) as box:
        box.commit("localhost/hvmatrix/tree:nobodys", {"org.hvmatrix.tree": "test"})
    assert engine.labels("localhost/hvmatrix/tree:nobodys") is not None
    assert prune.prune(everything=False) == 0
    assert engine.labels("localhost/hvmatrix/tree:nobodys") is None
    assert engine.labels(toolchain) is not None


def test_no_such_toolchain(engine: Engine) -> None:
    with pytest.raises(UserError, match="no toolchain 'tcc'"):
        images.toolchain(engine, "tcc", print)
