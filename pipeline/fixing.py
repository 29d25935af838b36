"""`fix`: finds the smallest fragment for a config on a tree, proves it, prints it, and writes it if asked to.

What to try is mend.py's; this one holds the container and the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import asking, atomic, kconfig, mend, policy, progress, resolve, run, session, showing, stages
from pipeline.errors import HostError, UserError
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.mend import Fix
    from pipeline.model import Matrix
    from pipeline.record import State
    from pipeline.resolve import Conf
    from pipeline.values import Resolution

SECONDS = 20.0  # six questions or so to conf


def fix(asked: Matrix, options: run.Options, write: str) -> int:
    """Print the fragment for the one cell that is asked about; 0 when it restores everything, 1 when it cannot.

    Raises UserError when more than one cell is meant or the file to write is in the way.
    """
    states = asking.states(asked, asking.select(asked, options.cells))
    if len(states) > 1:
        names = "\n".join(state.cell.name for state in states[:20])
        raise UserError(f"{len(states)} cells match, and a fragment is for one", details=names, hint="name one cell")
    target = _target(write)
    with progress.view(plain=options.plain) as view, session.session(view) as engine:
        bench = stages.bench(engine, view, options)
        stages.configs(bench, states)
        stages.sources(bench, states)
        state = states[0]
        if state.error or state.tree is None:
            raise HostError(state.error or "there is no tree")
        opened = resolve.opened(engine, state.tree, bench.slots)
        with view.work(f"fix {state.cell.name}", SECONDS) as work, opened as conf:
            count = 0

            def carry(lines: Mapping[str, str]) -> Resolution:
                nonlocal count
                count += 1
                work(f"question {count}")
                return _carried(conf, state, lines, state.cell.policy)

            old = {symbol: option.value for symbol, option in state.options.items()}
            found = mend.fix(state.intent, old, conf.index, carry)
            merged = _merged(conf, state, found)
            work.note = f"{found.tries} questions to conf"
    return _report(state, found, merged, target)


def _carried(conf: Conf, state: State, lines: Mapping[str, str], name: str) -> Resolution:
    """What comes of the old .config with some lines laid over it."""
    texts = [kconfig.line(symbol, value) for symbol, value in lines.items()]
    laid = state.old
    for symbol, value in lines.items():
        laid = kconfig.replaced(laid, symbol, value)
    layers = (*state.layers, *(["\n".join(texts) + "\n"] if texts else []))
    found = conf.run(resolve.Asked(laid, layers, policy.policies()[name]))
    if found.absent:
        raise UserError(found.absent, hint="name another policy with --policy")
    return found


def _merged(conf: Conf, state: State, found: Fix) -> str:
    """Prove the fragment once more by the tree's own merge_config.sh; what is wrong, empty when it gives the same."""
    ran = _carried(conf, state, found.lines, "merge")
    final = kconfig.values(ran.final) if ran.final else {}
    wrong = [name for name, value in found.asked.items() if name not in found.unmet and final.get(name, "n") != value]
    return f"exit {ran.exit_status}; {', '.join(wrong)} differ" if wrong or ran.exit_status else ""


def _target(write: str) -> Path | None:
    """The file to write; a folder gets one of its own name."""
    if not write:
        return None
    path = Path(write)
    path = path / "hyperv-fix.config" if path.is_dir() else path
    if path.exists():
        hint = "name another file, or remove this one"
        raise UserError(f"--write {path}: is there already, and is not overwritten", hint=hint)
    return path


def _report(state: State, found: Fix, merged: str, target: Path | None) -> int:
    console = Console(stderr=False)
    tree = state.tree.origin if state.tree else ""
    kept = [name for name, value in found.asked.items() if value != "n" and name not in found.unmet]
    head = [f"For {state.config_origin} on {tree}, policy {state.cell.policy}."]
    head += [f"Keeps {', '.join(kept) or 'nothing'}."]
    needless = "no line restores what is lost" if found.unmet else "nothing is lost: no fragment is needed"
    rows = [mend.fragment(found, head).rstrip()] if found.lines else [f"# {needless}"]
    rows += [f"# not restored: {name}: {why}" for name, why in found.unmet.items()]
    rows += [f"# not in this tree: {', '.join(found.gone)}"] if found.gone else []
    if found.lines:
        proof = merged or "gives the same"
        rows.append(f"# proven by {found.tries} runs of the tree's own scripts; merge_config.sh {proof}")
    if target and found.lines:
        atomic.write(target, mend.fragment(found, head))
        rows.append(f"# written to {target}; use it: scripts/kconfig/merge_config.sh -O BUILD OLD.config {target}")
    for row in rows:
        for line in row.splitlines():
            console.print(clean(line), markup=False, highlight=False, soft_wrap=True)
    return showing.FAILED if found.unmet or merged else showing.PASSED
