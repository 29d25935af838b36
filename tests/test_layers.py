"""The rules of the source itself: who imports whom, how long things are, and that no mirror is named."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {path.stem: path.read_text() for path in sorted((ROOT / "pipeline").glob("*.py"))}
SCRIPTS = [
    *sorted((ROOT / "pipeline").glob("*.py")), *sorted((ROOT / "tests").glob("**/*.py")),
    ROOT / "tasks.py", ROOT / "inv",
]  # fmt: skip
PURE = (
    "kconfig", "expr", "exprtree", "kconfiglang", "kconfigsymbols", "kconfigtree", "carried", "reasons", "explain",
    "told", "intent", "chain", "mend", "hyperv", "flags", "cpio", "qemu", "aptsources", "proof", "dmesg", "observe",
    "postmortem", "verdict", "record", "model", "values", "errors", "yamlscan", "ikconfig", "mbox", "unpacked",
    "audit", "auditview", "builtin", "distance", "lanes", "spanning", "goals", "items", "kbuildlang", "kbuildscope",
    "makevalues", "compare", "compare_text", "safe", "markdown", "table", "reportrun", "report_mail", "report_md",
    "report_junit", "report_ktap", "report_kcidb", "report_json", "pagedata",
    "sharding", "report_github", "mailbounds",
)  # fmt: skip
IMPURE = {"os", "subprocess", "socket", "docker", "pexpect", "requests", "shutil", "tempfile", "pathlib"}
ONLY = {"docker": {"engine", "enginedisk", "container"}, "pexpect": {"console"}, "tasks": {"cli"}}
LINES, FUNCTION_LINES = 250, 40
# put together here, so that this file is not found itself
ADDRESSES = tuple("".join(parts) for parts in (
    ("deb.", "debian.org"), ("pypi", ".org"), ("docker.io", "/"), ("registry", "-1"),
))  # fmt: skip


def for_types_only(node: ast.stmt) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def statements(body: list[ast.stmt]) -> list[ast.AST]:
    """Every node that is there when the module runs."""
    tops = [inner for top in body for inner in (top.orelse if for_types_only(top) else [top])]
    return [node for top in tops for node in ast.walk(top)]


def imported(source: str) -> set[str]:
    """The full names that a module imports when it runs: `os`, `pipeline.kconfig`, `rich.console`."""
    found: set[str] = set()
    for node in statements(ast.parse(source).body):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = ".".join(part for part in ("pipeline" if node.level else "", node.module or "") if part)
            found |= {f"{origin}.{one.name}" for one in node.names}
    return found


def packages(source: str) -> set[str]:
    return {name.partition(".")[0] for name in imported(source)}


def siblings(source: str) -> set[str]:
    """The modules of this package that a module imports."""
    return {name.split(".")[1] for name in imported(source) if name.startswith("pipeline.")} & set(MODULES)


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """The modules that cannot be put in an order; none when there is no cycle."""
    left = dict(graph)
    while free := [name for name, needs in left.items() if not needs & set(left)]:
        for name in free:
            del left[name]
    return sorted(left)


def too_long(source: str) -> list[str]:
    found = [f"{len(source.splitlines())} lines"] if len(source.splitlines()) > LINES else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{node.name}: {length} lines")
    return found


def addresses(text: str) -> list[str]:
    return [address for address in ADDRESSES if address in text]


def misplaced(name: str, source: str) -> list[str]:
    """The packages that this module must leave to others."""
    return sorted(package for package, owners in ONLY.items() if name not in owners and package in packages(source))


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_reach_nothing_outside(name: str) -> None:
    assert not packages(MODULES[name]) & IMPURE


def test_pure_modules_import_pure_modules() -> None:
    bad = {name: siblings(MODULES[name]) - set(PURE) for name in PURE}
    assert not {name: found for name, found in bad.items() if found}


@pytest.mark.parametrize("name", MODULES)
def test_packages_stay_behind_their_owners(name: str) -> None:
    assert misplaced(name, MODULES[name]) == []


def test_owners_exist_and_import_what_they_own() -> None:
    for package, owners in ONLY.items():
        assert all(package in packages(MODULES[owner]) for owner in owners), package


def test_imports_have_an_order() -> None:
    assert cycle({name: siblings(source) for name, source in MODULES.items()}) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=[str(path.relative_to(ROOT)) for path in SCRIPTS])
def test_files_and_functions_are_short(path: Path) -> None:
    assert too_long(path.read_text()) == []


def test_no_mirror_and_no_registry_is_named() -> None:
    tops = [ROOT / name for name in (".ci", "containers", "docs", "kconfig", "pipeline", "tests")]
    files = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.yaml"), *ROOT.glob("requirements.*"), *SCRIPTS]
    files += [path for top in tops for path in top.rglob("*") if "__pycache__" not in path.parts]
    paths = [path for path in files if path.is_file()]
    assert {ROOT / name for name in ("pyproject.toml", "README.md", "matrix.yaml", "inv")} <= set(paths)
    named = {str(path): found for path in paths if (found := addresses(path.read_text(errors="replace")))}
    assert named == {}


@pytest.mark.parametrize("line", [
    "import os", "import os.path", "from os import path", "from pathlib import Path", "def f():\n    import subprocess",
    "try:\n    import socket\nexcept ImportError:\n    pass", "if True:\n    from shutil import rmtree",
    "if TYPE_CHECKING:\n    pass\nelse:\n    import requests", "import re, tempfile",
])  # fmt: skip
def test_the_rules_see_an_import_wherever_it_is(line: str) -> None:
    assert packages(line) & IMPURE


@pytest.mark.parametrize("line", ["if TYPE_CHECKING:\n    from pathlib import Path", "'import os'", "os = 1"])
def test_the_rules_see_no_import_where_none_is(line: str) -> None:
    assert not packages(line) & IMPURE


def test_the_rules_see_misplaced_packages() -> None:
    assert misplaced("boot", "import docker\nfrom pexpect import EOF\nimport tasks") == ["docker", "pexpect", "tasks"]
    assert misplaced("engine", "from docker.errors import DockerException\nimport pexpect") == ["pexpect"]


def test_the_rules_see_a_cycle() -> None:
    first = siblings("from pipeline import kconfig, hyperv as other\nfrom pipeline.model import Ladder\nimport os")
    assert first == {"kconfig", "hyperv", "model"}
    assert siblings("from . import atomic\nfrom .flags import printed") == {"atomic", "flags"}
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == ["a", "b", "c", "d"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert siblings("if TYPE_CHECKING:\n    from pipeline.model import Ladder") == set()


def test_the_rules_see_what_is_too_long() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    assert too_long(f"def f():\n{body}") == [f"f: {FUNCTION_LINES + 1} lines"]
    assert too_long(f"class A:\n    async def g(self):\n{body.replace('    x', '        x')}") == ["g: 41 lines"]
    assert too_long("x = 1\n" * (LINES + 1)) == [f"{LINES + 1} lines"]
    assert too_long("x = 1\n" * LINES) == []
    assert too_long("def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)) == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_rules_see_an_address(address: str) -> None:
    assert addresses(f"FROM https://{address}library/debian") == [address]


def test_a_package_named_like_a_registry_is_no_address() -> None:
    assert addresses("apt-get install docker.io && systemctl start docker") == []
