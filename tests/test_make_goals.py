"""make-goals in its container, over a few lines that answer as kbuild does; real kernels are in the boot tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import archive
from pipeline.container import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.container import Completed, Container
    from pipeline.engine import Engine

pytestmark = pytest.mark.docker

MAKEFILE = """\
KO := $(filter %.ko,$(MAKECMDGOALS))
.PHONY: bzImage modules single $(KO)
bzImage modules:
\t@O=$(O) sh /src/kbuild $@
single:
\t@O=$(O) sh /src/kbuild single $(filter -j%,$(MAKEFLAGS)) $(KO)
$(KO): single
\t@:
%.o: %.c
\t@O=$(O) sh /src/kbuild object $@
"""
# modpost fails on drivers/a.ko without drivers/b-core.ko
KBUILD = r"""
cd $O
compiled() { mkdir -p ${1%/*}; echo "$2" > ${1%/*}/.${1##*/}.cmd; }
case $1 in
bzImage) echo bzImage >> done; touch vmlinux.o ;;
modules) grep -q CONFIG_MODULES=y .config || { echo "modules are disabled" >&2; exit 1; }
  echo modules >> done; cat /src/order > modules.order ;;
single) shift; echo "$*" >> done
  case " $* " in
  *drivers/none.ko*) echo "make: *** No rule to make target './drivers/none.o', needed by 'x'.  Stop." >&2; exit 2 ;;
  *drivers/broken.ko*) echo "drivers/broken.c:1:2: error: expected ';'" >&2; exit 2 ;;
  *drivers/b-core.ko*) ;;
  *drivers/a.ko*) echo "ERROR: modpost: $(cat /src/undefined) undefined!" >&2; exit 2 ;;
  esac
  case $1 in -j*) shift ;; esac
  for one; do
    object=${one%.ko}.o
    [ -f ${object%/*}/.${object##*/}.cmd ] || compiled $object 'cc -DMODULE -c'
    touch $one; echo $object > ${one%.ko}.mod
  done
  rm -f modules.order ;;
object) echo "$2" >> done; compiled $2 "$(sed -n 's,^// ,,p' /src/${2%.o}.c)" ;;
esac
"""
PART = """// cc -DMODULE -DKBUILD_MODNAME='"b_core"' -c
EXPORT_SYMBOL_GPL(b_do);
"""
PLAIN = "// cc -DMODULE -c\n"
FILES = {
    "Makefile": MAKEFILE, "kbuild": KBUILD, "order": "drivers/a.o\ndrivers/b-core.o\n",
    "undefined": "drivers/a.ko: symbol 'b_do'", "drivers/Makefile": "obj-$(CONFIG_B) += b-core.o\nb-core-y := part.o\n",
    "drivers/a.c": PLAIN, "drivers/b-core.c": PLAIN, "drivers/c.c": PLAIN, "drivers/none.c": PLAIN,
    "drivers/broken.c": PLAIN, "drivers/stray.c": "// cc -c\n",
    "drivers/sub/part.c": PART, "drivers/twin.c": PART.replace("-DMODULE ", ""), "tools/twin.c": PART,
    "arch/arm/twin.c": PART, "drivers/other.c": PART.replace("b_do", "b_do_more"),
}  # fmt: skip
STALE = b"drivers/old.ko\n"
EVERYTHING = ["bzImage", "modules"]


class Box:
    """A tree and a build folder of a test's own."""

    def __init__(self, inner: Container) -> None:
        self.inner = inner

    def make(self, *goals: str, config: str = "CONFIG_MODULES=y\n", **files: str) -> Completed:
        tree = {**FILES, **files}
        self.inner.put("/src", archive.pack({name: text.encode() for name, text in tree.items()}))
        self.inner.put("/build", archive.pack({".config": config.encode(), "modules.order": STALE}, owner=1000))
        old = "cp modules.order modules.made && mkdir drivers && touch drivers/old.ko"
        self.inner.run(["sh", "-c", old], folder="/build")
        return self.inner.run(["make-goals", "1", *goals], environment={"CC": "false"})

    def lines(self, name: str) -> list[str]:
        return self.inner.run(["cat", f"/build/{name}"]).stdout.splitlines()


@pytest.fixture
def box(engine: Engine, toolchain: str) -> Iterator[Box]:
    with engine.container(toolchain, limits=Limits(memory=512, seconds=300)) as made:
        yield Box(made)


@pytest.mark.parametrize("suffix", [".o", ".ko"])
def test_without_goals_everything_is_made(box: Box, suffix: str) -> None:
    made = box.make(order=FILES["order"].replace(".o", suffix))
    assert made.exit_status == 0, made.log
    assert box.lines("done") == EVERYTHING
    assert box.lines("modules.made") == ["drivers/a.ko", "drivers/b-core.ko"]


def test_modules_are_not_asked_for_where_there_are_none(box: Box) -> None:
    assert box.make(config="# CONFIG_MODULES is not set\n").exit_status == 0
    assert box.lines("done") == ["bzImage"]
    assert box.lines("modules.made") == []


