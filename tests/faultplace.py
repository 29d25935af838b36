"""Where runs are disturbed: a disk of its own with a cache, results, and an engine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import requests
from docker.errors import DockerException

from pipeline import daemon
from pipeline.container import PROJECT

if TYPE_CHECKING:
    import random

ENGINE_TIMEOUT = 20  # seconds
NO_ENGINE = (DockerException, requests.RequestException)


@dataclass(slots=True)
class Place:
    """The disk's folder, the process of the run in flight, and the dice."""

    root: Path
    dice: random.Random
    child: subprocess.Popen[str] | None = None

    @property
    def cache(self) -> Path:
        """All that can be made again, the engine's data among it."""
        return self.root / "cache"

    @property
    def results(self) -> Path:
        """The runs."""
        return self.root / "results"

    @property
    def clock(self) -> Path:
        """A file with the seconds by which the wall clock of a run is moved."""
        return self.root / "clock"

    @property
    def engine(self) -> str:
        """The URL of the private engine, whether it runs or not."""
        return f"unix://{daemon.run_folder(self.cache)}/docker.sock"

    def started(self) -> str:
        """The same, once the engine runs, as ./inv sees to it."""
        return daemon.start({"HVMATRIX_CACHE": str(self.cache)})

    def preload(self) -> Path:
        """clock.c, made: under libfaketime 0.9.10 every sleep of Python 3.11 fails (its issue 426)."""
        made = self.root / "clock.so"
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", made, source], check=True)
        return made

    def tell(self, text: str) -> None:
        """Set the clock, never half-written."""
        new = self.clock.with_suffix(".new")
        new.write_text(text)
        new.replace(self.clock)

    def client(self) -> Any:
        """The engine, for what the faults and the counts need."""
        return docker.DockerClient(self.engine, timeout=ENGINE_TIMEOUT)

    def containers(self) -> list[Any]:
        """The project's containers, running or not; none where no engine answers."""
        try:
            wanted = {"label": f"{PROJECT}=container"}
            found: list[Any] = self.client().containers.list(all=True, ignore_removed=True, filters=wanted)
        except NO_ENGINE:
            return []
        return found
