"""Where trees, patches, configs and the intent come from in matrix.yaml, and every mistake in those keys with its line.

Never relies on the files in kconfig/: each test lays out its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline import asking, matrix
from pipeline.errors import UserError
from pipeline.model import Config, DebianConfig, GitRange, GitSource, Intent, Ladder, Matrix, TarballSource, Variant

ROOT = Path(__file__).parents[1]
KNOWN: dict[str, Any] = {"policies": ["olddefconfig"], "toolchains": ["gcc"]}
DIGEST = "0123456789abcdef" * 4
TEXT = f"""\
schema: 1
sources:
  branch: {{git: {{url: repository, ref: main}}}}
  remote: {{git: {{url: "https://host/linux.git", ref: v6.18}}}}
  packed: {{tarball: {{url: linux.tar.xz, sha256: {DIGEST}}}}}
  posted: {{tarball: {{url: "https://host/linux-6.18.tar.xz", sha256: {DIGEST}}}}}
variants:
  plain: {{source: branch}}
  mended: {{source: packed, patches: [one.patch, folder, series.mbox, {{git: repository, range: main..mine}}]}}
  other: {{source: remote}}
configs:
  shipped:
    debian: {{suite: trixie, package: linux-config-6.12, flavour: amd64_none_cloud-amd64}}
    slim: slim.config
  file: {{base: old.config, fragments: [more.config]}}
machines:
  hyperv: {{hyperv: [vpindex, synic], devices: [vmbus-bridge, hv-balloon]}}
  bare: {{hyperv: [], devices: []}}
cells:
  - variants: [plain, mended]
    configs: [shipped, file]
    policies: [olddefconfig]
    toolchains: [gcc]
    machines: [hyperv]
controls:
  - {{cell: plain/file/olddefconfig/gcc/hyperv, reaches: bound}}
  - {{cell: plain/file/olddefconfig/gcc/bare, reaches: booted}}
  - {{cell: plain/shipped/olddefconfig/gcc/hyperv, reaches: detected}}
intent:
  name: guests
  symbols: {{KVM_GUEST: booted, HYPERV_NET: connected}}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    for name in ("linux.tar.xz", "one.patch", "series.mbox", "slim.config", "old.config", "more.config"):
        (made / name).touch()
    for name in ("repository", "folder"):
        (made / name).mkdir()
    os.mkfifo(made / "fifo")
    return made / "matrix.yaml"


def parsed(path: Path, text: str = TEXT) -> Matrix:
    return matrix.parse(text.encode(), path, **KNOWN)


def test_trees_from_git_and_tarballs(path: Path) -> None:
    cells = parsed(path).cells
    assert cells[0].variant.source == GitSource(name="branch", url=str(path.parent / "repository"), ref="main")
    packed = TarballSource(name="packed", location=str(path.parent / "linux.tar.xz"), sha256=DIGEST)
    assert cells[2].variant.source == packed


def test_addresses_stay_as_they_are(path: Path) -> None:
    text = TEXT.replace("variants: [plain, mended]", "variants: [other, posted]")
    found = parsed(path, text.replace("variants:\n", "variants:\n  posted: {source: posted}\n", 1)).cells
    assert found[0].variant.source == GitSource(name="remote", url="https://host/linux.git", ref="v6.18")
    location = "https://host/linux-6.18.tar.xz"
    assert found[2].variant.source == TarballSource(name="posted", location=location, sha256=DIGEST)


def test_patches_of_every_kind(path: Path) -> None:
    folder = path.parent
    mended = parsed(path).cells[2].variant
    given = (folder / "one.patch", folder / "folder", folder / "series.mbox")
    assert mended == Variant(
        name="mended", source=mended.source, patches=(*given, GitRange(folder / "repository", "main..mine")),
    )  # fmt: skip


def test_configs_of_packages_and_their_slim_base(path: Path) -> None:
    shipped, file = (cell.config for cell in parsed(path).cells[:2])
    package = DebianConfig(suite="trixie", package="linux-config-6.12", flavour="amd64_none_cloud-amd64")
    assert shipped == Config(name="shipped", base=package, slim=path.parent / "slim.config")
    assert file.base == path.parent / "old.config"
    assert file.slim is None


def test_an_intent_of_ones_own(path: Path) -> None:
    symbols = (("KVM_GUEST", Ladder.BOOTED), ("HYPERV_NET", Ladder.CONNECTED))
    assert parsed(path).intent == Intent(name="guests", symbols=symbols)


