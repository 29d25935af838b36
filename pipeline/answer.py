"""The document that answers the question of matrix.yaml: what each proposal does to each old config, and what it costs.

Pure: a judged run and the patches in, Markdown out, for the same run the same bytes. Never shows half of a run.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline import answer_cells, answer_cost, answer_incidents, answer_run, markdown
from pipeline.answer_cells import LOST, MEANINGS, Word, cause, foretold, word
from pipeline.answer_cost import BASE, CARRIED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.answer_cells import Record
    from pipeline.answer_run import Given

HEAD = "<!-- Written by `./inv answer` from docs/answer/run.tar.xz. What is changed by hand is lost. -->\n"
INTRODUCTION = (
    "Linux 6.18 made CONFIG_HYPERV a bool and split CONFIG_HYPERV_VMBUS from it. Here each proposal for that split"
    " ([kconfig/variants](../kconfig/variants/README.md)) meets old configs of each kind, and each way of carrying a"
    " config over ([kconfig/policies.yaml](../kconfig/policies.yaml)) meets the split as it was merged."
    " `./inv judge docs/answer/run.tar.xz` judges the same files again, and `./inv answer RUN` writes this page from"
    " another run."
)


def document(given: Given) -> str:
    """The whole document. Raises UserError when the run is void, unfinished, or does not show what it must."""
    answer_run.check(given)
    cells = given.cells
    shown = answer_cells.marks(cells)
    parts = [
        HEAD, "# What each proposal does to each old config\n", answer_run.notice(given),
        markdown.paragraph(INTRODUCTION),
        "## In short\n", markdown.bullets(_short(cells)),
        "## What was run\n", answer_run.ran(given),
        "## How to read the tables\n", _legend(cells),
        f"## Every old config on every variant, by `{CARRIED}`\n", _proposals(cells, shown), _titles(given),
        *_policies(cells, shown),
        *_ignoring(cells, shown),
        "## What each proposal costs\n", markdown.paragraph(COST), answer_cost.table(cells, given.patches),
        markdown.bullets(answer_cost.notes(cells, given.patches)),
        "## Reported losses\n", markdown.paragraph(REPORTED), answer_incidents.section(cells),
        "## Losses by cause\n", markdown.paragraph(CAUSES), markdown.bullets(_causes(cells, shown)),
        "## What this does not show\n", markdown.bullets(answer_run.limits(given)),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


COST = (
    f"By `{CARRIED}`, over the old configs that every variant was given. `m→y` counts the configs of which a module is"
    " built in now, and names the modules. The patch is the size of the proposal on the tree as merged; the names are"
    " the Hyper-V options that its tree has no more, or has anew."
)
REPORTED = (
    "Each has a cell that shows the same: the nearest that the matrix has, and not the config of those who were hit."
    " That it is lost, and for this cause, was checked when this page was written. The words are those of"
    " `./inv explain`."
)

CAUSES = "Cells that are lost, by what decides it; last the words of `./inv explain` for the first of them."


def _short(cells: Sequence[Record]) -> list[str]:
    mine = answer_cost.shared(cells)
    names = _axis(cells, "variant")
    counts = {name: Counter(word(one) for one in mine if one["variant"] == name) for name in names}
    lost = {name: sum(counts[name][one] for one in LOST) for name in names}
    total = len(_axis(mine, "config"))
    ranked = [
        f"`{name}` {lost[name] or 'none'}" + (f" ({silent} silently)" if (silent := counts[name][Word.SILENT]) else "")
        for name in sorted(names, key=lambda name: lost[name])
    ]
    whole = [f"`{name}`" for name in names if set(counts[name]) <= {Word.KEPT, Word.OFF}]
    found = Counter(map(word, cells))
    every = ", ".join(f"{found[one]} {one.partition(' ')[2]}" for one in Word if found[one])
    return [
        f"Of {total} old configs, by `{CARRIED}`, so many lose Hyper-V or a part of it: {', '.join(ranked)}.",
        f"Everything as it was, with nothing lost, nothing gained and no module built in: {markdown.listed(whole)}.",
        f"All {len(cells)} cells: {every}.",
    ]


def _legend(cells: Sequence[Record]) -> str:
    used = set(map(word, cells))
    rows = [(str(one), MEANINGS[one]) for one in Word if one in used]
    if any(map(foretold, cells)):
        rows.append(("(...)", "predicted from the resolved .config; this cell was not booted"))
    if used - {Word.KEPT, Word.BUILT_IN, Word.GAINED, Word.OFF}:
        rows.append(("[a]", 'the cause, told under "Losses by cause"'))
    return markdown.table(("entry", "meaning"), rows)


def _axis(cells: Sequence[Record], axis: str) -> list[str]:
    return list(dict.fromkeys(str(one[axis]) for one in cells))


def _proposals(cells: Sequence[Record], shown: Mapping[tuple[str, ...], str]) -> str:
    mine = [one for one in cells if one["policy"] == CARRIED]
    asked = {one["config"]: one["requested"].get("HYPERV", "-") for one in mine}
    configs, variants = _axis(mine, "config"), _axis(mine, "variant")
    body = answer_cells.grid(mine, ("config", configs), ("variant", variants), shown)
    rows = [[f"`{name}`", asked[name], *line] for name, line in zip(configs, body, strict=True)]
    return markdown.table(("old config", "HYPERV", *variants), rows)


def _titles(given: Given) -> str:
    """What each variant is: the tree, and what its patches say of themselves."""
    trees = {one["variant"]: one["source"] for one in given.cells}
    titles = {name: "; ".join(one.subject for one in given.patches[name]) for name in trees}
    return markdown.bullets(
        f"`{name}`: {markdown.plain(title) or 'the tree as it is, ' + markdown.code(trees[name])}"
        for name, title in titles.items()
    )


def _policies(cells: Sequence[Record], shown: Mapping[tuple[str, ...], str]) -> list[str]:
    """Every way of carrying over on the base variant, for the configs that were carried in more than one way."""
    base = [one for one in cells if one["variant"] == BASE]
    configs = _axis([one for one in base if one["policy"] != CARRIED], "config")
    mine = [one for one in base if one["config"] in configs]
    if not mine:
        return []
    policies = _axis(mine, "policy")
    body = answer_cells.grid(mine, ("policy", policies), ("config", configs), shown)
    rows = [[f"`{name}`", *line] for name, line in zip(policies, body, strict=True)]
    return [f"## Every way of carrying over, on `{BASE}`\n", markdown.table(("policy", *configs), rows)]


def _ignoring(cells: Sequence[Record], shown: Mapping[tuple[str, ...], str]) -> list[str]:
    """The other ways of carrying over that proposals were tried with beside the base variant."""
    others = [one for one in cells if one["variant"] != BASE and one["policy"] != CARRIED]
    policies, configs, variants = (_axis(others, axis) for axis in ("policy", "config", "variant"))
    mine = [
        {**one, "column": f"{one['config']}, {one['policy']}"} for one in cells
        if one["policy"] in policies and one["config"] in configs and one["variant"] in {BASE, *variants}
    ]  # fmt: skip
    if not others:
        return []
    columns = [f"{config}, {policy}" for config in configs for policy in policies]
    body = answer_cells.grid(mine, ("variant", [BASE, *variants]), ("column", columns), shown)
    rows = [[f"`{name}`", *line] for name, line in zip([BASE, *variants], body, strict=True)]
    title = f"## Proposals by {markdown.listed(f'`{policy}`' for policy in policies)}\n"
    return [title, markdown.table(("variant", *columns), rows)]


def _causes(cells: Sequence[Record], shown: Mapping[tuple[str, ...], str]) -> list[str]:
    """Each cause with the number of cells that it costs, and how loudly; its text is that of the first of them."""
    found = []
    for key, mark in shown.items():
        mine = [(one, why) for one in cells if word(one) in LOST and (why := cause(one)) and why.key == key]
        if mine:
            counts = Counter(word(one) for one, _ in mine)
            numbers = ", ".join(f"{counts[one]} {one.split()[-1]}" for one in Word if counts[one])
            variants = markdown.listed(f"`{name}`" for name in _axis([one for one, _ in mine], "variant"))
            first = mine[0][1]
            text = f" {first.text}." if first.text else ""
            found.append(f"{mark} {first.sentence or 'Another cause'}: {numbers}; on {variants}.{text}")
    return found
