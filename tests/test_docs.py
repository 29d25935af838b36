"""The documents say what is so: their commands run and print what they show, and what is made from the code is that."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import asking, images, matrix, policy, reference

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = ("tutorial.md", "verdicts.md", "extending.md")
# What a command line may end with where it is not executed here, and why not.
NOT_HERE = ("# minutes", "# needs the runs of several machines")
SKIPPED = 2


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Each command that a page shows, with the lines of output below it."""
    found: list[tuple[str, list[str]]] = []
    for line in (DOCS / page).read_text().splitlines():
        if line.startswith("    $ "):
            found.append((line.removeprefix("    $ "), []))
        elif line.startswith("    ") and found:
            found[-1][1].append(line.strip())
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a clone has, and no results yet."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "matrix.yaml", folder)
    for name in ("kconfig", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def shows(line: str, said: str) -> bool:
    """Whether output has a line of a document, in which `...` and every number stand for anything."""
    pattern = re.sub(r"\d+(?:\\\.\d+)*", r"[\\d.]+", re.escape(line).replace(r"\.\.\.", ".*"))
    pattern = re.sub(r"(?:\\ )+", r"\\s+", pattern)
    return bool(re.search(pattern, said))


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_print_what_it_shows(page: str, place: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    listed = commands(page)
    assert listed
    for text, lines in listed:
        if text.endswith(NOT_HERE):
            continue
        name, *words = shlex.split(text)
        assert name == "./inv"
        argv = [sys.executable, "-m", "pipeline.cli", *words]
        done = subprocess.run(argv, cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        said = " ".join((done.stdout + done.stderr).split())
        shown = [line for line in lines if page != "tutorial.md" or words[0] != "doctor"]
        assert [line for line in shown if not shows(line, said)] == [], (text, said)


def test_few_commands_are_left_out() -> None:
    left_out = [text for page in PAGES for text, _ in commands(page) if text.endswith(NOT_HERE)]
    assert len(left_out) == SKIPPED


def test_a_line_that_is_not_printed_is_noticed() -> None:
    assert shows("12 cells: 6 gained, ... A", "12 cells: 7 gained, 5 unchanged, 1 only in A")
    assert not shows("12 cells: 6 lost", "12 cells: 6 gained")


def blocks(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_every_block_of_yaml_is_taken(tmp_path: Path) -> None:
    """Put into the default matrix one after the other, the blocks are a matrix without a mistake."""
    whole = yaml.safe_load((ROOT / "matrix.yaml").read_text())
    ways = 0
    for block in blocks("extending.md"):
        for key, value in yaml.safe_load(block).items():
            if key not in {*whole, "intent"}:
                (tmp_path / "policies.yaml").write_text(block)
                ways += 1
            elif isinstance(whole.get(key), list):
                whole[key] = whole[key] + value
            elif key == "intent":
                whole[key] = value
            else:
                whole[key] = {**whole[key], **value}
    shutil.copytree(ROOT / "kconfig", tmp_path / "kconfig")
    path = tmp_path / "matrix.yaml"
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    known = matrix.load(path, policies=policy.policies(), toolchains=images.toolchains())
    names = [cell.name for cell in asking.select(known, "mine/*")]
    assert names == ["mine/distro-m/olddefconfig/gcc/hyperv"]
    assert ways == 1


def test_the_reference_is_what_the_code_says() -> None:
    hint = "run: .venv/bin/python -m pipeline.reference"
    assert (DOCS / "reference.md").read_text() == reference.reference(), hint
    assert reference.reference() == reference.reference()
    assert (DOCS / "troubleshooting.md").read_text() == reference.troubleshooting(), hint


def test_every_kind_of_error_is_listed_with_its_hint() -> None:
    listed = set(reference.raised())
    assert ("UserError", "--format ...: no such format", "one of ...") in listed
    assert ("HostError", "interrupted: no more containers are made", "") in listed
    assert len(listed) > 150


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text()
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", text) if "://" not in target]
    assert [target for target in targets if not (DOCS / target).exists()] == []
