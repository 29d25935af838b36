"""The parts of the document: patches, causes, reported losses, and Markdown itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import answer, answer_cells, answer_cost, answer_incidents, markdown
from pipeline.answer_cells import Word, word
from pipeline.errors import UserError
from tests.answerrun import ROOT, changed, judged, row

if TYPE_CHECKING:
    from pipeline.answer_run import Given


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return judged(tmp_path_factory.mktemp("small"))


def cell(given: Given, start: str) -> dict[str, Any]:
    (found,) = [one for one in given.cells if one["cell"].startswith(f"{start}/")]
    return dict(found)


def test_a_name_that_is_gone_is_told(small: Given) -> None:
    cells = [
        {**one, "declared": ["HYPERV_CORE" if name == "HYPERV" else name for name in one["declared"]]}
        if one["variant"] == "default-y" else one for one in small.cells
    ]  # fmt: skip
    patch = answer_cost.patch((ROOT / "kconfig" / "variants" / "transitional.patch").read_text())
    text = answer.document(replace(small, cells=cells, patches={**small.patches, "default-y": (patch,)}))
    assert row(text, "What each", "`default-y`")[8:] == ["HYPERV", "HYPERV_CORE"]
    files, lines = answer_cost.renamed([patch], "HYPERV", "HYPERV_CORE")
    assert f"In {lines} lines of {files} files its patch only puts HYPERV_CORE in its place" in " ".join(text.split())
    assert 0 < lines <= patch.removed


def test_a_variant_with_a_kernel_that_was_not_built_is_not_as_it_was(small: Given) -> None:
    kept = next(one for one in small.cells if word(one) is Word.KEPT)
    name = f"`{kept['variant']}`"
    assert name in answer._short([kept])[1]
    failed = {"config": "other", "outcome": "unknown", "status": "FAIL", "class": "BUILD_FAILED", "observed": None}
    assert name not in answer._short([kept, {**kept, **failed}])[1]


PATCH = """\
Subject: [variant] hv: another name

-- no hunk, and no line
---
diff --git a/a/Kconfig b/a/Kconfig
--- a/a/Kconfig
+++ b/a/Kconfig
@@ -1,3 +1,4 @@ menu
 config A
-\tdepends on HYPERV && HYPERV_NET
--- gone
+\tdepends on CORE && HYPERV_NET
+++ come
+\tbool
@@ -9 +10 @@
-#if IS_ENABLED(CONFIG_HYPERV)
+#if IS_ENABLED(CONFIG_CORE)
--
2.47
"""


def test_a_patch_is_counted() -> None:
    found = answer_cost.patch(PATCH)
    assert (found.subject, list(found.files), found.removed, found.added) == ("hv: another name", ["a/Kconfig"], 3, 4)
    assert answer_cost.renamed([found], "HYPERV", "CORE") == (1, 2)
    assert answer_cost.renamed([found], "HYPERV_NET", "CORE") == (0, 0)


@pytest.mark.parametrize("name", sorted({one.cells for one in answer_incidents.INCIDENTS}))
def test_an_incident_needs_its_cell_and_its_cause(small: Given, name: str) -> None:
    start = name.removesuffix("/*")
    without = [one for one in small.cells if not one["cell"].startswith(start)]
    mine = cell(small, start)
    if mine["config"] != "efi":  # without this one, sysfb-depends was not given the same configs
        with pytest.raises(UserError, match=re.escape(f"the run has no cell {name}")):
            answer.document(changed(small, without))
    other = [{**one, "kind": "new"} for one in mine["changes"]]
    spoilings: list[dict[str, Any]] = [{"changes": []}, {"changes": other}, {"outcome": "kept", "class": ""}]
    for spoilt in spoilings:
        with pytest.raises(UserError, match="does not show"):
            answer.document(changed(small, [*without, {**mine, **spoilt}]))


def test_a_loss_that_only_the_boot_shows_has_its_own_cause(small: Given) -> None:
    dead = {**cell(small, "merged/efi"), "outcome": "lost", "class": "NO_BOOT", "reason": "a panic | at once\nmore"}
    assert answer_cells.cause(dead) == answer_cells.Cause(("✗ lost silent", "NO_BOOT"), "a panic \\| at once")
    assert word({**dead, "outcome": "contradiction"}) is Word.CONTRADICTION
    assert word({**dead, "outcome": "unknown", "class": "BUILD_FAILED"}) is Word.UNBUILT
    assert word({**dead, "outcome": "unknown", "class": "", "status": "SKIP"}) is Word.SKIPPED
    with pytest.raises(ValueError, match="has no result"):
        word({**dead, "outcome": "unknown", "class": ""})


def test_causes_have_marks() -> None:
    assert [answer_cells._letters(number) for number in (0, 25, 26, 27, 702)] == ["a", "z", "aa", "ab", "aaa"]


@given(st.text(max_size=60))
def test_text_of_a_record_stays_in_its_place(text: str) -> None:
    for made in (markdown.plain(text), markdown.code(text)):
        assert re.search(r"(?<!\\)\|", made) is None
        assert made.isprintable()
    assert "`" not in markdown.code(text)[1:-1]


@given(st.lists(st.sampled_from(["-", "+", "#", "##", "1.", "2)", ">", "*", "word" * 9, "a"]), min_size=1, max_size=90))
def test_no_line_becomes_a_list(words: list[str]) -> None:
    first, *rest = markdown.bullets(["begins " + " ".join(words)]).splitlines()
    assert first.startswith("- begins")
    assert not [line for line in rest if re.match(r"  ([-+*>#]|##|\d[.)])( |$)", line)]
    assert "".join(f"{first[2:]} {' '.join(rest)}".split()) == "begins" + "".join(words)
