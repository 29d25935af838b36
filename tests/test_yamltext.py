"""What YAML may hold, and how each thing that it may not is refused.

Never reads a file.
"""

from __future__ import annotations

import time

import pytest

from pipeline import yamltext
from pipeline.yamlscan import MAX_BYTES, MAX_DEPTH, MAX_NODES, Problem
from pipeline.yamltext import Refused, Unquoted

BOMB = b"a: &a [x, x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (name, name, b", ".join([b"*%c" % (name - 1)] * 9)) for name in b"bcdefghi"
)


def said(text: bytes) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in yamltext.read(text).problems]


def test_plain_values() -> None:
    text = b"a: 1\nb: -7\nc: true\nd: False\ne: [y, m, n]\nf: ~\ng: '6.10'\nh: \"yes\"\ni: +5\nj: 0\n"
    document = yamltext.read(text)
    assert document.problems == ()
    assert document.whole
    assert document.data == {
        "a": 1,
        "b": -7,
        "c": True,
        "d": False,
        "e": ["y", "m", "n"],
        "f": None,
        "g": "6.10",
        "h": "yes",
        "i": 5,
        "j": 0,
    }


def test_lines_of_keys_and_values() -> None:
    document = yamltext.read(b"# one\na:\n  - x\n  -\n    b: {c: 1,\n      d: 2}\n")
    assert document.key_line(("a",)) == 2
    assert document.line(("a",)) == 3
    assert document.line(("a", 0)) == 3
    assert document.key_line(("a", 1)) == 5
    assert document.key_line(("a", 1, "b", "d")) == 6
    assert document.line(("a", 1, "b", "missing")) == 5
    assert document.line(()) == 2


def test_line_without_any_known_parent() -> None:
    assert yamltext.read(b"").line(("a", "b")) == 1


def test_windows_line_ends_and_byte_order_mark() -> None:
    document = yamltext.read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert document.data == {"a": 1, "b": 2}
    assert document.key_line(("b",)) == 2


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("6.10", "the number 6.1"),
        ("6.12", "the number 6.12"),
        ("1e+3", None),
        ("1.0e+3", "the number 1000.0"),
        (".inf", "the number inf"),
        ("010", "the number 8"),
        ("0x10", "the number 16"),
        ("1_000", "the number 1000"),
        ("1:30", "the number 90"),
        ("0x_", "a number"),
        ("9" * 19, f"the number {'9' * 19}"),
        ("2024-01-01", "a date"),
    ],
)
def test_surprising_scalars_are_marked(text: str, reading: str | None) -> None:
    document = yamltext.read(f"a: {text}\n".encode())
    assert document.problems == ()
    expected = text if reading is None else Unquoted(text=text, reading=reading)
    assert document.data == {"a": expected}


def test_advice_says_what_to_type() -> None:
    marker = yamltext.read(b"[6.10]").data[0]
    assert marker.advice == "6.10 is read by YAML as the number 6.1: quote it: '6.10'"


def test_base_60_without_end_is_not_computed() -> None:
    marker = yamltext.read(b"a: 1" + b":1" * 100_000).data["a"]
    assert marker == Unquoted(text="1" + ":1" * 29 + ":" + "...", reading="a number")


@pytest.mark.parametrize("word", ["yes", "No", "ON", "off"])
def test_yaml_1_1_booleans(word: str) -> None:
    document = yamltext.read(f"a: 1\nb: {word}\n".encode())
    assert document.data == {"a": 1, "b": Refused()}
    (problem,) = document.problems
    assert problem.line == 2
    assert f"quote it: '{word}'" in problem.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"6.10: 1", "6.10 is read by YAML as the number 6.1: quote it: '6.10'"),
        (b"12: 1", "12 is read by YAML as a number: quote it: '12'"),
        (b"true: 1", "true is read by YAML as a boolean: quote it: 'true'"),
        (b"on: 1", "quote it: 'on'"),
        (b"2024-01-01: 1", "a date"),
        (b"~: 1", "a key is empty"),
        (b"?\n: 1", "a key is empty"),
        (b"[a]: 1", "a key must be one word"),
        (b"{a: b}: 1", "a key must be one word"),
        (b"<<: {a: 1}", "merge keys (<<) are not supported"),
        (b"*x : 1", "*x: aliases are not supported: write it out"),
        (b"!!str a: 1", "the tag !!str is not supported"),
    ],
)
def test_refused_keys(text: bytes, message: str) -> None:
    found = said(b"z: 0\n" + text + b"\n")
    assert [line for line, _ in found] == [2]
    assert message in found[0][1]


def test_quoted_merge_key_is_a_word() -> None:
    assert yamltext.read(b"'<<': 1").data == {"<<": 1}


def test_duplicate_keys_name_both_lines_and_keep_the_first() -> None:
    document = yamltext.read(b"a: 1\nb:\n  c: 1\n  c: {d: 2}\na: 3\n")
    assert document.data == {"a": 1, "b": {"c": 1}}
    assert document.problems == (
        Problem(line=4, message="key 'c' is given twice: first on line 3"),
        Problem(line=5, message="key 'a' is given twice: first on line 1"),
    )
    assert document.line(("a",)) == 1


