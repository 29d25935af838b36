"""What matrix.yaml becomes, which files are no matrix.yaml, and how cells are selected.

Never relies on the files in kconfig/: each test lays out its own beside a small matrix.yaml.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline import matrix
from pipeline.errors import UserError
from pipeline.model import (
    DebianSource,
    DirectorySource,
    Expectation,
    Ladder,
    Loudness,
    Machine,
    Matrix,
    Outcome,
    Targets,
)

DEFAULT = (Path(__file__).parent / "golden" / "matrix" / "matrix.yaml").read_text("utf-8")
KNOWN: dict[str, Any] = {"policies": {"olddefconfig", "oldconfig"}, "toolchains": ["gcc"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("matrix")
    for name in ("configs/slim", "fragments/distro-m", "fragments/builtin-y", "fragments/off-n"):
        file = made / "kconfig" / f"{name}.config"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    (made / "linux").mkdir()
    (made / "x.patch").write_text("")
    (made / "matrix.yaml").write_text(DEFAULT)
    return made


@pytest.fixture(scope="module")
def default(folder: Path) -> Matrix:
    return matrix.load(folder / "matrix.yaml", **KNOWN)


def changed(folder: Path, *pairs: tuple[str, str]) -> Matrix:
    text = DEFAULT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return matrix.parse(text.encode(), folder / "matrix.yaml", **KNOWN)


def test_default_cells_in_file_order(default: Matrix) -> None:
    assert [cell.name for cell in default.cells] == [
        f"{variant}/{config}/olddefconfig/gcc/hyperv"
        for variant in ("v6.12", "newest")
        for config in ("distro-m", "builtin-y", "off-n")
    ]


def test_default_values(default: Matrix, folder: Path) -> None:
    cell = default.cells[3]
    assert cell.variant.source == DebianSource(
        name="newest",
        suite="trixie-backports",
        package="linux-source-*",
        requires=("HYPERV_VMBUS",),
    )
    assert cell.config.base == folder / "kconfig/configs/slim.config"
    assert cell.config.fragments == (folder / "kconfig/fragments/distro-m.config",)
    assert "vpindex" in cell.machine.hyperv
    assert cell.machine.devices == ("vmbus-bridge", "hv-balloon")
    assert default.path == folder / "matrix.yaml"
    assert default.digest == hashlib.sha256(DEFAULT.encode()).hexdigest()


def test_default_controls(default: Matrix) -> None:
    assert [(control.cell.name, control.reaches) for control in default.controls] == [
        ("v6.12/builtin-y/olddefconfig/gcc/hyperv", Ladder.BOUND),
        ("v6.12/builtin-y/olddefconfig/gcc/bare", Ladder.BOOTED),
        ("v6.12/off-n/olddefconfig/gcc/hyperv", Ladder.DETECTED),
    ]
    assert default.controls[1].cell.machine == Machine(name="bare", hyperv=(), devices=(), memory=512, cpus=1)


def test_default_expectations(default: Matrix, folder: Path) -> None:
    found = [matrix.expectation(cell, default.expectations) for cell in default.cells]
    assert [(known.ladder, known.outcome) for known in found if known] == [
        (Ladder.BOUND, Outcome.KEPT),
        (Ladder.BOUND, Outcome.KEPT),
        (Ladder.DETECTED, Outcome.SAME_OFF),
        (Ladder.DETECTED, Outcome.LOST),
        (Ladder.BOUND, Outcome.KEPT),
        (Ladder.DETECTED, Outcome.SAME_OFF),
    ]
    line = DEFAULT[: DEFAULT.index('- {cells: "newest/distro-m/*"')].count("\n") + 1
    assert found[3] == Expectation(
        cells="newest/distro-m/*",
        where=f"{folder / 'matrix.yaml'}:{line}",
        ladder=Ladder.DETECTED,
        outcome=Outcome.LOST,
        loudness=Loudness.WARNED,
        failure_class="CORE_NOT_BUILT",
    )


def test_directories_patches_and_flags_with_values(folder: Path) -> None:
    found = changed(
        folder,
        ("sources:\n", "sources:\n  mine: {directory: linux}\n"),
        ("  newest: {source: newest}", "  newest: {source: mine, patches: [x.patch]}"),
        ("[relaxed, ", "[vendor-id=abc, spinlocks=0x1fff, "),
        ("    memory: 512\n    cpus: 1\n", "    memory: 8192\n    cpus: 8\n"),
    )
    assert found.cells[3].variant.source == DirectorySource(name="mine", path=folder / "linux")
    assert found.cells[3].variant.patches == (folder / "x.patch",)
    machine = found.cells[0].machine
    assert machine.hyperv[:2] == ("vendor-id=abc", "spinlocks=0x1fff")
    assert (machine.memory, machine.cpus) == (8192, 8)


def test_duplicate_cells_are_merged(folder: Path) -> None:
    block = DEFAULT[DEFAULT.index("  - variants: [v6.12, newest]") : DEFAULT.index("# Known truth.")]
    found = changed(folder, (block, block.rstrip().replace("[gcc]", "[gcc, gcc]") + "\n" + block))
    assert len(found.cells) == 6


def test_expectations_are_optional(folder: Path) -> None:
    assert changed(folder, (DEFAULT[DEFAULT.index("expect:\n") :], "")).expectations == ()


def test_targets(default: Matrix, folder: Path) -> None:
    assert default.targets is Targets.INTENT
    for word in Targets:
        assert changed(folder, ("schema: 1\n", f"schema: 1\ntargets: {word}\n")).targets is word


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        matrix.load(path, **KNOWN)
    assert caught.value.hint
    return f"{caught.value.brief}\n{caught.value.details}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    assert refused(tmp_path).startswith(f"{tmp_path}: is a directory")
    assert "No such file or directory" in refused(tmp_path / "matrix.yaml")
    assert "is not a regular file" in refused(tmp_path / "fifo")
    assert "symbolic links" in refused(tmp_path / "loop")
    assert "File name too long" in refused(tmp_path / ("x" * 300))
    assert "is no path" in refused(tmp_path / "a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path: Path) -> None:
    file = tmp_path / "matrix.yaml"
    file.write_text(DEFAULT)
    file.chmod(0)
    assert "Permission denied" in refused(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir(mode=0)
    (tmp_path / "secret.config").touch(mode=0)
    mistakes = (
        ("base: kconfig/configs/slim.config", f"base: {tmp_path / 'secret.config'}"),
        ("[kconfig/fragments/builtin-y.config]", f"[{tmp_path / 'secret/inside'}]"),
        ("debian: {suite: trixie, package: linux-source-6.12}", f"directory: {tmp_path / 'secret'}"),
    )
    with pytest.raises(UserError, match="3 problems") as caught:
        changed(folder, *mistakes)
    assert caught.value.details.lower().count("cannot be read: permission denied") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "matrix.yaml:1: the file is empty"),
        (DEFAULT.encode() + b"#" * 300 * 1024, "matrix.yaml:1: the file is larger than 256 KiB"),
        (b"schema: 1\n\0", "matrix.yaml:2: a NUL byte"),
        (b"- a\n", "matrix.yaml:1: the file: expected a mapping (key: value), not a list"),
        (b"6.10\n", "matrix.yaml:1: the file: expected a mapping (key: value), not 6.10"),
    ],
)
def test_files_without_a_matrix(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "matrix.yaml"
    file.write_bytes(text)
    assert refused(file).startswith("matrix.yaml: 1 problem\n")
    assert message in refused(file)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("*", 6),
        ("newest", 3),
        ("newest/", 3),
        ("newest/distro-m", 1),
        ("*/off-n/*", 2),
        ("*/off-n", 2),
        ("v6.1[12]", 3),
    ],
)
def test_select(default: Matrix, pattern: str, count: int) -> None:
    chosen = matrix.select(default.cells, pattern)
    assert len(chosen) == count
    assert list(chosen) == [cell for cell in default.cells if cell in chosen]


def test_a_beginning_ends_at_a_slash(default: Matrix) -> None:
    with pytest.raises(UserError, match="no cell matches 'newest/distro'"):
        matrix.select(default.cells, "newest/distro")


def test_select_names_what_is_near(default: Matrix) -> None:
    with pytest.raises(UserError) as caught:
        matrix.select(default.cells, "newset/distro-m")
    assert "\n  newest/distro-m\n" in caught.value.details
    assert caught.value.exit_status == 2


def test_select_of_nothing_near_lists_some(default: Matrix) -> None:
    with pytest.raises(UserError) as caught:
        matrix.select(default.cells, "")
    assert "\n  v6.12\n" in caught.value.details


def test_select_without_cells() -> None:
    with pytest.raises(UserError, match="there are no cells"):
        matrix.select((), "*")


def test_the_last_expectation_counts(default: Matrix) -> None:
    globs = ("v6.12/*", "v6.12/distro-m", "newest")
    wide, narrow, other = (Expectation(cells=glob, where="f:1") for glob in globs)
    cell = default.cells[0]
    assert matrix.expectation(cell, (wide, narrow, other)) is narrow
    assert matrix.expectation(cell, (narrow, wide)) is wide
    assert matrix.expectation(cell, (other,)) is None
    assert matrix.expectation(dataclasses.replace(cell, policy="x"), ()) is None
