from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import kconfig
from pipeline.errors import UserError
from pipeline.kconfig import Option

ROOT = Path(__file__).resolve().parent.parent
PLAIN = b"""# Automatically generated file; DO NOT EDIT.
CONFIG_HYPERV=m
# CONFIG_HYPERV_VTL_MODE is not set

CONFIG_NR_CPUS=64
CONFIG_LOW=-3
CONFIG_PHYSICAL_START=0x1000000
CONFIG_CMDLINE="a \\"quoted\\" = word # and more"
CONFIG_DEFAULT_HOSTNAME=""
CONFIG_FB_HYPERV=n
"""


def values(data: bytes) -> dict[str, str]:
    return {symbol: option.value for symbol, option in kconfig.parse(data, "x").items()}


def refused(data: bytes, name: str = "some.config") -> str:
    with pytest.raises(UserError) as caught:
        kconfig.parse(data, name)
    assert caught.value.hint
    assert name in caught.value.brief
    return str(caught.value)


def test_every_form_of_value() -> None:
    assert values(PLAIN) == {
        "HYPERV": "m", "HYPERV_VTL_MODE": "n", "NR_CPUS": "64", "LOW": "-3", "PHYSICAL_START": "0x1000000",
        "CMDLINE": '"a \\"quoted\\" = word # and more"', "DEFAULT_HOSTNAME": '""', "FB_HYPERV": "n",
    }  # fmt: skip


def test_an_option_knows_its_line() -> None:
    assert kconfig.parse(PLAIN, "old.config")["HYPERV_VTL_MODE"] == Option("HYPERV_VTL_MODE", "n", "old.config:3")


def test_carriage_returns_and_trailing_blanks_change_nothing() -> None:
    assert values(PLAIN.replace(b"\n", b"\r\n")) == values(PLAIN)
    assert values(b"# CONFIG_HYPERV_VMBUS is not set  \n") == {"HYPERV_VMBUS": "n"}


def test_the_last_line_counts() -> None:
    assert kconfig.parse(b"CONFIG_A=y\n# CONFIG_A is not set\n", "x")["A"] == Option("A", "n", "x:2")


def test_a_comment_that_names_an_option_sets_nothing() -> None:
    assert values(b"#CONFIG_B=y\n# CONFIG_C=y\n# CONFIG_D is not set by us\nCONFIG_A=y\n") == {"A": "y"}


NO_CONFIG = [
    ("empty", b"", "no CONFIG_ line"),
    ("comments", b"# nothing\n\n", "no CONFIG_ line"),
    ("elf", b"\x7fELF\x02\x01\x01\0\0\0", "binary"),
    ("nul", b"CONFIG_A=y\n\0", "binary"),
    ("huge", b"CONFIG_A=y\n" * 400_000, "too large"),
    ("ini", b"# x\n[unit]\nAfter=network\n", "some.config:2: not a .config line"),
    ("json", b'{"HYPERV": "m"}\n', "some.config:1: not a .config line"),
    ("gzip", b"\x1f\x8b\x08\x08 CONFIG", "some.config:1: not a .config line"),
    ("word", b"CONFIG_A=y\nCONFIG_HYPERV=yes\n", "some.config:2: not a .config line"),
    ("no value", b"CONFIG_HYPERV=\n", "some.config:1: not a .config line"),
    ("open quote", b'CONFIG_A="x\n', "some.config:1: not a .config line"),
    ("inner quote", b'CONFIG_A="x"y"\n', "some.config:1: not a .config line"),
    ("conflict", b"<<<<<<< HEAD\nCONFIG_A=y\n=======\n", "some.config:3: not a .config line"),
    ("kconfig", b"config HYPERV\n\tbool\n", "some.config:2: not a .config line"),
]


@pytest.mark.parametrize(("data", "said"), [case[1:] for case in NO_CONFIG], ids=[case[0] for case in NO_CONFIG])
def test_no_config(data: bytes, said: str) -> None:
    assert said in refused(data)


def test_only_the_first_wrong_lines_are_shown() -> None:
    text = refused(b"CONFIG_A=y\n" + b"nonsense\n" * 8)
    assert "some.config:6: " in text
    assert "some.config:7: " not in text
    assert "... and 3 more" in text


