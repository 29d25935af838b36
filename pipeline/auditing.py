"""`audit`: lists the places of a tree where code is built in although its option is m.

What such a place is, is audit.py's; this one gets the texts out of the container and reads a build folder's lists.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import asking, auditview, kconfig, kconfigtexts, progress, record, session, showing, stages
from pipeline import audit as rules
from pipeline.container import Limits
from pipeline.errors import HostError, UserError
from pipeline.model import Cell, Config
from pipeline.treestore import mounted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.run import Options

LIMITS = Limits(memory=2048, seconds=900)
AR_SECONDS = 60
THIN = b"!<thin>\n"


def audit(tree: str, options: Options, *, objects: str, markdown: bool) -> int:
    """Print the findings for a tree; 0. With a build folder, 1 when a place does not do there what it says.

    Raises UserError for a tree or a build folder that is none.
    """
    folder = Path(objects) if objects else None
    built = _built(folder) if folder else None
    variant = asking.variant(tree, options.file)
    cell = Cell(
        variant=variant, config=Config(name="none", base=Path()), policy="olddefconfig", toolchain="gcc",
        machine=asking.ANY_MACHINE,
    )  # fmt: skip
    state = record.State(cell=cell, expectation=None)
    with progress.view(plain=options.plain) as view, session.session(view) as engine:
        bench = stages.bench(engine, view, options)
        stages.sources(bench, [state])
        if state.tree is None:
            raise HostError(state.error or "there is no tree")
        with (
            view.work(f"audit {variant.name}", 10.0),
            engine.container(state.tree.image, limits=LIMITS, volumes=mounted(state.tree)) as box,
        ):
            index = kconfigtexts.index(box, state.tree)
            texts = kconfigtexts.texts(box, "kbuild")
        makefiles = {name: text for name, text in texts.items() if "Kconfig" not in name}
        kinds = {name: symbol.kind for name, symbol in index.symbols.items()}
        findings = rules.audit(makefiles, lambda symbol: kinds.get(symbol, ""))
    rows = auditview.markdown(findings).splitlines() if markdown else auditview.table(findings)
    rows += ["", f"{state.tree.origin}: {auditview.summary(findings)}"]
    checked = auditview.check(findings, *built) if built else ()
    rows += [f"{one.seen}: {one.finding.origin}: {one.detail}" for one in checked]
    console = Console()
    for row in rows:
        console.print(row, markup=False, highlight=False, soft_wrap=True)
    return showing.FAILED if any(one.seen is auditview.Seen.ABSENT for one in checked) else showing.PASSED


def _built(folder: Path) -> tuple[dict[str, str], frozenset[str]]:
    """The .config of a build folder, and what its built-in.a files list, with their folders."""
    config = folder / ".config"
    if not config.is_file():
        raise UserError(f"--objects {folder}: no .config in it", hint="give the build folder (O=) of a finished build")
    values = {one.symbol: one.value for one in kconfig.parse(config.read_bytes(), str(config)).values()}
    return values, frozenset(_members(folder))


def _members(folder: Path) -> Iterator[str]:
    """The names of the objects that a build folder's archives list, as they are called from that folder.

    A thin archive names files by their paths, which ar(1) shows as seen from where it runs; another, by bare names.
    """
    for archive in sorted(path.relative_to(folder) for path in folder.rglob("*.a")):
        try:
            argv = ["ar", "t", f"./{archive}"]
            done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=AR_SECONDS)
            with (folder / archive).open("rb") as stream:
                thin = stream.read(len(THIN)) == THIN
        except FileNotFoundError as error:
            raise HostError("ar is not installed", hint="install binutils, then run this again") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HostError(f"{folder / archive} cannot be read", details=str(error)) from error
        if done.returncode:
            raise HostError(f"{folder / archive} cannot be read: {done.stderr.strip()}", hint="build it again")
        home = Path() if thin else archive.parent
        yield from (str(home / line) for line in done.stdout.splitlines())
