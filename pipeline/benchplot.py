"""docs/bench/build.svg: a bar for the clock and one for the processors for each series of `bench build`, in SVG.

Pure: the measurement in, text out. Readable on a light and on a dark page, and marks what was not measured.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pipeline.benchpage import duration, ends

if TYPE_CHECKING:
    from collections.abc import Mapping

ROW, LEFT, BARS, WIDTH, TOP = 52, 270, 330, 760, 64
STYLE = """\
  .paper { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif } .title { font-weight: 600 }
  .wall { fill: #0072b2; stroke: #0072b2 } .cpu { fill: #d55e00; stroke: #d55e00 }
  .guessed { fill-opacity: 0.3; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } text { fill: #e6edf3 }
    .wall { fill: #56b4e9; stroke: #56b4e9 } .cpu { fill: #e69f00; stroke: #e69f00 }
  }"""


def plot(note: Mapping[str, Any]) -> str:
    """The plot of a measurement as it is in docs/bench/build.json."""
    most = max(end[kind] for one in note["totals"] for end in ends(one) for kind in ("wall", "cpu")) or 1
    height = TOP + ROW * len(note["totals"]) + 16
    size = f'width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size} role="img">',
        f"<title>{escape(_title(note))}</title>", f"<style>\n{STYLE}\n</style>",
        f'<rect class="paper" {size}/>',
        _text(16, 24, _title(note), "title"),
        f'<rect class="wall" x="16" y="38" width="12" height="8"/>{_text(34, 46, "wall")}',
        f'<rect class="cpu" x="86" y="38" width="12" height="8"/>{_text(104, 46, "CPU")}',
        _text(160, 46, "pale and dashed: partly extrapolated, or at most"),
    ]  # fmt: skip
    for number, one in enumerate(note["totals"]):
        top = TOP + ROW * number
        lines += [_text(LEFT - 10, top + 22, _short(one["series"]), anchor="end")]
        for offset, kind in ((4, "wall"), (24, "cpu")):
            lines += _bars(one, kind, most, top + offset)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _bars(one: Mapping[str, Any], kind: str, most: float, top: int) -> list[str]:
    """A bar with its figure; of bounds the larger one is drawn pale below the smaller one."""
    figures = [end[kind] for end in ends(one)]
    guessed = one["measured"] < one["pieces"]
    lines, length = [], 0.0
    for number, seconds in enumerate(reversed(figures)):
        pale = guessed and number == 0
        width = max(1.0, seconds / most * BARS)
        length = max(length, width)
        shape = f'{kind} guessed"' if pale else f'{kind}"'
        lines.append(f'<rect class="{shape} x="{LEFT}" y="{top}" width="{width:.1f}" height="16"/>')
    told = ("about " if guessed else "") + " to ".join(duration(seconds) for seconds in figures)
    return [*lines, _text(LEFT + round(length) + 8, top + 13, told)]


def _title(note: Mapping[str, Any]) -> str:
    facts = note["facts"]
    return f"{facts['cells']} cells, {facts['distinct kernels']} distinct kernels, {note['machine']}, {note['date']}"


def _short(text: str) -> str:
    """A series' name that fits beside its bars; the file that was changed is in the table."""
    return text.partition(" (")[0]


def _text(across: int, down: int, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{across}" y="{down}" text-anchor="{anchor}">{escape(text)}</text>'
