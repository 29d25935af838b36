"""What a person sees while a run goes on: at a terminal of 80 columns, without one, and when something fails."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest
from rich.console import Console

from pipeline import progress

LONG = "  CC [M]  drivers/net/ethernet/mellanox/mlx5/core/steering/hws/definer.o " * 3


def live(width: int, **more: Any) -> tuple[progress.Live, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, **more)
    return progress.Live(console), out


@pytest.mark.parametrize("width", [80, 60, 110, 200])
def test_a_live_line_is_one_line_and_has_name_seconds_and_output(width: int) -> None:
    view, out = live(width, no_color=True)
    works = [view.work(f"build merged/debian-6.12-cloud-number-{number}", 458) for number in range(3)]
    for work in works:
        work(f"make output\n{LONG}")
    view.progress.console.print(view.progress.get_renderable())
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in out.getvalue().splitlines() if line.strip()]
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    for line in lines:
        assert "build merged" in line
        assert "0/~458 s" in line
        assert "CC [M]" in line


def test_markup_in_output_is_not_taken_up() -> None:
    view, out = live(120, no_color=True)
    view.work("[red]boot[/red]", 20)("[bold]guest[/nonsense] said \x1b[31mthis")
    view.progress.console.print(view.progress.get_renderable())
    assert "[red]boot[/red]" in out.getvalue()
    assert "[bold]guest[/nonsense] said this" in out.getvalue()


def failing(view: Any) -> None:
    with view.work("build v/c", 10) as work:
        for number in range(500):
            work(f"  CC      kernel/file{number}.o\n")
        work("drivers/hv/vmbus_drv.c:12:3: error: 'x' undeclared\nmake[3]: *** [drivers/hv/vmbus_drv.o] Error 1\n")
        work("  LD      vmlinux.o\n")
        work.failed = "it did not compile"


def test_a_failure_expands_with_the_lines_that_matter() -> None:
    out = io.StringIO()
    failing(progress.Plain(out))
    said = [line.partition("] ")[2] for line in out.getvalue().splitlines()]
    assert said == [
        "build v/c: started (about 10 s)", "build v/c: FAILED: it did not compile in 0 s",
        "    drivers/hv/vmbus_drv.c:12:3: error: 'x' undeclared", "    make[3]: *** [drivers/hv/vmbus_drv.o] Error 1",
    ]  # fmt: skip


def test_a_failure_expands_on_a_terminal_too() -> None:
    view, out = live(80, no_color=True)
    failing(view)
    assert "FAILED: it did not compile" in out.getvalue()
    assert "'x' undeclared" in out.getvalue()
    assert "LD      vmlinux.o" not in out.getvalue()


def test_without_a_telling_line_the_last_ones_are_shown_and_an_error_fails_the_work() -> None:
    out = io.StringIO()

    def broken() -> None:
        with progress.Plain(out).work("boot v/c", 10) as work:
            work("\n".join(f"line {number}" for number in range(20)))
            raise OSError("the engine is gone")

    with pytest.raises(OSError, match="gone"):
        broken()
    assert "boot v/c: FAILED: the engine is gone" in out.getvalue()
    assert out.getvalue().splitlines()[-8].endswith("line 12")


def test_what_is_to_come_is_counted_and_estimated() -> None:
    ahead = progress.Ahead()
    assert ahead.told() == ""
    ahead.expect("build", [600, 60, 60])
    assert ahead.told() == "0 of 3 builds over, about 12 min left"
    out = io.StringIO()
    plain = progress.Plain(out)
    plain.expect("build", [600, 60])
    with plain.work("build v/c", 600):
        pass
    with plain.work("boot v/c on hyperv", 20):
        pass
    said = [line.partition("] ")[2] for line in out.getvalue().splitlines()]
    assert said[0] == "0 of 2 builds over, about 11 min left"
    assert said[2] == "build v/c: done in 0 s; 1 of 2 builds over, about 1 min left"
    assert said[-1] == "boot v/c on hyperv: done in 0 s"


def test_the_live_view_has_one_more_line_for_all_of_it() -> None:
    view, out = live(80, no_color=True)
    view.expect("build", [600, 60, 60])
    with view.work("build v/c", 600) as work:
        work("line")
        view.progress.console.print(view.progress.get_renderable())
    assert "0 of 3 builds over, about 12 min left" in out.getvalue()
    assert max(len(line) for line in out.getvalue().splitlines()) <= 80 + 20  # with the codes of bold and dim


def test_the_bar_of_all_moves_with_what_is_over_and_with_nothing_else() -> None:
    view, _ = live(120)
    view.expect("build", [10, 20])
    view.expect("build", [30])
    with view.work("boot v/c on hyperv", 50) as boot:
        boot.started -= 40
        boot("line")
        assert (view.progress.tasks[0].completed, view.progress.tasks[0].total) == (0, 60)
    for cost in (10, 20, 30):
        with view.work("build v/c", cost):
            pass
    assert (view.progress.tasks[0].completed, view.progress.tasks[0].total) == (60, 60)


def test_what_ends_well_is_one_line() -> None:
    out = io.StringIO()
    with progress.Plain(out).work("build v/c", 10) as work:
        work("warning: error: nothing of note")
        work.note = "kernel 0123"
    assert [line.partition("] ")[2] for line in out.getvalue().splitlines()][1:] == ["build v/c: kernel 0123 in 0 s"]


def test_no_terminal_means_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.view(plain=False) as view:
        view.say("a \x1b[31mred\x07 line")
    assert re.fullmatch(r"\[ +0s\] a red line\n", capsys.readouterr().out)


def test_aside_leaves_stdout_to_what_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.view(plain=True, aside=True) as view:
        view.say("hello")
    said = capsys.readouterr()
    assert said.out == ""
    assert "hello" in said.err


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True)
    view = progress.Live(console)
    with view.progress:
        view.work("build v/c", 3)("line")
        view.progress.refresh()
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", out.getvalue())


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_plain_lines(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with progress.view(plain=False) as view:
        assert isinstance(view, progress.Plain)
