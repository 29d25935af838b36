"""The judge's rules taken away: mutants are made as they should be, noticed where they matter, and all on the page."""

from __future__ import annotations

import pytest

from tests import mutants

TEXT = """
ROWS = (("a", 1), ("b", 2))
NAMES = {"x"}
TABLE = {"k": 1, "l": 2}

def rule(a, b):
    if a and b:
        return [one for one in a if one]
    return 1 if b else 2
"""
WHOLE = {
    ("('a', 1)", "without"), ("('b', 2)", "without"), ("'x'", "without"), ("'k': 1", "without"), ("'l': 2", "without"),
    ("a and b", "never"), ("a and b", "inverted"), ("a", "without"), ("b", "without"), ("one", "without"),
    ("b", "never"), ("b", "inverted"),
}  # fmt: skip


def test_each_rule_is_changed_once_and_nothing_else() -> None:
    made = list(mutants.mutants("m", TEXT))
    assert {(one.rule, one.change) for one in made} == WHOLE
    assert len({one.text for one in made}) == len(made) == len(WHOLE)
    for one in made:
        compile(one.text, "mutant", "exec")
    (never,) = [one.text for one in made if (one.rule, one.change) == ("a and b", "never")]
    assert "if False:" in never
    assert "ROWS = (('a', 1), ('b', 2))" in never


def mutant(module: str, rule: str, change: str) -> mutants.Mutant:
    text = (mutants.ROOT / "pipeline" / f"{module}.py").read_text()
    return next(one for one in mutants.mutants(module, text) if (one.rule, one.change) == (rule, change))


@pytest.mark.parametrize(("module", "rule", "change"), [
    ("verdict", "case.refused", "never"),
    ("observe", "seen != wanted", "inverted"),
    ("postmortem", "'host: start' not in host", "never"),
])  # fmt: skip
def test_a_rule_that_is_gone_is_noticed(module: str, rule: str, change: str) -> None:
    tests = ["tests/test_verdict.py", "tests/test_golden.py", "tests/test_postmortem.py"]
    assert mutants.noticed(mutant(module, rule, change), tests).startswith("test_")


def test_a_change_that_changes_nothing_is_noticed_by_no_test() -> None:
    same = mutants.Mutant("verdict", 1, "", "", (mutants.ROOT / "pipeline" / "verdict.py").read_text())
    assert mutants.noticed(same, ["tests/test_verdict.py"]) == mutants.SURVIVED


def test_the_page_has_every_rule_that_there_is() -> None:
    wanted = {
        mutants.row(one, "").rsplit("|", 2)[0]
        for module in mutants.JUDGE
        for one in mutants.mutants(module, (mutants.ROOT / "pipeline" / f"{module}.py").read_text())
    }
    rows = [line for line in mutants.PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    there = {row.rsplit(" |", 2)[0] + " " for row in rows}
    hint = "run .venv/bin/python -m tests.mutants"
    assert there == wanted, hint
    assert sum(row.endswith(f"| {mutants.SURVIVED} |") for row in rows) == 0, hint
