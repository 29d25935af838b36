"""The page of a run in a real browser: what it shows, and that nothing of a guest gets to run in it."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import pagedata, reporting
from pipeline.reportrun import seen
from tests import answerrun, bootedrun, reportruns
from tests.browsing import SHOT, driven, key, picture, run, screen, value

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.engine import Engine

BAD = ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening"]
SAID = ("events", BAD)
VERDICT = "[named(one, 'cell'), [named(one, 'status'), named(one, 'outcome'), shown(one)]]"
VERDICTS = f"Object.fromEntries(D.cells.map((one) => {VERDICT}))"
ALL_TILES = "[...document.querySelectorAll('#matrix .tile')]"
TILES = f"Object.fromEntries({ALL_TILES}.map((one) => [one.ariaLabel, one.className]))"
PNG = b"\x89PNG\r\n"
FETCHES = re.compile(
    r"https?://(?!www\.w3\.org/2000/svg)|@import|\burl\(|<link(?! rel=\"icon\" href=\"data:,\")|<iframe|\bfetch\(",
)


def page(which: str, tmp_path: Path) -> str:
    if which == "booted":
        with reporting.opened(bootedrun.write(tmp_path / "run")) as found:
            return reporting.rendered(found, "html")
    return reporting.rendered(reportruns.mixed() if which == "mixed" else reportruns.real(), "html")


@pytest.mark.docker
@pytest.mark.parametrize("which", ["real", "mixed"])
def test_the_page_shows_the_verdicts_of_the_records(which: str, engine: Engine, tmp_path: Path) -> None:
    cells = (reportruns.mixed() if which == "mixed" else reportruns.real()).cells
    answers = driven(engine, page(which, tmp_path), [run(VERDICTS), run(TILES), SAID])
    wanted = {one["cell"]: [str(one["status"]), str(one["outcome"]), seen(one)] for one in cells}
    assert value(answers[0]) == wanted
    tiles = value(answers[1])
    assert len(tiles) == len(cells)
    for one in cells:
        label = f"{one['variant']}, {one['config']}, {one['policy']}: {one['outcome']}, {one['status']}, {seen(one)}"
        assert tiles[label] == f"tile {one['outcome']} {one['status']}"
    assert answers[2] == []


@pytest.mark.docker
def test_nothing_of_a_guest_runs_or_becomes_an_element(engine: Engine, tmp_path: Path) -> None:
    text = page("mixed", tmp_path)
    unfold = "document.querySelectorAll('details').forEach((one) => { one.open = true })"
    everything = f"for (const cell of D.cells) {{ openCell(cell); {unfold} }}"
    bad = "document.querySelectorAll('img, svg[onload], failure, [onerror], iframe').length"
    scripts = "document.querySelectorAll('script').length"
    wait = run("new Promise((done) => setTimeout(done, 200))")
    answers = driven(engine, text, [run(everything), wait, run(bad), run(scripts), SAID])
    assert [value(answers[2]), value(answers[3])] == [0, 2]
    assert answers[4] == []


@pytest.mark.docker
def test_a_script_that_is_not_the_pages_own_is_refused(engine: Engine, tmp_path: Path) -> None:
    text = page("booted", tmp_path)
    forged = text.replace("</main>", "</main><script>document.title = 'forged'</script>")
    assert forged != text
    answers = driven(engine, forged, [run("document.title"), SAID])
    assert value(answers[0]) == "hvmatrix run"
    assert "Content Security Policy" in str(answers[1])


@pytest.mark.docker
def test_a_cell_opens_by_keyboard_and_by_link(engine: Engine, tmp_path: Path) -> None:
    text = page("booted", tmp_path)
    place = sorted(path.name for path in answerrun.BOOTS.iterdir() if path.is_dir())[2]  # two rows below the first
    name = f"{place}/c/olddefconfig/gcc/hyperv"
    focused = run("document.activeElement.className || document.activeElement.id")
    opened = run("$('detail').open && $('detail-title').textContent")
    tabs = [step for _ in range(7) for step in key("Tab")]  # the skip link, five filters, the first tile
    steps: list[Any] = [
        *tabs, focused, *key("ArrowDown"), *key("ArrowDown"), *key("Enter"), opened,
        run("document.querySelector('#detail .hit').textContent"), run("$('detail-body').innerText"), *key("Escape"),
        run("$('detail').open"), focused, run(f"location.hash = '{name}'"),
        run("new Promise((done) => setTimeout(done, 100))"), opened, SAID,
    ]  # fmt: skip
    answers = driven(engine, text, steps)
    found = [value(one) for one in answers[len(tabs) :] if isinstance(one, dict) and "result" in one]
    assert "tile" in found[0]
    assert found[1] == name
    assert "Hypervisor detected: Microsoft Hyper-V" in found[2]
    titles = ("Ladder", "Evidence", "Explain", "Options", "QEMU", "qemu-system-x86_64", "Again", "./inv matrix --cells")
    assert [title for title in titles if title not in found[3]] == []
    assert found[4] is False
    assert "tile" in found[5]
    assert found[-1] == name
    assert answers[-1] == []


@pytest.mark.docker
def test_filters_and_the_comparison_of_two_variants(engine: Engine, tmp_path: Path) -> None:
    change = "$('filters').dispatchEvent(new Event('input'))"
    tiles = "document.querySelectorAll('#matrix tbody:not([hidden]) tr:not([hidden]) .tile:not(.dim)').length"
    steps = [
        run(f"$('search').value = 'merged cloud'; {change}; {tiles}"), run("$('count').textContent"),
        run(f"$('search').value = ''; $('outcome').value = 'lost'; {change}; {tiles}"),
        run(f"$('outcome').value = ''; $('variant').value = 'merged'; {change}"),
        run(f"$('other').value = 'default-y'; {change}; {tiles}"),
        run("$('compare-title').textContent"), run("$('compare').querySelectorAll('tbody tr').length"),
    ]  # fmt: skip
    cells = reportruns.real().cells
    merged = [one for one in cells if "merged" in one["cell"] and "cloud" in one["cell"]]
    found = [value(one) for one in driven(engine, page("real", tmp_path), steps)]
    assert found[0] == len(merged) > 0
    assert found[1] == f"{len(merged)} of 150 cells"
    assert found[2] == sum(one["outcome"] == "lost" for one in cells)
    assert found[4] == sum(one["variant"] in {"merged", "default-y"} for one in cells)
    by_name = {one["cell"]: (one["outcome"], one["status"], seen(one)) for one in cells}
    pairs = [(name, name.replace("merged/", "default-y/", 1)) for name in by_name if name.startswith("merged/")]
    common = [(by_name[left], by_name[right]) for left, right in pairs if right in by_name]
    differing = sum(left != right for left, right in common)
    assert found[5] == f"merged and default-y: {differing} of {len(common)} common cells differ"
    assert found[6] == differing > 0


@pytest.mark.docker
def test_a_rung_that_was_only_promised_is_not_told_as_reached(engine: Engine, tmp_path: Path) -> None:
    count = "['reached', 'promised'].map((name) => document.querySelectorAll(`.ladder .${name}`).length)"
    booted = [run(f"openCell(D.cells.find((one) => {how}named(one, 'observed'))); {count}") for how in ("", "!")]
    seen_, promised = map(value, driven(engine, page("mixed", tmp_path), booted))
    assert seen_[0] > 0 == seen_[1]
    assert promised[0] == 0 < promised[1]


def light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1])
def test_what_is_to_be_seen_differs_from_its_ground(theme: int) -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11: 4.5 for text, 3 for fields and bars."""
    style = (resources.files("pipeline") / "page" / "page.css").read_text()
    colours = re.findall(r"--(\w+): (#\w{6});", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[theme])
    found = {name: light(colour) for name, colour in colours}
    wanted = [("edge", "paper", 3.0), ("edge", "card", 3.0), ("boot", "code", 3.0), ("focus", "code", 3.0)]
    wanted += [(text, ground, 4.5) for text in ("ink", "soft", "focus") for ground in ("paper", "card", "code")]
    wanted += [("ink", tile, 4.5) for tile in ("kept", "lost", "gained", "off", "against", "unknown", "mark")]
    low = [(one, two) for one, two, least in wanted if _ratio(found[one], found[two]) < least]
    assert low == []
    assert _ratio(found["line"], found["paper"]) < 3  # what it was that was too weak


