"""Whole runs of the pipeline, each disturbed at a moment of its own and then run again.

    python -m tests.faults [--runs N] [--seed S] [--keep] [--go-on] [FAULT ...]    writes docs/faults.md and .json

After each: no other verdict than that of the undisturbed run, but for ERROR; a rerun ends as that run did, kernels
equal bit for bit; nothing is left over. It needs root, and makes all of it in a file system of its own in /var/tmp,
from nothing at first, which takes a quarter of an hour; with --keep that is there the next time.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import daemon, objecttrees
from pipeline.engine import Engine
from tests import emulators, faultpage, smallkernels
from tests.faultkinds import BEFORE, CLOCK, FAULTS
from tests.faultpage import Ledger, Tried
from tests.faultplace import NO_ENGINE, Place
from tests.faultruns import SECONDS, WAITS, Done, ran

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
PAGE, NOTE = ROOT / "docs" / "faults.md", ROOT / "docs" / "faults.json"
DISK = Path("/var/tmp/hvmatrix-faults")  # noqa: S108 - large, and root's
GIB = 16
BASE = "cells/v6.12/builtin-y/olddefconfig/gcc/hyperv"  # whose object tree the other kernels start from
COMPARED = ("status", "outcome", "class", "loudness", "observed", "artifacts")


@contextmanager
def place(seed: int, *, keep: bool) -> Iterator[Place]:
    """A disk of our own, mounted; with `keep` it stays for the next time."""
    image = DISK.with_suffix(".img")
    DISK.mkdir(exist_ok=True)
    if not image.exists():  # else what an earlier run made
        with image.open("wb") as stream:
            stream.truncate(GIB * 2**30)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-F", str(image)], check=True)
    if not DISK.is_mount():  # as a killed one leaves it
        subprocess.run(["mount", "-o", "loop,discard", str(image), str(DISK)], check=True)
    found = Place(DISK, random.Random(seed))  # noqa: S311 - to be repeated, not a secret
    (DISK / "tmp").mkdir(exist_ok=True)
    found.results.mkdir(exist_ok=True)
    try:
        for fault in FAULTS.values():  # of a harness that was killed in one
            fault.undo(found)
        yield found
    finally:
        for fault in FAULTS.values():
            fault.undo(found)
        daemon.stop({"HVMATRIX_CACHE": str(found.cache)})
        subprocess.run(["umount", "-R", "-l", str(DISK)], check=True)  # an engine that is dead leaves mounts below it
        if not keep:
            image.unlink()
            DISK.rmdir()


def records(folder: Path | None) -> dict[str, dict[str, Any]]:
    """The records of a run, by their folders' names."""
    found = {}
    for path in sorted(folder.rglob("record.json")) if folder else ():
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        name = str(path.parent.relative_to(folder or path))
        found[name] = {key: record.get(key) for key in (*COMPARED, "reason", "kernel")}
    return found


def wrong(
    want: Mapping[str, Mapping[str, Any]], got: Mapping[str, Mapping[str, Any]], done: Done, exits: frozenset[int], *,
    whole: bool,
) -> list[str]:  # fmt: skip
    """What of a run is not as it must be; of one that must be `whole`, no ERROR and no missing cell is taken."""
    found = [] if done.status in exits else [f"exit {done.status}"]
    found += ["a traceback"] if "Traceback" in done.text or "a defect of this program" in done.text else []
    found += [f"{name}: missing" for name in want if whole and name not in got]
    for name, record in got.items():
        if record["status"] == "ERROR" and not whole:
            found += [] if record["reason"] else [f"{name}: ERROR without a cause"]
            continue
        differing = [key for key in COMPARED if record[key] != want.get(name, {}).get(key)]
        found += [f"{name}: {key} {record[key]}" for key in differing]
    return found


def left(at: Place) -> list[str]:
    """What is there that no run needs any more."""
    found = [f"container {box.short_id}" for box in at.containers()]
    found += [f"temporary {path.name}" for path in (at.root / "tmp").iterdir()]
    found += [f"QEMU {pid}" for pid in emulators.running(str(at.cache))]
    found += [f"process {pid} of a container" for pid in daemon.shims(daemon.run_folder(at.cache))]
    nameless = {"dangling": True, "label": objecttrees.LABEL}
    try:
        found += [f"image {image.short_id} without a name" for image in at.client().images.list(filters=nameless)]
    except NO_ENGINE:
        found.append("no engine that answers")
    return found + [f"{path.relative_to(at.cache)}" for path in hidden(at.cache)]