def test_goals_are_made_and_no_others(box: Box) -> None:
    made = box.make("bzImage", "drivers/c.ko", "drivers/b-core.ko")
    assert made.exit_status == 0, made.log
    assert box.lines("done") == ["bzImage", "drivers/c.o", "drivers/b-core.o", "-j1 drivers/c.ko drivers/b-core.ko"]
    assert box.lines("modules.made") == ["drivers/b-core.ko", "drivers/c.ko"]


@pytest.mark.parametrize(("listed", "twice"), [
    ("obj-y += input/ input/serio/", True), ("obj-$(CONFIG_SERIO)\t+= input/serio/", True), ("obj-y += input/", False),
    ("obj-y += input/ser/", False),
])  # fmt: skip
def test_a_folder_that_kbuild_goes_to_by_two_ways_waits_for_its_turn(box: Box, listed: str, twice: bool) -> None:
    goal = "drivers/input/serio/k"
    made = box.make("bzImage", f"{goal}.ko", "drivers/c.ko", **{f"{goal}.c": PLAIN, "drivers/Makefile": f"{listed}\n"})
    assert made.exit_status == 0, made.log
    objects = ["drivers/c.o"] if twice else [f"{goal}.o", "drivers/c.o"]
    assert box.lines("done") == ["bzImage", *objects, f"-j1 {goal}.ko drivers/c.ko"]


def test_an_object_that_was_compiled_as_if_built_in_is_no_module(box: Box) -> None:
    made = box.make("bzImage", "drivers/c.ko", "drivers/stray.ko")
    assert made.exit_status == 0, made.log
    assert box.lines("done")[-2:] == EVERYTHING
    assert "make-goals: not compiled for a module: drivers/.stray.o.cmd: all modules are made" in made.log


def test_an_image_alone(box: Box) -> None:
    assert box.make("bzImage").exit_status == 0
    assert box.lines("done") == ["bzImage"]
    assert box.lines("modules.made") == []


@pytest.mark.parametrize(
    "undefined", ["drivers/a.ko: symbol 'b_do'", '"b_do" [drivers/a.ko]', '"__tracepoint_b_do" [drivers/a.ko]'],
)
def test_what_modpost_misses_is_made_as_well(box: Box, undefined: str) -> None:
    made = box.make("bzImage", "drivers/a.ko", undefined=undefined)
    assert made.exit_status == 0, made.log
    tries = [line for line in box.lines("done") if "-j1" in line]
    assert tries == ["-j1 drivers/a.ko", "-j1 drivers/a.ko drivers/b-core.ko"]
    assert box.lines("modules.made") == ["drivers/a.ko", "drivers/b-core.ko"]
    assert "needed as well, though no depends or select says so: drivers/b-core.ko" in made.log
    assert "ERROR" not in made.log


@pytest.mark.parametrize("files", [
    {"undefined": "drivers/a.ko: symbol 'nobody'"}, {"drivers/sub/part.c": PART.replace("-DMODULE ", "")},
    {"drivers/Makefile": "obj-$(CONFIG_B) += never-b-core.o b-core.objects\n"},
])  # fmt: skip
def test_everything_is_made_where_nobody_exports_it(box: Box, files: dict[str, str]) -> None:
    made = box.make("bzImage", "drivers/a.ko", **files)
    assert made.exit_status == 0, made.log
    assert box.lines("done")[-2:] == EVERYTHING
    assert box.lines("modules.made") == ["drivers/a.ko", "drivers/b-core.ko"]
    assert "make-goals: nothing shows what these need: all modules are made" in made.log


def test_everything_is_made_where_a_goal_is_none(box: Box) -> None:
    made = box.make("bzImage", "drivers/none.ko")
    assert made.exit_status == 0, made.log
    assert box.lines("done")[-2:] == EVERYTHING
    assert "*** No rule" not in made.log


def test_what_does_not_compile_ends_it(box: Box) -> None:
    made = box.make("bzImage", "drivers/broken.ko")
    assert made.exit_status == 2
    assert box.lines("done") == ["bzImage", "drivers/broken.o", "-j1 drivers/broken.ko"]
    assert "drivers/broken.c:1:2: error: expected ';'" in made.log
    assert box.lines("modules.made") == []


@pytest.mark.parametrize(("goals", "kbuild"), [
    ((), "exit 3"), (("bzImage", "drivers/c.ko"), "exit 3"), ((), KBUILD.replace("echo modules", "exit 3;")),
    (("bzImage", "drivers/none.ko"), KBUILD.replace("echo modules", "exit 3;")),
])  # fmt: skip
def test_a_build_that_fails_lists_no_modules(box: Box, goals: tuple[str, ...], kbuild: str) -> None:
    assert box.make(*goals, kbuild=kbuild).exit_status == 2
    assert box.lines("modules.made") == []
