"""What makes a command fail, and where GitHub is pointed at."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipeline import gate, report_github, reporting
from pipeline.errors import UserError
from tests import reportruns


def one(status: str = "PASS", outcome: str = "kept") -> dict[str, Any]:
    return {"status": status, "outcome": outcome}


@pytest.mark.parametrize(
    ("records", "words", "status"),
    [
        ([one()], "", 0), ([one("FAIL", "lost")], "", 1), ([one("PASS", "lost")], "", 0),
        ([one("ERROR", "unknown")], "", 69), ([one("SKIP", "unknown")], "", 69),
        ([one("FAIL", "lost"), one("ERROR", "unknown")], "", 1),
        ([one("PASS", "lost")], "lost", 1), ([one("FAIL", "gained")], "lost,contradiction", 0),
        ([one("FAIL", "contradiction")], "lost, contradiction", 1), ([one("ERROR", "unknown")], "lost", 69),
        ([one("ERROR", "unknown")], "ERROR", 1), ([one("ERROR", "unknown")], "unknown", 1),
        ([one("FAIL", "gained")], "fail", 1), ([], "lost", 0), ([one("SKIP", "unknown")], "skip", 1),
    ],
)  # fmt: skip
def test_exit_status(records: list[dict[str, Any]], words: str, status: int) -> None:
    assert gate.exit_status(records, gate.words(words)) == status


@pytest.mark.parametrize("word", ["los", "PASS", "lost,none", "lost;kept", "*"])
def test_other_words_are_refused_with_those_there_are(word: str) -> None:
    with pytest.raises(UserError, match="neither an outcome nor a status") as caught:
        gate.words(word)
    assert "contradiction" in caught.value.hint


COMMAND = re.compile(r"::(error|warning|notice) (?:file=[^:,\n]+,line=\d+,)?title=[^:,\n]*::[^\n]+")


@pytest.mark.parametrize("which", ["real", "mixed"])
def test_annotations_are_commands_and_nothing_else(which: str) -> None:
    run = reportruns.mixed() if which == "mixed" else reportruns.real()
    lines = reporting.rendered(run, "annotations").splitlines()
    assert lines
    assert [line for line in lines if not COMMAND.fullmatch(line)] == []


def test_an_annotation_points_at_the_line_that_asked_or_decides() -> None:
    text = reporting.rendered(reportruns.real(), "annotations")
    assert "::warning file=kconfig/fragments/distro-m.config,line=2,title=" in text
    lost = next(dict(one) for one in reportruns.real().cells if one["outcome"] == "lost" and one["lost"])
    (top, *_) = [change for change in lost["changes"] if change["symbol"] == "HYPERV"]
    bare = {**lost, "changes": [{**top, "asked_at": ""}], "lost": ["HYPERV"]}
    assert report_github.place(bare) == ("drivers/hv/Kconfig", "5")
    assert report_github.place({**bare, "changes": [], "lost": []}) == ("", "")
