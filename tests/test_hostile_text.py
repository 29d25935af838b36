"""Text that a hostile tree, a mailbox or a user hands over: read in time, and refused by a UserError at most."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import distance, explain, expr, exprtree, kconfig, kconfiglang, kconfigtree, matrix, mbox, told, yamltext
from pipeline.errors import UserError
from pipeline.values import Resolution
from tests.hostile import budget, within
from tests.mails import DIFF, mail

MIB = 2**20
ROOT = Path(__file__).resolve().parent.parent
MATRIX = (ROOT / "matrix.yaml").read_text()
KCONFIG = (ROOT / "tests" / "faketree" / "drivers" / "hv" / "Kconfig").read_text()
CONFIG = 'CONFIG_HYPERV=m\n# CONFIG_HYPERV_VMBUS is not set\nCONFIG_CMDLINE="a \\"b\\" #"\nCONFIG_N=-5\nCONFIG_H=0xfF\n'
CONF = (
    ".config:4:warning: symbol value 'm' invalid for HYPERV\nA (HYPERV) [N/m/y/?] (NEW) \n"
    "WARNING: unmet direct dependencies detected for SYSFB\n  CONFIG_HYPERV_NET: m -> n\nCONFIG_A=n\n"
    "WARNING: CONFIG_HYPERV differs:\nmodule a did not have configs CONFIG_HYPERV CONFIG_B\n"
)
NOTES = "kernel/a.o HYPERV SMP\ndrivers/hv/b.o HYPERV_MODULE\n"


def pieces(text: str, *more: str) -> st.SearchStrategy[str]:
    """Texts of the words, blanks and signs of one, with anything between them."""
    words = {*text.replace("\n", " \n ").split(" "), *text.splitlines(keepends=True), *more, "\n", " ", "\t", "\\"}
    any_text = st.text(st.characters(codec="utf-8"), max_size=8)
    return st.lists(st.one_of(st.sampled_from(sorted(words)), any_text), max_size=30).map("".join)


def damaged(text: str) -> st.SearchStrategy[str]:
    """A text with a part of it taken out, doubled, or replaced."""
    at = st.integers(0, len(text))
    signs = st.sampled_from(["\0", "\r", "\x0c", "\u2028", "*"])
    junk = st.one_of(st.text(st.characters(codec="utf-8"), max_size=6), signs)
    return st.tuples(at, st.integers(0, 80), junk, st.booleans()).map(
        lambda cut: text[: cut[0]] + cut[2] + text[cut[0] + (0 if cut[3] else cut[1]) :]
    )


@budget(70)
@given(st.one_of(damaged(MATRIX), pieces(MATRIX, ": ", "- ", *"{}[]?", "&a", "*a", "<<", "!!python/name:os ")))
@example("&a [*a, *a]")
@example("{" * 5000)
@example("cells: [{variants: [a], configs: [../../../etc/passwd]}]")
def test_any_matrix_is_read_or_refused(text: str) -> None:
    with within(), suppress(UserError):
        found = matrix.parse(text.encode(), ROOT / "matrix.yaml", policies=["olddefconfig"], toolchains=["gcc"])
        assert found.cells


@budget(70)
@given(st.binary(max_size=200))
def test_any_bytes_are_yaml_or_have_a_problem(data: bytes) -> None:
    with within():
        document = yamltext.read(data)
    assert document.whole or document.problems


@budget(100)
@given(st.one_of(damaged(CONFIG), pieces(CONFIG, "CONFIG_", "=", '"', "y", "# ", " is not set")))
@example("# a\x0cCONFIG_HYPERV=y\nCONFIG_A=y\n")  # conf has that as one comment; it was read as an option
@example("# a\u2028CONFIG_HYPERV=y\nCONFIG_A=y\n")
@example("CONFIG_A=y\rCONFIG_HYPERV=y\n")
def test_any_config_is_read_as_conf_reads_it_or_refused(text: str) -> None:
    with within(), suppress(UserError):
        options = kconfig.parse(text.encode(), "f")
        lines = text.split("\n")  # confdata.c ends a line at \n alone
        for symbol, option in options.items():
            line = lines[int(option.origin.rpartition(":")[2]) - 1]
            assert line.startswith((f"CONFIG_{symbol}=", f"# CONFIG_{symbol} is not set"))
        assert kconfig.parse(kconfig.render(options.values()).encode(), "f").keys() == options.keys()


@budget(100)
@given(st.one_of(damaged(CONF), pieces(CONF)), st.one_of(damaged(CONF), pieces(CONF)))
def test_any_words_of_conf_are_read(stdout: str, stderr: str) -> None:
    with within():
        for one in told.told(stdout, stderr):
            assert one.text.strip() in stdout + stderr
            assert one.symbols or ":warning:" in one.text
            assert not one.invalid or f"' invalid for {one.invalid}" in one.text


@pytest.mark.parametrize("unit", [
    "(A) [", "symbol value '", "CONFIG_A", " -> ", "module ", "] (NEW)", "(A) [y] (NEW", "\n", "a\n", "CONFIG_\n", "(",
])  # fmt: skip
@pytest.mark.parametrize("start", ["", ".config:1:warning: ", "module x did not have configs ", " CONFIG_A: "])
def test_much_of_conf_is_read_in_time(start: str, unit: str) -> None:
    text = start + unit * (MIB // 4 // len(unit))
    with within():
        told.told(text, text)  # two of these took longer than anybody waits, each with the square of its length


def reference(text: str) -> list[str]:
    """The options that conf's questions in a line ask for, by the pattern that this was before it had to be fast."""
    import re  # noqa: PLC0415 - here alone

    return re.findall(r"\((\w+)\) \[[^\]]*\] \(NEW\)", text)[:1]


