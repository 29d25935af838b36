"""The page and the plot of `bench build`: every figure is as measured, or said to be a guess."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from pipeline import benchpage, benchplot
from pipeline.benchsums import FIRST, NEXT, OTHERS, REPEAT, WORST


def noted(*, measured: int) -> dict[str, Any]:
    """A measurement as it is written, of a floor, one run, and tuxmake."""
    def total(name: str, wall: float, many: int, of: int, core: float | None = None) -> dict[str, Any]:
        inside = None if name.startswith("this") else wall * 1.5
        spent = {"wall": wall, "cpu": wall * 1.9, "inside": inside, "core": core}
        return {"series": name, "spent": spent, "built": of, "measured": many, "pieces": of}

    kinds = {FIRST: {"measured": 8, "pieces": 8}, NEXT: {"measured": measured - 8, "pieces": 142}}
    cold = total("tuxmake + ccache, cold", 36000.4, measured, 150, 30000)
    if measured < 150:
        least, most = ({**cold["spent"], "wall": wall, "core": wall - 3600} for wall in (18000, 36000))
        cold = {**{key: cold[key] for key in ("series", "built", "measured", "pieces")}, "least": least, "most": most}
    return {
        "bench": "build", "date": "2026-11-23", "machine": "2 x CPU <&> [0], 8 GiB", "against": "floor",
        "facts": {"cells": 150, "distinct kernels": 52, "tuxmake": "tuxmake 1.45.0"},
        "kinds": {**kinds, REPEAT: {"measured": 0, "pieces": 0}},
        "totals": [
            total("floor", 7200, 52, 52), total("this pipeline, cold", 6000, 52, 52),
            total("this pipeline, first-posted changed (drivers/hv/Kconfig)", 3.25, 1, 1), cold,
            total("tuxmake + ccache, warm", 5850, measured, 150),
        ],
    }  # fmt: skip


def test_the_page_says_what_was_measured_and_what_was_not() -> None:
    page = benchpage.page(noted(measured=22))
    rows = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in page.splitlines()
            if row.startswith("| ")}  # fmt: skip
    assert rows["floor"] == ["2 h 00 min", "3 h 48 min", "3 h 00 min", "1.00", "52", "all"]
    assert rows["tuxmake + ccache, cold"] == [
        "about 5 h 00 min to 10 h 00 min", "about 19 h 00 min to 19 h 00 min", "about 15 h 00 min to 15 h 00 min",
        "2.50 to 5.00", "150", "22 of 150, bounds",
    ]  # fmt: skip
    assert rows["tuxmake + ccache, cold: kernel and modules alone"][0] == "about 4 h 00 min to 9 h 00 min"
    assert rows["tuxmake + ccache, warm"][0] == "about 1 h 38 min"
    assert rows["tuxmake + ccache, warm"][-1] == "22 of 150, the others extrapolated"
    assert rows["this pipeline, first-posted changed (drivers/hv/Kconfig)"][:4] == ["3.2 s", "6.2 s", "", ""]
    text = " ".join(page.split())
    assert "8 of 8 (the first kernel of a tree) and 14 of 142 (another kernel of that tree)" in text
    assert "of that pass there are only bounds" in text
    assert "pipeline, cold (1 h 40 min): tuxmake's cold pass takes 3.00 to 6.00 times as long, the floor 1.20" in text
    assert r"(drivers/hv/Kconfig) (3.2 s): tuxmake's warm pass takes 1800.00 times as long." in text
    assert "too high, those for CPU" not in text
    assert r"2 x CPU \<&\> \[0\], 8 GiB" in page


def test_the_page_of_a_whole_measurement_guesses_nothing() -> None:
    page = benchpage.page(noted(measured=150))
    assert "about" not in page.partition("## How")[0]
    assert "extrapolated" not in page
    assert "bounds" not in page
    assert "tuxmake's cold pass takes 6.00 times as long" in " ".join(page.split())


def test_the_page_says_when_the_machine_was_not_idle() -> None:
    note = noted(measured=150)
    note["facts"][OTHERS] = 0.34
    assert "Others used 34% of the machine meanwhile, 34% during one piece: figures are" in benchpage.page(note)
    note["facts"] |= {OTHERS: 0.01, WORST: 0.26}
    assert "Others used 1% of the machine meanwhile, 26% during one piece" in " ".join(benchpage.page(note).split())


@pytest.mark.parametrize(("seconds", "text"), [
    (0.04, "0.0 s"), (9.94, "9.9 s"), (12.5, "12 s"), (59.6, "1 min 00 s"), (754, "12 min 34 s"), (7199, "2 h 00 min"),
    (3600 + 29, "1 h 00 min"), (3600 * 9 + 59 * 60 + 40, "10 h 00 min"),
])  # fmt: skip
def test_a_duration_in_words(seconds: float, text: str) -> None:
    assert benchpage.duration(seconds) == text


def test_the_plot_is_svg_with_bars_to_scale() -> None:
    tree = ET.fromstring(benchplot.plot(noted(measured=22)))  # noqa: S314 - our own text
    name = "{http://www.w3.org/2000/svg}"
    bars = [one for one in tree.findall(f"{name}rect") if one.get("height") == "16"]
    widths = [float(one.get("width", "")) for one in bars]
    assert len(bars) == 12  # two of each series, and four of the one that has bounds
    assert max(widths) == benchplot.BARS
    assert widths[6:8] == pytest.approx([widths[0] * 5, widths[0] * 2.5], rel=0.01)
    pale = [str(one.get("class")).endswith("guessed") for one in bars]
    assert pale == [False] * 6 + [True, False, True, False] + [True] * 2
    texts = "".join(str(one.text) for one in tree.iter(f"{name}text"))
    assert "2 x CPU <&> [0]" in texts
    assert "about 5 h 00 min to 10 h 00 min" in texts
