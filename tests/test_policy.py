"""The policies that there are, what their commands become, and every mistake in a file of them with its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from pipeline import policy
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = tuple(policy.policies())
GOOD = """\
plain:
  about: As it is.
  steps: [[make, olddefconfig]]
listed:
  about: With a list.
  steps: [[make, "LSMOD={lsmod}", localmodconfig]]
  answers: defaults
  files: {lsmod: some.txt}
"""


def load(folder: Path, text: str) -> dict[str, policy.Policy]:
    (folder / "some.txt").write_text("Module\n")
    (folder / "policies.yaml").write_text(text)
    return policy.load(folder / "policies.yaml")


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        load(folder, text)
    lines = caught.value.details.splitlines()
    assert caught.value.brief == f"policies.yaml: {len(lines)} problem(s)"
    assert caught.value.hint
    assert all(line.startswith(f"{folder}/policies.yaml:") for line in lines)
    return [line.removeprefix(f"{folder}/policies.yaml:") for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_each_policy_is_well_formed(name: str) -> None:
    one = policy.policies()[name]
    assert one.name == name
    assert len(one.about) > 20
    assert one.about.endswith(".")
    assert one.answers in {"none", "defaults"}
    layers = ["layer-0.config", "layer-1.config"]
    made = policy.commands(one, "/work/0", layers)
    assert len(made) == len(one.steps)
    assert all(words[0] == "make" or words[0].startswith("/src/scripts/") for words in made)
    assert not any("{" in word or "}" in word for words in made for word in words)
    assert one.merges == any(word in layers for words in made for word in words)
    assert all(data for data in one.files.values())


def test_the_ways_that_people_use_are_there() -> None:
    wanted = {
        "olddefconfig", "oldconfig-eof", "oldconfig-enter", "syncconfig", "merge", "merge-n", "merge-s", "allnoconfig",
        "alldefconfig", "savedefconfig", "localmodconfig", "explicit-core", "werror", "w-c", "listnewconfig",
    }  # fmt: skip
    assert wanted <= set(NAMES)


def test_no_two_policies_do_the_same() -> None:
    assert len({one.digest for one in policy.policies().values()}) == len(NAMES)


def test_commands_are_spelled_out() -> None:
    known = policy.policies()
    assert policy.commands(known["olddefconfig"], "/work/7", []) == (("make", "olddefconfig"),)
    assert policy.commands(known["allnoconfig"], "/work/7", []) == (
        ("make", "KCONFIG_ALLCONFIG=old.config", "allnoconfig"),
    )
    assert policy.commands(known["merge-n"], "/work/7", ["layer-0.config", "layer-1.config"]) == (
        ("/src/scripts/kconfig/merge_config.sh", "-n", "layer-0.config", "layer-1.config"),
    )
    assert policy.commands(known["localmodconfig"], "/work/7", []) == (
        ("make", "LSMOD=/work/7/lsmod.input", "localmodconfig"),
    )
    assert b"hv_vmbus" in known["localmodconfig"].files["lsmod"]


def test_what_a_policy_says_of_itself() -> None:
    known = policy.policies()
    assert known["werror"].environment == {"KCONFIG_WERROR": "1"}
    assert known["oldconfig-enter"].answers == "defaults"
    assert known["oldconfig-eof"].answers == "none"
    assert known["w-c"].needs == ("scripts/kconfig/Makefile", "KCONFIG_WARN")
    assert known["olddefconfig"].keeps_config
    assert not known["merge"].keeps_config


@pytest.mark.parametrize(
    "pair",
    [
        ("[[make, olddefconfig]]", "[[make, oldconfig]]"),
        ("[[make, olddefconfig]]", "[[make, olddefconfig]]\n  starts: nothing"),
        ("[[make, olddefconfig]]", "[[make, olddefconfig]]\n  answers: defaults"),
        ("[[make, olddefconfig]]", '[[make, olddefconfig]]\n  environment: {KCONFIG_WERROR: "1"}'),
        ("[[make, olddefconfig]]", "[[make, olddefconfig]]\n  needs: {file: Makefile, text: x}"),
        ("[[make, olddefconfig]]", "[[make, olddefconfig]]\n  files: {other: some.txt}"),
    ],
)
def test_the_digest_is_of_all_that_it_does(tmp_path: Path, pair: tuple[str, str]) -> None:
    assert load(tmp_path, GOOD)["plain"].digest != load(tmp_path, GOOD.replace(*pair))["plain"].digest


def test_the_digest_is_of_the_bytes_of_its_files_and_not_of_its_words(tmp_path: Path) -> None:
    before = load(tmp_path, GOOD)["listed"]
    assert load(tmp_path, GOOD.replace("With a list.", "Told otherwise."))["listed"].digest == before.digest
    (tmp_path / "some.txt").write_text("hv_vmbus\n")
    assert policy.load(tmp_path / "policies.yaml")["listed"].digest != before.digest


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("about: As it is.", "about: 6.10", 2, "plain.about: 6.10 is read by YAML as the number 6.1: quote it"),
        ("  about: As it is.\n", "", 1, "plain: missing key 'about': What it is and who does so."),
        ("about: As it is.", 'about: ""', 2, "plain.about: is empty"),
        ("  steps: [[make, olddefconfig]]\n", "", 1, "plain: missing key 'steps': Commands in order."),
        ("[[make, olddefconfig]]", "[]", 3, "plain.steps: is empty"),
        ("[[make, olddefconfig]]", "[[]]", 3, "plain.steps[0]: is empty"),
        ("[[make, olddefconfig]]", "[make, olddefconfig]", 3, "plain.steps[0]: expected a list, not 'make'"),
        ("[[make, olddefconfig]]", "make olddefconfig", 3, "plain.steps: expected a list, not 'make olddefconfig'"),
        ("[[make, olddefconfig]]", "[[make, 1]]", 3, "plain.steps[0][1]: 1 is read by YAML as a number: quote it"),
        ("[[make, ", "[[/bin/sh, ", 3, "plain.steps[0]: '/bin/sh' is neither make nor a script below the tree"),
        ("[[make, ", "[[../x/y, ", 3, "plain.steps[0]: '../x/y' is neither make nor a script below the tree"),
        ("[[make, ", "[[true, ", 3, "plain.steps[0][0]: true is read by YAML as a boolean: quote it"),
        ("[[make, ", "[[sh, ", 3, "plain.steps[0]: 'sh' is neither make nor a script below the tree"),
        ("[[make, ", '[[make, "A={odl}", ', 3, "unknown name {odl}; did you mean 'old'? known: old, layers"),
        ("[[make, ", '[[make, "A={lsmod}", ', 3, "plain.steps[0]: unknown name {lsmod}; known: old, layers"),
        ("[[make, ", '[[make, "A={layers}", ', 3, "'A={layers}': {layers} is several words, and stands alone"),
        ("answers: defaults", "answers: yes", 7, "yes is read by YAML as a boolean: quote it: 'yes'"),
        ("answers: defaults", "answers: default", 7, "did you mean 'defaults'?"),
        ("answers: defaults", "starts: empty", 7, "listed.starts: unknown value 'empty'; known: config, nothing"),
        ("answers: defaults", "anwsers: none", 7, "unknown key 'anwsers'; did you mean 'answers'?"),
        ("answers: defaults", "environment: {PATH: x}", 7, "listed.environment: 'PATH' is not a variable: Upper case"),
        ("answers: defaults", "needs: {file: Makefile}", 7, "listed.needs: missing key 'text'"),
        ("answers: defaults", "needs: {file: ../x, text: y}", 7, "listed.needs.file: '../x' is not a file: path"),
        ("some.txt", "gone.txt", 8, "listed.files.lsmod: 'gone.txt' is no file (looked in "),
        ("some.txt", "../some.txt", 8, "listed.files.lsmod: '../some.txt' is not a path: path traversal is refused"),
        ("some.txt", "/etc/passwd", 8, "listed.files.lsmod: '/etc/passwd' is not a path: path traversal is refused"),
        ("lsmod: some", "lsmod-x: some", 8, "listed.files: 'lsmod-x' is not a file name: Lower case letters."),
        ("plain:", "Plain:", 1, "'Plain' is not a name: 1 to 40 of a-z 0-9 -"),
        ("plain:", "../x:", 1, "'../x' is not a name: path traversal is refused"),
        ("plain:", "listed:", 4, "key 'listed' is given twice: first on line 1"),
        ("about: As it is.", "about: [a", 3, ""),
    ],
)
def test_one_mistake(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    found = refused(tmp_path, GOOD.replace(old, new, 1))
    assert any(one.startswith(f"{line}: ") and message in one for one in found), found


def test_every_mistake_is_told_at_once_and_in_order(tmp_path: Path) -> None:
    text = GOOD
    for pair in (("As it is.", "6.10"), ("some.txt", "gone.txt"), ("{lsmod}", "{old} {x}"), ("defaults", "some")):
        text = text.replace(*pair)
    found = refused(tmp_path, text)
    assert [one.partition(":")[0] for one in found] == ["2", "6", "7", "8"]


@pytest.mark.parametrize("text", ["", "- a\n", "6.10\n", "plain:\n", "plain: 5\n", "plain: [a]\n", "{}\n", "\0"])
def test_what_is_no_file_of_policies(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        policy.load(tmp_path / "policies.yaml")


def objects(schema: Any) -> list[dict[str, Any]]:
    if not isinstance(schema, dict):
        return []
    inner = [found for one in schema.values() for found in objects(one)]
    return inner + ([schema] if schema.get("type") == "object" else [])


def test_the_schema_explains_every_key() -> None:
    words = json.loads(policy.SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(words)
    found = [one for schema in objects(words) for one in schema.get("properties", {}).values()]
    assert len(found) >= 8
    assert all(one["title"] and one["description"] for one in found)