@budget(100)
@given(st.lists(st.sampled_from(["(A)", " [", *"[] x", "] (NEW)", "(B)", "(C) [", "(NEW)"]), max_size=12).map("".join))
def test_a_question_is_found_as_by_its_pattern(text: str) -> None:
    assert [one for one in [told._question(text)] if one] == reference(text)


@budget(100)
@given(st.one_of(damaged(KCONFIG), pieces(KCONFIG, "$(", *")\"'(!", "if ", "&&", "help\n", "source ", "endif\n")))
@example('source "Kconfig"\n')
@example("config A\n\tdepends on " + "(" * 5000 + "B\n")
@example("config A\n\tdepends on " + "!" * 5000 + "B\n")
@example("if A\n" * 3000 + "config B\n\tbool\n")
@example("choice\n" * 3000)
def test_any_kconfig_is_read_and_explained(text: str) -> None:
    with within():
        kconfiglang.statements(text)
        index = kconfigtree.index({"Kconfig": text, "drivers/hv/Kconfig": KCONFIG})
        found = explain.explained(
            Resolution(
                old=CONFIG, final="CONFIG_HYPERV=y\n", commands=(), stdout="", stderr=CONF, exit_status=0, seconds=0.0,
            ), index, "olddefconfig",
        )  # fmt: skip
    assert {change.symbol for change in found.changes} >= {"HYPERV"}


@pytest.mark.parametrize("unit", ["$(", '"$(', "if ", "\\\n", "a\\\n", '"\\', "# ", "A && ", "A ||", *'"(!)\\'])
@pytest.mark.parametrize("start", ["config A\n\tdepends on ", "$(", "config A\n\thelp\n  ", "menu "])
def test_much_kconfig_is_read_in_time(start: str, unit: str) -> None:
    with within():
        index = kconfigtree.index({"Kconfig": start + unit * (MIB // 8 // len(unit))})
        for symbol in index.symbols.values():
            for definition in symbol.definitions:
                for condition in definition.depends:
                    expr.level(exprtree.parse(condition.text), {})


@budget(100)
@given(st.one_of(damaged(NOTES), pieces(NOTES, ".o", "_MODULE", "../x.o", "/x.o", "a" * 400 + ".o")))
def test_any_notes_of_fixdep_are_objects_of_the_tree(text: str) -> None:
    with within():
        found = distance.parse(text)
    assert all(path.endswith(".o") and not path.startswith("/") for path in found.objects)
    assert all(mask < 1 << max(len(found.objects), 1) for mask in found.masks.values())


HEAD = "[PATCH] a"
PARTED = 'Content-Type: multipart/mixed; boundary="b"\n'


@pytest.mark.parametrize("data", [
    mail(HEAD, head=PARTED * 11), mail(HEAD, head="A: b\n" * 20_000), mail(HEAD, DIFF + b"--b\n\n" * MIB, head=PARTED),
    mail(HEAD, b"".join(b'--b\nContent-Type: multipart/mixed; boundary="b"\n\n' for _ in range(300)) + b"a\n" * MIB),
    mail(HEAD, head="Content-Type: message/rfc822\n\n" * 500),
], ids=["multiparts", "header", "parts", "nested", "forwarded"])  # fmt: skip
def test_a_message_that_would_take_hours_is_refused(data: bytes) -> None:
    with within(), pytest.raises(UserError, match="take this message out"):
        mbox.series(data, "x")


@pytest.mark.parametrize("unit", [b"--- a\n", b"@@ -", b"From x 1:00 2000\n", b"From 1:00", b"=?utf-8?q?", b"[", b"="])
def test_much_of_a_mailbox_is_read_in_time(unit: bytes) -> None:
    chance = random.Random(0)  # noqa: S311 - not for secrets
    for start in (b"", mail(HEAD, DIFF), chance.randbytes(64).replace(b"\n", b"")):
        with within(), suppress(UserError):
            mbox.series(start + unit * (MIB // 2 // len(unit)), "x")
