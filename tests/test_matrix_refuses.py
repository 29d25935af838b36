"""Every mistake that matrix.yaml can hold, and the words and the line with which it is refused.

Never relies on the files in kconfig/: each test lays out its own beside a small matrix.yaml.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline import matrix
from pipeline.errors import UserError

DEFAULT = (Path(__file__).parent / "golden" / "matrix" / "matrix.yaml").read_text("utf-8")
KNOWN: dict[str, Any] = {"policies": {"olddefconfig", "oldconfig"}, "toolchains": ["gcc"]}
BOUND = "- {cell: v6.12/builtin-y/olddefconfig/gcc/hyperv, reaches: bound}"
BARE = "- {cell: v6.12/builtin-y/olddefconfig/gcc/bare, reaches: booted}"
DETECTED = "- {cell: v6.12/off-n/olddefconfig/gcc/hyperv, reaches: detected}"
CONTROLS = DEFAULT[DEFAULT.index("controls:\n") : DEFAULT.index("# What we know of the cells")]
EXPECT = '  - {cells: "newest/off-n/*", ladder: detected, outcome: same-off}\n'


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("refused")
    for name in ("configs/slim", "fragments/distro-m", "fragments/builtin-y", "fragments/off-n"):
        file = made / "kconfig" / f"{name}.config"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    os.mkfifo(made / "fifo")
    return made / "matrix.yaml"


def refusal(path: Path, *pairs: tuple[str, str]) -> UserError:
    text = DEFAULT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(UserError) as caught:
        matrix.parse(text.encode(), path, **KNOWN)
    return caught.value


def line_of(text: str) -> int:
    return DEFAULT[: DEFAULT.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema: 1\n", "schema: 2\n", "schema: must be 1, not 2"),
        ("schema: 1\n", "schema: true\n", "schema: must be 1, not true"),
        ("schema: 1\n", "schema: 1\nshcema: 1\n", "unknown key 'shcema'; did you mean 'schema'?"),
        ("schema: 1\n", "schema: 1\ntargets: most\n", "targets: unknown value 'most'; known: intent, all"),
        ("schema: 1\n", "schema: 1\ntargets:\n", "targets: is empty; known: intent, all"),
        ("schema: 1\n", "schema: 1\ntargets: [all]\n", "targets: unknown value a list; known: intent, all"),
        ("{source: newest}", "{source: newest, zzz: 1}", "unknown key 'zzz'; known: patches, source"),
        ("    policies:", "    polices:", "unknown key 'polices'; did you mean 'policies'?"),
        ("{source: newest}", "newest", "variants.newest: expected a mapping (key: value), not 'newest'"),
        ("{source: newest}", "", "variants.newest: is empty: expected a mapping"),
        ("{source: newest}", "{source: 6.10}", "6.10 is read by YAML as the number 6.1: quote it: '6.10'"),
        ("{source: newest}", "{source: 6.12}", "6.12 is read by YAML as the number 6.12: quote it: '6.12'"),
        ("{source: newest}", "{source: 6}", "6 is read by YAML as a number: quote it: '6'"),
        ("{source: newest}", "{source: true}", "true is read by YAML as a boolean: quote it: 'true'"),
        ("{source: newest}", "{source: yes}", "yes is read by YAML as a boolean: quote it: 'yes'"),
        ("{source: newest}", "{source: &x newest}", "aliases are not supported: write it out"),
        ("  newest: {source: newest}", "  6.10: {source: newest}", "quote it: '6.10'"),
        ("  newest: {source: newest}", "  v6.12: {source: newest}", "key 'v6.12' is given twice: first on line"),
        ("{source: newest}", "{source: newst}", "unknown source 'newst'; did you mean 'newest'? known: n"),
        ("machines: [hyperv]", "machines: hyperv", "cells[0].machines: expected a list, not 'hyperv'"),
        ("machines: [hyperv]", "machines: []", "cells[0].machines: is empty: at least one is needed"),
        ("machines: [hyperv]", "machines: [hypr]", "unknown machine 'hypr'; did you mean 'hyperv'? known: bare, h"),
        ("policies: [olddefconfig]", "policies: [xx]", "unknown policy 'xx'; known: oldconfig, olddefconfig"),
        ("toolchains: [gcc]", "toolchains: [clang]", "unknown toolchain 'clang'; known: gcc"),
        ("configs: [distro-m,", "configs: [distro,", "unknown config 'distro'; did you mean 'distro-m'?"),
        ("variants: [v6.12,", "variants: [v6.13,", "unknown variant 'v6.13'; did you mean 'v6.12'?"),
        ("suite: trixie,", "suite: Trixie,", "'Trixie' is not a Debian suite: Such as trixie"),
        ("suite: trixie,", 'suite: "a;b",', "'a;b' is not a Debian suite"),
        ("linux-source-6.12", "linux-image-6.12", "'linux-image-6.12' is not a Debian package name"),
        ("linux-source-6.12", '"linux-source-$(id)"', "'linux-source-$(id)' is not a Debian package name"),
        ("[HYPERV_VMBUS]", "[CONFIG_HYPERV]", "leave out the prefix CONFIG_: write 'HYPERV'"),
        ("[HYPERV_VMBUS]", "[hyperv]", "'hyperv' is not a Kconfig symbol"),
        ("[HYPERV_VMBUS]", "[A_B, A_B]", "requires: 'A_B' is given twice"),
        ("{debian: {suite: trixie,", "{directory: kconfig, debian: {suite: trixie,", "exactly one of debian, g"),
        ("{source: newest}", "{source: newest, patches: [no.patch]}", "patches: 'no.patch' does not exist"),
        ("debian: {suite: trixie, package: linux-source-6.12}", "directory: gone", "directory: 'gone' does not exist"),
        ("debian: {suite: trixie, package: linux-source-6.12}", "directory: fifo", "'fifo' is not a directory"),
        ("[relaxed,", "[hv-relaxed,", "'hv-relaxed': leave out the prefix hv-: write 'relaxed'"),
        ("vpindex, runtime", "vpindx, runtime", "unknown flag 'vpindx'; did you mean 'vpindex'? known: relaxed"),
        ("[relaxed,", "[vendor-id=a=b,", "unknown flag 'vendor-id=a=b'"),
        ("[relaxed,", "[spinlocks=many,", "unknown flag 'spinlocks=many'"),
        ("[relaxed,", "[vapic,", "hyperv: 'vapic' is given twice"),
        ("[relaxed,", "[spinlocks=1, spinlocks=2,", "hyperv: 'spinlocks' is given twice"),
        ("hv-balloon]", "hv-ballon]", "unknown value 'hv-ballon'; did you mean 'hv-balloon'? known: vmbus-bridge, h"),
        ("memory: 512", "memory: 64", "machines.hyperv.memory: must be 128 or more, not 64"),
        ("memory: 512", "memory: 9999", "machines.hyperv.memory: must be 8192 or less, not 9999"),
        ("memory: 512", "memory: 512.5", "machines.hyperv.memory: expected a whole number, not 512.5"),
        ("memory: 512", 'memory: "512"', "machines.hyperv.memory: expected a whole number, not '512'"),
        ("memory: 512", "memory:", "machines.hyperv.memory: is empty: expected a whole number"),
        ("cpus: 1", "cpus: 0", "machines.hyperv.cpus: must be 1 or more, not 0"),
        ("base: kconfig/configs/slim.config", "base: no.config", "base: 'no.config' does not exist (looked in "),
        ("base: kconfig/configs/slim.config", "base: kconfig", "base: 'kconfig' is a directory, not a file"),
        ("base: kconfig/configs/slim.config", "base: fifo", "base: 'fifo' is not a regular file"),
        ("base: kconfig/configs/slim.config", f"base: {'x' * 300}", "cannot be read: File name too long"),
        ("base: kconfig/configs/slim.config", 'base: ""', "configs.distro-m.base: is empty"),
        ("base: kconfig/configs/slim.config", f"base: {'x/' * 600}", "is longer than 1024 characters"),
        ("[kconfig/fragments/distro-m.config]", "[a, b]", "fragments: 'b' does not exist"),
        (BOUND, BOUND.replace("bound", "bond"), "unknown value 'bond'; did you mean 'bound'? known: none, booted"),
        (BOUND, BOUND.replace("bound", ""), "controls[0].reaches: is empty; known: none, booted"),
        (BOUND, BOUND.replace("gcc/hyperv", "gcc"), "is not a control cell: A whole cell name"),
        (BOUND, BOUND.replace("builtin-y", "builtin"), "unknown config 'builtin'; did you mean 'builtin-y'?"),
        (EXPECT, EXPECT.replace("off-n", "off"), "expect: no cell matches 'newest/off/*'"),
        (EXPECT, EXPECT.replace("newest/off-n/*", "a b"), "'a b' is not a cell glob"),
        (EXPECT, '  - {cells: "newest"}\n', "expect[5]: give at least one of ladder, outcome, loudness and class"),
        (EXPECT, EXPECT.replace("same-off", "same"), "unknown value 'same'; did you mean 'same-off'? known: kept"),
        (EXPECT, EXPECT.replace("outcome: same-off", "loudness: loud"), "unknown value 'loud'; known: none, silent"),
        (EXPECT, EXPECT.replace("outcome: same-off", "class: core"), "'core' is not an expected class"),
    ],
)
def test_one_mistake(path: Path, old: str, new: str, message: str) -> None:
    error = refusal(path, (old, new))
    (found,) = (line for line in error.details.splitlines() if message in line)
    at = int(found.removeprefix(f"{path}:").partition(":")[0])
    assert line_of(old) <= at <= line_of(old) + new.count("\n") + ("expect[5]" in message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sources:\n", "sources:\n  NAME: {directory: kconfig}\n"),
        ("variants:\n", "variants:\n  NAME: {source: v6.12}\n"),
        ("configs:\n", "configs:\n  NAME: {base: kconfig/configs/slim.config}\n"),
        ("machines:\n", "machines:\n  NAME: {hyperv: [], devices: []}\n"),
        ("{source: v6.12}", "{source: NAME}"),
        ("variants: [v6.12", "variants: [NAME, v6.12"),
        ("configs: [distro-m", "configs: [NAME, distro-m"),
        ("policies: [", "policies: [NAME, "),
        ("toolchains: [", "toolchains: [NAME, "),
        ("machines: [", "machines: [NAME, "),
        ("suite: trixie,", "suite: NAME,"),
        ("package: linux-source-6.12", "package: NAME"),
        ("cell: v6.12/builtin-y", "cell: NAME/builtin-y"),
        ('cells: "v6.12/distro-m/*"', "cells: NAME"),
    ],
)
@pytest.mark.parametrize("name", ["../x", "/etc", "v6..12"])
def test_path_traversal(path: Path, old: str, new: str, name: str) -> None:
    if "linux-source" in old and name == "v6..12":
        name = "linux-source-../x"
    error = refusal(path, (old, new.replace("NAME", name)))
    assert "path traversal is refused" in error.details


@pytest.mark.parametrize("name", [".x", "-x", "a/b", "a b", "x" * 41, "caf\u00e9", "a:b", ""])
def test_names_that_are_no_names(path: Path, name: str) -> None:
    error = refusal(path, ("variants:\n", f'variants:\n  "{name}": {{source: v6.12}}\n'))
    assert f":{line_of('variants:') + 1}: variants: '" in error.details
    assert "is not a name" in error.details


def test_two_mistakes_of_different_kinds_are_reported_together(path: Path) -> None:
    places = ("{source: newest}", "memory: 512", "cpus: 1")
    mistakes = ("{source: newst}", "memory: lots", "cpus: no")
    error = refusal(path, *zip(places, mistakes, strict=True))
    assert error.brief == "matrix.yaml: 3 problems"
    assert [line.split(":")[1] for line in error.details.splitlines()] == [str(line_of(place)) for place in places]
    assert error.hint
    assert error.exit_status == 2


def test_one_problem_is_not_some_problems(path: Path) -> None:
    assert refusal(path, ("memory: 512", "memory: 1")).brief == "matrix.yaml: 1 problem"


@pytest.mark.parametrize("key", ["schema", "sources", "variants", "configs", "machines", "cells", "controls"])
def test_missing_sections(path: Path, key: str) -> None:
    error = refusal(path, (f"\n{key}:", f"\n{key}x:"))
    assert f"the file: missing key '{key}': " in error.details
    assert f"unknown key '{key}x'; did you mean '{key}'?" in error.details


@pytest.mark.parametrize("key", ["sources", "variants", "configs", "machines"])
def test_empty_sections(path: Path, key: str) -> None:
    assert f"{key}: is empty: at least one is needed" in refusal(path, (f"\n{key}:\n", f"\n{key}: {{}}\nx:\n")).details


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        (BOUND, "", ["that reaches bound"]),
        (BARE, "", ["hyperv list is empty"]),
        (DETECTED, "", ["that reaches detected"]),
        (BARE, BARE.replace("booted", "bound"), ["hyperv list is empty"]),
        (CONTROLS, "controls: []\n", ["that reaches bound", "hyperv list is empty", "that reaches detected"]),
    ],
)
def test_missing_controls(path: Path, old: str, new: str, kinds: list[str]) -> None:
    (line,) = refusal(path, (old, new)).details.splitlines()
    assert line.startswith(f"{path}:{line_of('controls:')}: controls: missing one ")
    assert all(kind in line for kind in kinds)
    assert line.count("one ") == len(kinds)
    assert "would pass for a result" in line


def test_a_control_with_a_mistake_is_not_missing_too(path: Path) -> None:
    assert "missing" not in refusal(path, (BARE, BARE.replace("bare", "bear"))).details


def test_a_control_given_twice(path: Path) -> None:
    error = refusal(path, (DETECTED, f"{DETECTED}\n  {DETECTED.replace('detected', 'bound')}"))
    assert f"is given twice: first on line {line_of(DETECTED)}" in error.details


def test_a_wrong_name_in_cells_does_not_condemn_every_glob(path: Path) -> None:
    assert refusal(path, ("variants: [v6.12,", "variants: [v6.13,")).brief == "matrix.yaml: 1 problem"


def test_a_key_that_is_missing_from_a_block(path: Path) -> None:
    error = refusal(path, ("    policies:", "    polices:"))
    line = line_of("  - variants:")
    assert f":{line}: cells[0]: missing key 'policies': How the old config is carried" in error.details


def test_too_many_cells(path: Path) -> None:
    names = [f"m{number}" for number in range(190)]
    machines = "".join(f"  {name}: {{hyperv: [], devices: []}}\n" for name in names)
    error = refusal(
        path,
        ("machines:\n", f"machines:\n{machines}"),
        ("policies: [olddefconfig]", "policies: [olddefconfig, oldconfig]"),
        ("machines: [hyperv]", f"machines: [{', '.join(names)}]"),
    )
    assert "more than 2000 cells" in error.details


def test_very_many_problems_end_in_a_word(path: Path) -> None:
    error = refusal(path, ("schema: 1\n", "schema: 1\n" + "".join(f"k{number}: 1\n" for number in range(5000))))
    assert error.brief == "matrix.yaml: more than 200 problems"
    assert error.details.endswith("\n(the rest is not listed)")


def test_too_many_entries(path: Path) -> None:
    error = refusal(path, ("[HYPERV_VMBUS]", f"[{', '.join(f'S_{number}' for number in range(201))}]"))
    assert "has 201 entries: 200 are allowed" in error.details
