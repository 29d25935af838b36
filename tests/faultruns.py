"""One run of the pipeline as a process, disturbed at a moment or left alone.

Never judges what came of it; faults.py does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from docker.errors import DockerException

from tests.faultkinds import BEFORE, CLOCK, FAULTS

if TYPE_CHECKING:
    from tests.faultplace import Place

ROOT = Path(__file__).resolve().parent.parent
CELLS = "v6.12/builtin-y/olddefconfig,v6.12/distro-m/olddefconfig,v6.12/off-n/olddefconfig"
# When a stage has begun, by what is said of it, and for how many seconds a fault may then wait.
BEGINS = {
    "start": re.compile(""), "resolve": re.compile(r"resolve \S+: started"), "build": re.compile(r"build \S+: started"),
    "commit": re.compile("trim-objects"), "boot": re.compile(r"boot .*: started"),
    "judge": re.compile(r"(?s)(boot \S+ on \S+: nested,.*){4}"),
}  # fmt: skip
WAITS = {"start": 1.5, "resolve": 4.0, "build": 25.0, "commit": 1.0, "boot": 12.0, "judge": 0.3}
HEARD = ("env", "--default-signal=INT,HUP,TERM")  # which nohup, or a shell's &, would have a command ignore
SECONDS, DISTURBED_SECONDS = 1800, 600


@dataclass(slots=True)
class Done:
    """One run: how it ended, after how many seconds, what it printed, its folder if it made one.

    `disturbed` is false of one that was over before its fault could be done.
    """

    status: int
    seconds: float
    text: str
    folder: Path | None
    disturbed: bool = False


def environment(at: Place, *, fake: bool) -> dict[str, str]:
    """The environment of a run: its own cache and temporary folder, and a clock that a fault can move."""
    found = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    found |= {"PYTHONPATH": str(ROOT), "HVMATRIX_CACHE": str(at.cache), "TMPDIR": str(at.root / "tmp")}
    found |= {"DOCKER_HOST": at.started(), "HVMATRIX_TRACEBACK": "1"}  # else a defect is no traceback, and ends with 69
    if fake:
        at.tell("+0")
        found |= {"LD_PRELOAD": str(at.preload()), "HVMATRIX_CLOCK": str(at.clock)}
    return found


def ran(at: Place, fault: str = "", stage: str = "", wait: float = 0.0, seconds: int = DISTURBED_SECONDS) -> Done:
    """A run of the small matrix, of at most so many seconds; with a fault, disturbed at a stage after a `wait`."""
    before = set(at.results.iterdir())
    began = time.monotonic()
    argv = [*HEARD, sys.executable, "-m", "pipeline.cli", "matrix", "--plain", "--cells", CELLS]
    lines: list[str] = []
    at.child = subprocess.Popen(
        argv, cwd=at.root, env=environment(at, fake=fault == CLOCK), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    reader = threading.Thread(target=lambda: lines.extend(at.child.stdout or ()) if at.child else None)
    reader.start()
    struck = stage == BEFORE
    try:
        struck = struck or (bool(fault) and disturbed(at, fault, stage, wait, lines))
        at.child.wait(seconds)
    except subprocess.TimeoutExpired:
        lines.append(f"no end within {seconds} s\n")
    finally:  # also of one that could not be disturbed
        at.child.kill()
        at.child.wait()
    reader.join()
    took = time.monotonic() - began
    if fault:
        FAULTS[fault].undo(at)
    new = [path for path in set(at.results.iterdir()) - before if not path.is_symlink()]
    return Done(at.child.returncode, took, "".join(lines), new[0] if new else None, struck)


def disturbed(at: Place, fault: str, stage: str, wait: float, lines: list[str]) -> bool:
    """Wait for a stage, then as long as was diced, and do it; False where the run was over, or there was nothing to do.

    Raises TimeoutExpired for a run that does not come so far.
    """
    deadline = time.monotonic() + DISTURBED_SECONDS
    child = at.child
    watch = threading.Thread(target=commits, args=(at, lines), daemon=True)
    if stage == "commit":
        watch.start()
    while child and child.poll() is None and not BEGINS[stage].search("".join(lines)):
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(child.args, DISTURBED_SECONDS)
        time.sleep(0.05)
    time.sleep(wait)
    if child is None or child.poll() is not None:
        return False
    return FAULTS[fault].do(at)


def commits(at: Place, lines: list[str]) -> None:
    """Note when an object tree is about to be kept: the engine tells what is executed in its containers."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with suppress(DockerException, requests.RequestException, OSError, ValueError):
            for event in at.client().events(decode=True, filters={"type": "container"}):
                if "trim-objects" in event.get("Action", ""):
                    lines.append("trim-objects\n")
                    return
        time.sleep(0.2)