def test_hyperv_is_built_in_and_can_be_added_to(path: Path) -> None:
    text = TEXT[: TEXT.index("intent:")]
    assert parsed(path, text).intent is None
    found = parsed(path, f"{text}intent: {{name: hyperv, symbols: {{HYPERV_NET: bound, MSHV_ROOT: core}}}}\n").intent
    assert found
    assert dict(found.symbols)["HYPERV_NET"] is Ladder.BOUND
    assert dict(found.symbols)["MSHV_ROOT"] is Ladder.CORE
    assert dict(found.symbols)["HYPERV_BALLOON"] is Ladder.BOUND
    assert parsed(path, f"{text}intent: {{name: hyperv}}\n").intent is not None


def test_the_matrix_that_we_ship_is_one() -> None:
    found = asking.load(ROOT / "matrix.yaml")
    for row in found.expectations:
        assert matrix.select([*found.cells, *(control.cell for control in found.controls)], row.cells)
    assert len(asking.states(found, found.cells)) == len(found.cells)


GIT = "url: repository, ref: main"
RANGE = "{git: repository, range: main..mine}"
TARBALL = f"url: linux.tar.xz, sha256: {DIGEST}"
PACKAGE = "suite: trixie, package: linux-config-6.12, flavour: amd64_none_cloud-amd64"
BASE = "{base: old.config, fragments: [more.config]}"
SYMBOLS = "{KVM_GUEST: booted, HYPERV_NET: connected}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (GIT, "url: gone, ref: main", "git: 'gone' does not exist (looked in "),
        (GIT, "url: one.patch, ref: main", "git: 'one.patch' is not a directory"),
        (GIT, '"url": "ext::sh", ref: main', "git: 'ext::sh' names a program to fetch with, and none is run"),
        (GIT, 'url: "ext::sh -c x", ref: main', "'ext::sh -c x' is not a repository: A URL, or the path"),
        (GIT, 'url: "-x", ref: main', "'-x' is not a repository"),
        (GIT, 'url: "ftp://host/x", ref: main', "'ftp://host/x' is of none of these kinds: https, http, git, s"),
        (GIT, 'url: "", ref: main', "sources.branch.git.url: "),
        (GIT, "url: repository", "sources.branch.git: missing key 'ref': A branch, a tag, or a full commit"),
        (GIT, "ref: main", "sources.branch.git: missing key 'url': A URL, or the path"),
        (GIT, 'url: repository, ref: "-x"', "'-x' is not a git ref"),
        (GIT, 'url: repository, ref: "--upload-pack=x"', "'--upload-pack=x' is not a git ref"),
        (GIT, 'url: repository, ref: "a b"', "'a b' is not a git ref"),
        (GIT, "url: repository, ref: 6.10", "6.10 is read by YAML as the number 6.1: quote it"),
        (GIT, "url: repository, ref: main, depth: 1", "unknown key 'depth'; known: ref, url"),
        ("{git: {url: repository, ref: main}}", "{git: repository}", "sources.branch.git: expected a mapping"),
        ("{git: {url: repository, ref: main}}", "{}", "give exactly one of debian, git, tarball and directory"),
        (TARBALL, f"url: gone.tar, sha256: {DIGEST}", "tarball: 'gone.tar' does not exist (looked in "),
        (TARBALL, f"url: folder, sha256: {DIGEST}", "tarball: 'folder' is a directory, not a file"),
        (TARBALL, f'url: "ftp://h/x", sha256: {DIGEST}', "tarball: 'ftp://h/x': only https:// and http:// are fetched"),
        (TARBALL, f'url: "file:///x", sha256: {DIGEST}', "http:// are fetched; else give a file's path"),
        (TARBALL, "url: linux.tar.xz", "sources.packed.tarball: missing key 'sha256': The file's sha256 in 64"),
        (TARBALL, "url: linux.tar.xz, sha256: abc", "'abc' is not a sha256: The file's sha256 in 64 lower case"),
        (TARBALL, f"url: linux.tar.xz, sha256: {DIGEST.upper()}", "is not a sha256: The file's sha256 in 64 l"),
        (TARBALL, f"url: linux.tar.xz, sha256: {'1' * 64}", "is read by YAML as a number: quote it"),
        ("[one.patch,", "[gone.patch,", "patches: 'gone.patch' does not exist"),
        ("[one.patch,", "[fifo,", "patches: 'fifo' is not a regular file"),
        ("[one.patch,", f"[{'x' * 300},", "cannot be read: File name too long"),
        ("[one.patch,", "[6.10,", "6.10 is read by YAML as the number 6.1: quote it: '6.10'"),
        ("[one.patch,", "[5,", "5 is read by YAML as a number: quote it: '5'"),
        ("[one.patch,", "[[a],", "patches[0]: expected text or a mapping (key: value), not a list"),
        ("[one.patch,", "[~,", "variants.mended.patches[0]: "),
        ("[one.patch,", '["",', "variants.mended.patches[0]: is empty"),
        (RANGE, "{git: gone, range: main..mine}", "git: 'gone' does not exist (looked in "),
        (RANGE, "{git: one.patch, range: main..mine}", "git: 'one.patch' is not a directory"),
        (RANGE, "{git: repository}", "variants.mended.patches[3]: missing key 'range': Commits, such as"),
        (RANGE, "{range: main..mine}", "variants.mended.patches[3]: missing key 'git'"),
        (RANGE, '{git: repository, range: "--all"}', "'--all' is not a range: Commits, such as"),
        (RANGE, '{git: repository, range: "a b"}', "'a b' is not a range"),
        (RANGE, "{git: repository, range: main..mine, url: x}", "unknown key 'url'; known: git, range"),
        (PACKAGE, "suite: trixie, package: linux-config-6.12", "configs.shipped.debian: missing key 'flavour'"),
        (PACKAGE, PACKAGE.replace("linux-config", "linux-image"), "'linux-image-6.12' is not a Debian package name"),
        (PACKAGE, PACKAGE.replace("trixie", "Trixie"), "'Trixie' is not a Debian suite"),
        (PACKAGE, PACKAGE.replace("amd64_none_cloud-amd64", "../x"), "'../x' is not a flavour: path traversal"),
        (PACKAGE, PACKAGE.replace("amd64_none_cloud-amd64", '"a b"'), "'a b' is not a flavour: Such as amd64_none"),
        ("slim: slim.config", "slim: gone.config", "slim: 'gone.config' does not exist"),
        ("slim: slim.config", "slim: folder", "slim: 'folder' is a directory, not a file"),
        ("slim: slim.config", "slim: [slim.config]", "configs.shipped.slim: expected text, not a list"),
        ("slim: slim.config", "slim: slim.config\n    base: old.config", "give exactly one of base and debian"),
        (BASE, "{fragments: [more.config]}", "configs.file: give exactly one of base and debian, and fragments"),
        (BASE, "{}", "configs.file: give exactly one of base and debian"),
        (BASE, "{base: old.config, fragments: [gone.config]}", "fragments: 'gone.config' does not exist"),
        ("  name: guests\n", "", "intent: missing key 'name': hyperv, or a name of your own."),
        ("  name: guests\n", "  name: ../x\n", "path traversal is refused"),
        (SYMBOLS, "{CONFIG_KVM_GUEST: booted}", "leave out the prefix CONFIG_: write 'KVM_GUEST'"),
        (SYMBOLS, "{kvm: booted}", "intent.symbols: 'kvm' is not a Kconfig symbol"),
        (SYMBOLS, "{KVM_GUEST: running}", "intent.symbols.KVM_GUEST: unknown value 'running'; known: none, booted"),
        (SYMBOLS, "{KVM_GUEST: bootd}", "did you mean 'booted'?"),
        (SYMBOLS, "{}", "intent.symbols: is empty: at least one is needed"),
        (SYMBOLS, "[KVM_GUEST]", "intent.symbols: expected a mapping (key: value), not a list"),
        (f"  symbols: {SYMBOLS}\n", "", "intent: one that is not hyperv names its symbols"),
        (f"  symbols: {SYMBOLS}\n", f"  symbls: {SYMBOLS}\n", "unknown key 'symbls'; did you mean 'symbols'?"),
    ],
)
def test_one_mistake(path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(UserError) as caught:
        parsed(path, TEXT.replace(old, new, 1))
    found = [line for line in caught.value.details.splitlines() if message in line]
    assert found, caught.value.details
    first = TEXT[: TEXT.index(old)].count("\n") + 1
    at = int(found[0].removeprefix(f"{path}:").partition(":")[0])
    assert first - 2 <= at <= first + new.count("\n")


def test_a_repository_given_twice_is_told_on_both_lines(path: Path) -> None:
    with pytest.raises(UserError) as caught:
        parsed(path, TEXT.replace("repository", "gone"))
    lines = caught.value.details.splitlines()
    assert [line.removeprefix(f"{path}:").partition(":")[0] for line in lines] == ["3", "9"]