def test_anchors_and_aliases() -> None:
    document = yamltext.read(b"a: &x [1]\nb: *x\n")
    assert [(problem.line, problem.message) for problem in document.problems] == [
        (1, "&x: aliases are not supported: write it out"),
        (2, "*x: aliases are not supported: write it out"),
    ]
    assert document.data == {"a": [1], "b": Refused()}


def test_alias_bomb_costs_nothing() -> None:
    began = time.monotonic()
    found = said(BOMB)
    assert time.monotonic() - began < 2
    assert len(found) == 9 + 8 * 9
    assert all("aliases are not supported" in message for _, message in found)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (b'!!python/object/apply:os.system ["true"]', "!!python/object/apply:os.system"),
        (b"!!python/name:os.system x", "!!python/name:os.system"),
        (b"!foo {b: 1}", "!foo"),
        (b"!!str 6.10", "!!str"),
        (b"! x", "!"),
        (b"!<tag:example.org,2000:x> x", "tag:example.org,2000:x"),
    ],
)
def test_explicit_tags(text: bytes, tag: str) -> None:
    document = yamltext.read(b"a:\n  " + text + b"\n")
    assert document.data == {"a": Refused()}
    assert document.problems == (Problem(line=2, message=f"the tag {tag} is not supported: leave it out"),)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (b"a: 1\n" * 60_000, 1, "larger than 256 KiB"),
        (b"a: 1\nb: \0\n", 2, "NUL byte"),
        (b"\x7fELF\2\1\1\0", 1, "NUL byte"),
        ("a: 1\nb: caf\u00e9\n".encode("latin-1"), 2, "byte 0xe9 is not UTF-8"),
        ("a: 1".encode("utf-16"), 1, "NUL byte"),
        (b"a: 1\nb: \x1b[31m\n", 2, "control character U+001B"),
        ("a: 1\n# \u2028\n".encode(), 2, "control character U+2028"),
        (b"a: 1\rb: 2\r", 1, "control character U+000D"),
        (b"\n\na: [1, 2\n", 4, "this is not YAML"),
        (b"a: 1\n\tb: 2\n", 2, "this is not YAML"),
        (b"a: b: c\n", 1, "this is not YAML"),
        (b"a: %b\n", 1, "this is not YAML"),
        (b"a: @b\n", 1, "this is not YAML"),
        (b'a: 1\nb: "\\UFFFFFFFF"\n', 2, "too large"),
        (b"%YAML " + b"9" * 5000 + b".1\n---\na: 1\n", 1, "too large"),
        (b"", 1, "the file is empty"),
        (b"  \n# nothing\n", 1, "the file is empty"),
        (b"---\n...\n", 1, "the file is empty"),
        (b"[" * 100_000, 1, f"more than {MAX_DEPTH} levels"),
        (b"{a: " * 60_000, 1, f"more than {MAX_DEPTH} levels"),
        (b"- " * 100_000, 1, f"more than {MAX_DEPTH} levels"),
        (b"".join(b" " * deep + b"a:\n" for deep in range(300)), MAX_DEPTH + 1, "levels of nesting"),
        (b"- a\n" * MAX_NODES, MAX_NODES, f"more than {MAX_NODES} values"),
    ],
)
def test_texts_that_cannot_be_read(text: bytes, line: int, message: str) -> None:
    began = time.monotonic()
    document = yamltext.read(text)
    assert time.monotonic() - began < 5
    assert not document.whole
    assert document.data is None
    assert document.problems[-1].line == line
    assert message in document.problems[-1].message


def test_as_much_as_is_allowed() -> None:
    assert yamltext.read(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).problems == ()
    assert yamltext.read(b"- a\n" * (MAX_NODES - 1)).problems == ()
    assert yamltext.read(b"a: 1 #".ljust(MAX_BYTES, b"x")).problems == ()


@pytest.mark.parametrize("text", [b'"a\\0b"', b'"a\\nb"', b'"\\e[31m"', b'"\\ud800"', b'"\\L"', b"|\n  b\n"])
def test_control_characters_by_escape(text: bytes) -> None:
    document = yamltext.read(b"a: " + text + b"\n")
    assert document.data == {"a": Refused()}
    assert "inside a value" in document.problems[0].message


def test_second_document() -> None:
    document = yamltext.read(b"a: 1\n---\nb: 2\n")
    assert document.data == {"a": 1}
    assert document.problems == (Problem(line=2, message="a second document: only one is allowed in a file"),)


def test_every_problem_is_collected_in_one_reading() -> None:
    found = said(b"a: yes\nb: &x 1\nc: !t 2\nd: 1\nd: 2\n<<: 1\n[e]: 1\n")
    assert sorted(line for line, _ in found) == [1, 2, 3, 5, 6, 7]


def test_what_came_before_a_syntax_error_is_kept() -> None:
    assert [line for line, _ in said(b"a: &x 1\nb: [\n")] == [1, 3]