def _ratio(one: float, two: float) -> float:
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)


@pytest.mark.docker
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_the_screen_in_both_themes(scheme: str, width: int, engine: Engine, tmp_path: Path) -> None:
    bars = run("document.querySelectorAll('.time rect.build, .time rect.boot').length")
    wide = run("[document.documentElement.scrollWidth, $('detail').scrollWidth - $('detail').clientWidth]")
    colours = run("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    steps = [*screen(width, 800, scheme), SHOT, wide, run("openCell(D.cells[4])"), SHOT, wide, colours, bars]
    answers = driven(engine, page("booted", tmp_path), steps)[2:]
    assert picture(answers[0]).startswith(PNG)
    assert picture(answers[0]) != picture(answers[3])
    assert value(answers[1])[0] <= width
    assert value(answers[4])[1] <= 0
    paper, ink = (int(re.findall(r"\d+", text)[0]) for text in value(answers[5]))
    assert (paper > ink) == (scheme == "light")
    assert value(answers[6]) == 2 * sum(path.is_dir() for path in answerrun.BOOTS.iterdir())


@pytest.mark.docker
def test_two_thousand_cells_open_and_filter(engine: Engine) -> None:
    text = reporting.rendered(reportruns.many(2000), "html")
    steps = [run("$('search').value = 'none such'; filter(); $('count').textContent")]
    steps += [run("$('search').value = ''; filter(); openCell(D.cells[1999]); $('count').textContent")]
    assert [value(one) for one in driven(engine, text, steps)] == ["0 of 2000 cells", "2000 of 2000 cells"]


def test_two_thousand_cells_are_written_small(tmp_path: Path) -> None:
    folder = reportruns.write(reportruns.many(2000), tmp_path / "run")
    assert reporting.report(folder, "html", tmp_path / "page.html") == 0
    assert (tmp_path / "page.html").stat().st_size < 5 * 2**20


@pytest.mark.parametrize("which", ["mixed", "booted"])
def test_the_page_fetches_nothing(which: str, tmp_path: Path) -> None:
    assert not FETCHES.search(page(which, tmp_path))


def test_data_cannot_end_its_element() -> None:
    assert pagedata.as_json({"a": "</script><!--&"}) == '{"a":"\\u003c/script\\u003e\\u003c!--\\u0026"}'


def test_a_record_points_into_no_file_but_its_own_logs(tmp_path: Path) -> None:
    asked = []
    run_ = reportruns.mixed()
    run_.cells[0]["evidence"] = ["../../../etc/passwd:1: x", "/etc/passwd:1: x", "evidence/../x:1: x", "dmesg.txt:1: y"]
    with reporting.opened(reportruns.write(run_, tmp_path / "run")) as found:
        pass
    noted = type(found)(
        place=found.place, note=found.note, cells=found.cells[:1], controls=(),
        text=lambda cell, name: asked.append((cell, name)) or "",  # type: ignore[func-returns-value]
    )  # fmt: skip
    pagedata.data(noted)
    assert {name for _, name in asked} <= {"dmesg.txt", "boot.json", "reproduce.sh", "console.log", "build.log"}


def test_the_line_that_is_shown_is_the_one_that_is_evidence(tmp_path: Path) -> None:
    with reporting.opened(bootedrun.write(tmp_path / "run")) as found:
        made = pagedata.data(found)
    files = set()
    for cell in made["cells"]:
        shown = {
            (made["texts"][file], number): made["texts"][made["lists"][listed][number - first]]
            for file, first, number, listed in (made["logs"][one] for one in cell["logs"])
        }
        for evidence in (made["texts"][one] for one in made["lists"][cell["evidence"]]):
            file, number, text = evidence.split(":", 2)
            assert text.strip() in shown[file, int(number)], evidence
            files.add(file)
    assert {"console.log", "dmesg.txt", "evidence/vmbus"} <= files
