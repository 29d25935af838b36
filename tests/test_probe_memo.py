"""probe-memo before the real compiler, in the toolchain's container: the same answers, only to what names no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import archive
from pipeline.container import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.container import Container
    from pipeline.engine import Engine

pytestmark = pytest.mark.docker

ENVIRONMENT = "PROBES=/work/probes PATH=/usr/local/lib/hvmatrix/probes:$PATH"
# as scripts/Kconfig.include, Makefile.compiler and cc-version.sh of 6.1 to 7.3 ask
PROBES = [
    "gcc --version",
    "gcc -Werror -fstack-protector -c -x c /dev/null -o .tmp_1/tmp.o",
    "gcc -Werror -fno-such-thing -c -x c /dev/null -o .tmp_1/tmp.o",
    "printf 'GCC __GNUC__\\n' | gcc -E -P -x c -",
    "printf 'int x = ;\\n' | LC_ALL=C gcc -x c - -c -o /dev/null",
    "printf 'int main(void) { return 0; }' | gcc -m64 -Werror -Wl,--fatal-warnings -x c - -o /dev/null",
    "gcc -print-file-name=plugin",
    "printf 'nop' | gcc -Wa,--fatal-warnings -c -x assembler-with-cpp -o /dev/null -",
    "gcc -Werror -fsanitize-ignorelist=/dev/null -c -x c /dev/null -o .tmp_1/tmp.o",
]
# What reads or writes a file of its own, or may.
OTHERS = [
    "gcc -c a.c -o .tmp_1/tmp.o",
    "gcc -c -x c a.c -o /dev/null",
    "gcc -include a.h -c -x c /dev/null -o /dev/null",
    "gcc -E -I. -x c -",
    "gcc -E @words",
    "gcc -c -x c /dev/null",
    "gcc -c -x c /dev/null -o null.o",
    "gcc -MD -c -x c /dev/null -o .tmp_1/tmp.o",
    "gcc -gsplit-dwarf -c -x c /dev/null -o .tmp_1/tmp.o",
    "CPATH=/work gcc -E -x c -",
]


@pytest.fixture
def box(engine: Engine, toolchain: str) -> Iterator[Container]:
    with engine.container(toolchain, limits=Limits(seconds=120)) as box:
        box.run(["mkdir", "-p", "/work/probes", "/work/.tmp_1"])
        files = {"a.c": b"int a;\n", "a.h": b"int b;\n", "words": b"-x c /dev/null\n"}
        box.put("/work", archive.pack(files, owner=1000))
        yield box


def entries(box: Container) -> int:
    return len(box.run(["ls", "/work/probes"]).stdout.split())


@pytest.mark.parametrize("question", PROBES)
def test_a_probe_is_answered_as_the_compiler_answers(box: Container, question: str) -> None:
    piped = question if "|" in question else f"{question} < /dev/null"
    script = f"{piped}; status=$?; cat .tmp_1/* 2>/dev/null | sha256sum; rm -f .tmp_1/*; exit $status"
    plain = box.run(["sh", "-c", f"cd /work; {script}"])
    first, second = (box.run(["sh", "-c", f"cd /work; export {ENVIRONMENT}; {script}"]) for _ in range(2))
    assert entries(box) == 1
    assert (first.stdout, first.stderr, first.exit_status) == (plain.stdout, plain.stderr, plain.exit_status)
    assert (second.stdout, second.stderr, second.exit_status) == (plain.stdout, plain.stderr, plain.exit_status)


def test_the_second_time_nobody_asks_the_compiler(box: Container) -> None:
    script = f"cd /work; export {ENVIRONMENT}; gcc --version | head -n 1"
    told = box.run(["sh", "-c", script]).stdout
    # what was remembered is changed: who answers with it did not ask the compiler again
    box.run(["sh", "-c", "sed -i 's/ (Debian/ (Nobody/' /work/probes/*"])
    assert "(Debian" in told
    assert "(Nobody" in box.run(["sh", "-c", script]).stdout


@pytest.mark.parametrize("question", OTHERS)
def test_what_may_depend_on_a_file_is_not_remembered(box: Container, question: str) -> None:
    box.run(["sh", "-c", f"cd /work; export {ENVIRONMENT}; {question} < /dev/null"])
    assert entries(box) == 0


def test_another_input_or_language_is_another_question(box: Container) -> None:
    for question in ("echo A | gcc -E -P -x c -", "echo B | gcc -E -P -x c -", "echo A | LC_ALL=C gcc -E -P -x c -"):
        said = box.run(["sh", "-c", f"cd /work; export {ENVIRONMENT}; {question}"]).stdout
        assert said.strip() == question.split()[1]
    assert entries(box) == 3


def test_an_entry_that_was_cut_short_is_asked_again(box: Container) -> None:
    script = f"cd /work; export {ENVIRONMENT}; gcc --version"
    told = box.run(["sh", "-c", script]).stdout
    box.run(["sh", "-c", "for f in /work/probes/*; do truncate -s -1 $f; done"])
    assert box.run(["sh", "-c", script]).stdout == told


def test_without_a_folder_nothing_is_remembered(box: Container) -> None:
    script = f"cd /work; export {ENVIRONMENT}; unset PROBES; gcc -dumpmachine"
    assert box.run(["sh", "-c", script]).stdout == "x86_64-linux-gnu\n"
    assert entries(box) == 0
