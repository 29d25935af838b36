"""The words of the field and the axes of the matrix: what is asked.

Frozen values that import nothing of ours. What the stages return is in values.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Ladder(StrEnum):
    """How far Hyper-V came up; each rung implies those below it."""

    NONE = "none"
    BOOTED = "booted"
    DETECTED = "detected"
    CORE = "core"
    CONNECTED = "connected"
    OFFERED = "offered"
    BOUND = "bound"

    @property
    def rank(self) -> int:
        """The rung's number, 0 for `none`."""
        return list(Ladder).index(self)

    def reaches(self, other: Ladder) -> bool:
        """Whether this rung is at least as high as the other."""
        return self.rank >= other.rank


class Outcome(StrEnum):
    """The ladder required by the old config against the ladder seen."""

    KEPT = "kept"
    LOST = "lost"
    GAINED = "gained"
    SAME_OFF = "same-off"
    CONTRADICTION = "contradiction"
    UNKNOWN = "unknown"


class Loudness(StrEnum):
    """What the user was told when an option was lost; `none` when nothing was."""

    NONE = "none"
    SILENT = "silent"
    WARNED = "warned"
    REFUSED = "refused"


class Status(StrEnum):
    """The cell against its expectation."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    ERROR = "ERROR"
    SKIP = "SKIP"


class Ending(StrEnum):
    """How a boot's console ended; a panic is a finding in the log, not an ending."""

    EXITED = "exited"
    SILENT = "silent"
    CAPPED = "capped"
    FLOODED = "flooded"


class Targets(StrEnum):
    """What of a kernel is made: the image and the modules that the intent needs, or the image and every module."""

    INTENT = "intent"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianSource:
    """The newest Debian package that matches `package` in `suite` and whose tree has all of `requires`."""

    name: str
    suite: str
    package: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySource:
    """A kernel tree in a local directory; copied, never written to."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """The commit that a branch, tag or sha names in a repository: a URL, or a path on this machine."""

    name: str
    url: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TarballSource:
    """A tarball with one folder in it, by path or https address; refused unless its sha256 is as given."""

    name: str
    location: str
    sha256: str


Source = DebianSource | DirectorySource | GitSource | TarballSource


@dataclass(frozen=True, slots=True)
class GitRange:
    """The commits of a local repository between two others, such as v6.18..my-branch."""

    repository: Path
    span: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A source plus an ordered series of patches: files, folders of them, mboxes, ranges of a repository."""

    name: str
    source: Source
    patches: tuple[Path | GitRange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianConfig:
    """The .config of a flavour in the newest linux-config package that matches."""

    suite: str
    package: str
    flavour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The .config that someone runs today: a base, then fragments laid over it in order.

    With `slim`, what is built is that small .config with the intent's options of the resolved one.
    """

    name: str
    base: Path | DebianConfig
    fragments: tuple[Path, ...] = ()
    slim: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A QEMU machine. `hyperv` are hv-* flags without the prefix, `memory` is in MiB, `cpu` more properties of -cpu.

    `firmware` is bios (SeaBIOS) or uefi (OVMF).
    """

    name: str
    hyperv: tuple[str, ...]
    devices: tuple[str, ...]
    memory: int = 512
    cpus: int = 1
    chipset: str = "q35"
    firmware: str = "bios"
    cpu: tuple[str, ...] = ()

    @property
    def shows_kvm(self) -> bool:
        """Whether the guest sees KVM's own signature beside Hyper-V's, which no Hyper-V host shows."""
        return "kvm=on" in self.cpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What must survive: symbols, each with the rung that a kernel must reach when its old config asked for it."""

    name: str
    symbols: tuple[tuple[str, Ladder], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One source and variant, config, policy, toolchain and machine."""

    variant: Variant
    config: Config
    policy: str
    toolchain: str
    machine: Machine

    @property
    def name(self) -> str:
        """`variant/config/policy/toolchain/machine`."""
        return f"{self.variant.name}/{self.config.name}/{self.policy}/{self.toolchain}/{self.machine.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The known truth of the cells that match a glob; None where nothing is claimed."""

    cells: str
    where: str
    ladder: Ladder | None = None
    outcome: Outcome | None = None
    loudness: Loudness | None = None
    failure_class: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A cell whose ladder is known beforehand; a run in which it differs is void."""

    cell: Cell
    reaches: Ladder


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A whole matrix.yaml: `cells` in file order, `path` where it was read, `digest` of its text.

    `machines`, `variants` and `configs` are all of them, those that no cell uses too. `intent` is None where the file
    names none: then it is Hyper-V's.
    """

    path: Path
    digest: str
    cells: tuple[Cell, ...]
    expectations: tuple[Expectation, ...]
    controls: tuple[Control, ...]
    intent: Intent | None = None
    targets: Targets = Targets.INTENT
    machines: tuple[Machine, ...] = ()
    variants: tuple[Variant, ...] = ()
    configs: tuple[Config, ...] = ()
