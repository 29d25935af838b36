"""The values that the stages hand to one another: what was found.

Frozen, one way: each is made by one stage, and none is changed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.model import Ending, Ladder, Outcome, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A variant's source tree: `image` has the tools for it, `mount` is its folder on the engine's host.

    `plain` is the tree that it was patched from. `code` tells trees apart by all but their Kconfig files, and is empty
    where that is not known. `owner` is the folder of a tree that somebody works in: its states belong together.
    `patches` are the sha256 and the name of each patch that was laid over `plain`.
    """

    variant: str
    image: str
    digest: str
    origin: str
    mount: str = ""
    plain: Tree | None = None
    code: str = ""
    owner: str = ""
    patches: tuple[str, ...] = ()

    @property
    def built_of(self) -> str:
        """A digest of what kernels are built of: two trees that share it give the same kernel for the same .config."""
        return self.code or self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One option whose value is not what was asked, and why.

    `kind` is a word for the cause (explain.py lists them), `where` the file:line that decides and `text` what stands
    there. `parents` are the options above it that are the cause, and `warning` is what was printed about it.
    """

    symbol: str
    asked: str
    got: str
    kind: str
    cause: str
    where: str = ""
    text: str = ""
    parents: tuple[str, ...] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What the tree's own scripts made of an old .config under one policy.

    `commands` is what was run, as a person would type it; `declared` are the Hyper-V options that the tree has, and
    `absent` says why it has no such policy.
    """

    old: str
    final: str
    commands: tuple[str, ...]
    stdout: str
    stderr: str
    exit_status: int
    seconds: float
    changes: tuple[Change, ...] = ()
    declared: tuple[str, ...] = ()
    absent: str = ""
    reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slim:
    """A small .config that is built in a resolved one's stead: what it took over, and what it left out."""

    text: str
    base: str
    kept: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What is really built; `key` is a digest of tree, patches, .config and toolchain.

    `declared` are the Hyper-V options that its tree has; one without a line in `config` is off. `goals` are what is
    made of it, for make-goals; none means everything.
    """

    key: str
    tree: Tree
    toolchain: str
    config: str
    declared: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()

    @property
    def localversion(self) -> str:
        """The suffix that this kernel alone carries in its release string."""
        return f"-{self.key[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A finished build: `folder` holds bzImage, System.map, config, modules/ and build.log.

    `start` is the key of the kernel whose object tree it began with, empty for none, and `compiled` how many objects
    were made.
    """

    kernel: Kernel
    folder: Path
    ok: bool
    reason: str
    seconds: float
    reused: bool
    start: str = ""
    compiled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A bootable kernel: its release string, its modules by name, and what contradicts its .config."""

    image: Path
    release: str
    modules: Mapping[str, Path]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRun:
    """One boot as it happened; the bytes are in console.log and host.log of `folder`.

    `quiet` says that errors alone went to the serial port, `repeated` why it is a second boot after a quiet one, and
    `middle` whether the middle machine was restored, or why it was started cold. `cpu` are seconds of processor time.
    """

    folder: Path
    nonce: str
    accelerator: str
    machine: str
    argv: tuple[str, ...]
    release: str
    ending: Ending
    qemu_exit: int | None
    seconds: float
    reused: bool = False
    quiet: bool = False
    repeated: str = ""
    middle: str = ""
    cpu: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A line that supports a verdict."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How far a boot came, by the guest's own evidence; `complete` only with an intact framed proof."""

    ladder: Ladder
    complete: bool
    failure_class: str
    reason: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a reader needs: the outcome, its class, and whether that was expected."""

    predicted: Ladder
    required: Ladder
    observed: Ladder | None
    outcome: Outcome
    failure_class: str
    status: Status
    reason: str
    evidence: tuple[Evidence, ...] = ()