def hidden(cache: Path) -> list[Path]:
    """What is half written in the cache."""
    return [path for path in cache.glob("*/.*") if path.parent.name != "engine" and path.name != ".lock"]


def forget(at: Place, base: str, *, everything: bool) -> None:
    """Take away what a run made, so that the next one has to make it again: all but the first kernel, or all."""
    engine = Engine(at.started())
    for name in ("boots", "resolutions", "slims"):
        shutil.rmtree(at.cache / name, ignore_errors=True)
    for folder in (at.cache / "kernels").glob("[!.]*"):
        if everything or folder.name != base:
            shutil.rmtree(folder, ignore_errors=True)
    for key in objecttrees.keys(at.cache):
        if everything or key != base:
            objecttrees.remove(engine, at.cache, key)


def tried(at: Place, fault: str, want: Mapping[str, Mapping[str, Any]], base: str) -> Tried:
    """One disturbed run, and one after it."""
    if fault != "cache damaged":  # what is forgotten cannot be damaged
        forget(at, base, everything=fault == "compiler cache damaged")
    stage = at.dice.choice(FAULTS[fault].stages)
    least = 0.2 if stage == "start" else 0.0  # Python's own start is not ours
    wait = round(at.dice.uniform(least, WAITS.get(stage, 0)), 2)
    if stage == BEFORE:
        FAULTS[fault].do(at)
    disturbed = ran(at, fault, stage, wait)
    whole = disturbed.status == 0
    found = wrong(want, records(disturbed.folder), disturbed, FAULTS[fault].exits, whole=whole)
    again = ran(at)
    found += [f"again: {text}" for text in wrong(want, records(again.folder), again, frozenset({0}), whole=True)]
    found += [f"left: {text}" for text in left(at)]
    used = shutil.disk_usage(at.root).used // 2**20
    stage = stage if disturbed.disturbed else f"{stage}, too late"
    return Tried(fault, stage, wait, disturbed, again, used, found)


def asked(names: Sequence[str], number: int, dice: random.Random) -> list[str]:
    """The faults of so many runs: each in turn, in an order that is diced anew for each round."""
    found: list[str] = []
    while len(found) < number:
        found += dice.sample(list(names), len(names))
    return found[:number]


def undisturbed(at: Place) -> tuple[Done, dict[str, dict[str, Any]]]:
    """A run that everything is there for, and what its records say. Ends the program where it fails."""
    first = ran(at, seconds=SECONDS)
    want = records(first.folder)
    if first.status or BASE not in want:
        sys.exit(f"{first.text}\nthe undisturbed run ended with {first.status}")
    forget(at, str(want[BASE]["kernel"]), everything=False)
    second = ran(at)
    if problems := wrong(want, records(second.folder), second, frozenset({0}), whole=True):
        sys.exit(f"{second.text}\nthe second undisturbed run: {problems}")
    return second, want


def main(words: Sequence[str]) -> int:
    """Disturb so many runs and write the page; 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--go-on", action="store_true", help="after the last run in docs/faults.json")
    parser.add_argument("faults", nargs="*", metavar="FAULT", choices=[[], *FAULTS])
    given = parser.parse_args(words)
    names = given.faults or list(FAULTS)
    if CLOCK in names and not shutil.which("cc"):
        sys.exit("no cc: apt-get install gcc, or name the faults that do without")
    with place(given.seed, keep=given.keep) as at:
        smallkernels.project(at.root)
        say("an undisturbed run, all of it made from nothing")
        alone, want = undisturbed(at)
        ledger = Ledger(alone.seconds, shutil.disk_usage(at.root).used // 2**20)
        if given.go_on:
            ledger = faultpage.loaded(json.loads(NOTE.read_text(encoding="utf-8")))
            ledger.goes += 1
        before = len(ledger.done)
        for number, fault in list(enumerate(asked(names, given.runs, at.dice), 1))[before:]:
            at.dice.seed(f"{given.seed} {number}")  # whatever was diced before
            one = tried(at, fault, want, str(want[BASE]["kernel"]))
            ledger.done.append(one)
            say(f"{number} of {given.runs}: {faultpage.row(number, one)}{''.join(f'; {text}' for text in one.wrong)}")
            if one.wrong:
                say(one.disturbed.text + one.again.text)
            if not given.faults:
                NOTE.write_text(json.dumps(faultpage.saved(ledger), indent=1) + "\n", encoding="utf-8")
                PAGE.write_text(faultpage.page(ledger), encoding="utf-8")
    return int(any(one.wrong for one in ledger.done))


def say(text: str) -> None:
    """A line with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
