from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import flags
from pipeline.flags import Privileges
from tests.frames import FLAGS

SCHEMA = Path(__file__).parent.parent / "pipeline" / "matrix.schema.json"
SEEN = Privileges(low=0xA7F, high=0x30, hints=0xC2C, misc=0x80108)
PREFIX = "[    0.000000] Hyper-V: privilege flags "


def flag_enum(value: object) -> list[str]:
    """The list in the schema that names the flags, wherever it is."""
    if isinstance(value, dict):
        return next((found for inner in value.values() if (found := flag_enum(inner))), [])
    if isinstance(value, list):
        if "vpindex" in value and all(isinstance(one, str) for one in value):
            return value
        return next((found for inner in value if (found := flag_enum(inner))), [])
    return []


def test_recommended_flags_are_what_real_boots_printed() -> None:
    assert flags.expected(FLAGS) == SEEN


CASES = [
    (("vpindex", "synic"), Privileges(0x64, 0x30, 0x0, 0x8)),
    ((), Privileges(0x20, 0x0, 0x0, 0x8)),
    (("vapic",), Privileges(0x30, 0x0, 0x8, 0x8)),
    (("vapic", "avic"), Privileges(0x30, 0x0, 0x200, 0x8)),
    (("tlbflush",), Privileges(0x20, 0x0, 0x804, 0x8)),
    (("ipi", "tlbflush"), Privileges(0x20, 0x0, 0xC04, 0x8)),
    (("stimer-direct",), Privileges(0x20, 0x0, 0x0, 0x80008)),
    (("frequencies",), Privileges(0x820, 0x0, 0x0, 0x108)),
    (("reenlightenment", "reset", "crash"), Privileges(0x20A0, 0x0, 0x0, 0x408)),
    (("spinlocks=0x1fff", "vendor-id=x"), Privileges(0x20, 0x0, 0x0, 0x8)),
]


@pytest.mark.parametrize(("chosen", "words"), CASES)
def test_expected(chosen: tuple[str, ...], words: Privileges) -> None:
    assert flags.expected(chosen) == words
    assert flags.expected(reversed(chosen)) == words


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_that_is_missing_shows(flag: str) -> None:
    assert flags.expected(one for one in FLAGS if one != flag) != SEEN


def test_every_flag_of_the_schema_has_its_bits() -> None:
    names = flag_enum(json.loads(SCHEMA.read_text()))
    assert set(FLAGS) <= set(names)
    for name in names:
        assert flags.expected([name]) != flags.expected([]), name


LINES = [
    f"{PREFIX}low 0xa7f, high 0x30, hints 0xc2c, misc 0x80108",
    f"{PREFIX}low 0xa7f, high 0x30, ext 0x0, hints 0xc2c, misc 0x80108",
    f"{PREFIX}low 0xa7f, high 0x30, ext 0, hints 0xc2c, misc 0x80108",
]


@pytest.mark.parametrize("line", LINES)
def test_printed_by_6_12_and_by_7_3(line: str) -> None:
    assert flags.printed(line) == SEEN


def test_printed_differs_where_a_bit_differs() -> None:
    assert flags.printed(LINES[0].replace("0xa7f", "0xa7b")) not in {None, SEEN}
    assert flags.printed(f"{PREFIX}low 0x64, high 0x30, ext 0, hints 0, misc 0x8") == Privileges(0x64, 0x30, 0, 8)


@pytest.mark.parametrize(
    "line",
    ["", "Hypervisor detected: Microsoft Hyper-V", f"{PREFIX}low 0xa7f, high", LINES[0].replace("low", "lo"), PREFIX],
)
def test_other_lines_have_no_words(line: str) -> None:
    assert flags.printed(line) is None


def test_words_for_a_person() -> None:
    assert str(SEEN) == "low 0xa7f, high 0x30, hints 0xc2c, misc 0x80108"