def test_a_fragment_lies_over_the_base() -> None:
    base = kconfig.parse(b"CONFIG_A=y\nCONFIG_HYPERV=m\n", "base")
    over = kconfig.parse(b"# CONFIG_HYPERV is not set\nCONFIG_B=m\n", "over")
    both = kconfig.compose([base, over])
    assert kconfig.render(both.values()) == "CONFIG_A=y\n# CONFIG_HYPERV is not set\nCONFIG_B=m\n"
    assert both["HYPERV"].origin == "over:1"
    back = kconfig.compose([over, base])
    assert back["HYPERV"].value == "m"
    assert base["HYPERV"].value == "m"


def test_render_and_parse_are_each_others_reverse() -> None:
    options = kconfig.parse(PLAIN, "x")
    again = kconfig.parse(kconfig.render(options.values()).encode(), "x")
    assert {name: option.value for name, option in again.items()} == values(PLAIN)


def test_replaced_names_the_option_once() -> None:
    text = kconfig.replaced("CONFIG_A=y\nCONFIG_AB=m\n# CONFIG_A is not set\n", "A", "m")
    assert text == "CONFIG_AB=m\nCONFIG_A=m\n"
    assert kconfig.replaced(text, "A", "n") == "CONFIG_AB=m\n# CONFIG_A is not set\n"
    assert kconfig.replaced(kconfig.replaced(text, "A", "n"), "A", "m") == text
    assert kconfig.values(kconfig.replaced(text, "LOCALVERSION", '"-x"'))["LOCALVERSION"] == '"-x"'


def test_the_empty_config_that_a_refusal_leaves_has_no_values() -> None:
    assert kconfig.values("") == {}
    assert kconfig.values("CONFIG_A=y\n# CONFIG_B is not set\n") == {"A": "y", "B": "n"}


@pytest.mark.parametrize("text", ["\n", "# CONFIG_A=y\n", "CONFIG_A\n"])
def test_any_other_config_without_values_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"final\.config"):
        kconfig.values(text, "final.config")


def test_differing() -> None:
    old = {"SAME": "m", "LESS": "y", "GONE": "m", "OFF": "n", "NOW_ON": "n", "NUMBER": "125", "LOST": "m"}
    new = {"SAME": "m", "LESS": "m", "NOW_ON": "y", "NUMBER": "126", "LOST": "n", "NEW": "y"}
    assert kconfig.differing(old, new) == (
        ("LESS", "y", "m"), ("GONE", "m", "-"), ("NUMBER", "125", "126"), ("LOST", "m", "n"),
    )  # fmt: skip


def test_absent_is_not_n() -> None:
    assert kconfig.differing({"A": "y"}, {}) == (("A", "y", kconfig.ABSENT),)
    assert kconfig.differing({"A": "y"}, {"A": "n"}) == (("A", "y", "n"),)
    assert kconfig.differing({"A": "n"}, {}) == ()


@pytest.mark.parametrize(("value", "good"), [
    ("y", True), ("0x1F", True), ('""', True), ('"(none)"', True), ('"gcc (Debian 14.2.0-19) 14.2.0"', True),
    ('"landlock,lockdown,yama"', True), ('"debian/certs/uefi-certs.pem"', True), ('"$(shell id)"', False),
    ('"$HOME"', False), ('"a;id"', False), ('"`id`"', False), ('"a|id"', False), ('"a&id"', False), ('"a>b"', False),
    ('"\\"id"', False), ("\"'\"", False), ('"a\\\\"', False), ('"a#b"', False), ('"ä"', False), ('"a\tb"', False),
    ('"-o /ccache/x"', False), ('"/a -l /b"', False), ('"a-b"', True), ("-1", True),
])  # fmt: skip
def test_a_string_that_make_or_a_shell_would_expand(value: str, good: bool) -> None:
    assert kconfig.harmless(f"CONFIG_A=y\nCONFIG_B={value}\n") is good


@pytest.mark.parametrize("name", ["kconfig/configs/slim.config", "tests/small.config"])
def test_a_config_that_conf_wrote_is_harmless(name: str) -> None:
    """It has words of conf's own for the compiler in it, which begin with a dash."""
    assert kconfig.harmless((ROOT / name).read_text())


def test_a_list_of_files_for_an_initramfs_is_a_programs_input() -> None:
    assert kconfig.harmless('CONFIG_INITRAMFS_SOURCE=""\n')
    assert not kconfig.harmless('CONFIG_INITRAMFS_SOURCE="/src/usr/default_cpio_list"\n')
