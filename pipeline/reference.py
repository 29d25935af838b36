"""Writes docs/reference.md and docs/troubleshooting.md out of the code: commands, matrix.yaml's keys, policies, errors.

Run as `.venv/bin/python -m pipeline.reference`. A test says when the files are not what the code says.
"""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from invoke import Collection

from pipeline import atomic, cli, markdown
from pipeline.errors import HostError
from pipeline.gate import WORDS
from pipeline.reporting import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
ERRORS = {"UserError": 2, "HostError": 69}
NOTE = "This page is made from the code by `.venv/bin/python -m pipeline.reference`."
_ANY = "..."


def reference() -> str:
    """Commands with their flags, the keys of matrix.yaml, policies, words and formats."""
    parts = ["# Reference", NOTE, "## Commands", *_commands(), "## matrix.yaml", *_schema(), "## Policies", _policies()]
    parts += ["## Words", f"For `--fail-on`: {', '.join(f'`{word}`' for word in WORDS)}."]
    parts.append(f"For `./inv report --format`: {', '.join(f'`{name}`' for name in FORMATS)}.")
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _commands() -> Iterator[str]:
    known = Collection.from_module(_tasks())
    for name in sorted(known.task_names):
        task = known[name]
        yield f"### ./inv {name}{cli.word_of(name)}\n\n{markdown.plain((task.__doc__ or '').strip())}"
        rows = []
        for argument in task.get_arguments():
            flag = argument.name.replace("_", "-")
            shown = flag.upper() if argument.positional else f"--{flag}"
            default = "" if argument.positional or argument.default in {"", False, None} else str(argument.default)
            rows.append((markdown.code(shown), markdown.plain(argument.help or ""), markdown.plain(default)))
        if rows:
            yield markdown.table(("word or flag", "meaning", "unless given"), rows)


def _tasks() -> ModuleType:
    """The module of the commands, loaded anew: invoke's tasks give the help of their flags only once."""
    spec = importlib.util.spec_from_file_location("commands", ROOT / "tasks.py")
    if spec is None or spec.loader is None:
        raise HostError(f"{ROOT / 'tasks.py'}: cannot be loaded", hint="check it out again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _schema() -> Iterator[str]:
    schema = json.loads((ROOT / "pipeline" / "matrix.schema.json").read_text(encoding="utf-8"))
    yield markdown.plain(schema["description"])
    yield _keys(schema["properties"])
    for name, part in schema["$defs"].items():
        yield f"### {part.get('title', name)}\n\n{markdown.plain(part.get('description', ''))}"
        if keys := _properties(part):
            yield _keys(keys)


def _properties(part: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a part of the schema, those of its alternatives too."""
    found = dict(part.get("properties", {}))
    for one in (*part.get("oneOf", ()), *part.get("anyOf", ())):
        found |= _properties(one)
    return found


def _keys(properties: Mapping[str, Any]) -> str:
    rows = [(markdown.code(name), markdown.plain(_about(part))) for name, part in properties.items()]
    return markdown.table(("key", "meaning"), rows)


def _about(part: Mapping[str, Any]) -> str:
    return str(part.get("description") or part.get("$ref", "").rpartition("/")[2] or part.get("title", ""))


def _policies() -> str:
    known = yaml.safe_load((ROOT / "kconfig" / "policies.yaml").read_text(encoding="utf-8"))
    rows = [(markdown.code(name), markdown.plain(one["about"])) for name, one in known.items()]
    return markdown.table(("policy", "what it does"), rows)


def troubleshooting() -> str:
    """Every error that there is, by its first words, with what to do next."""
    parts = ["# Messages, and what to do", NOTE, "What stands in `...` is put in by the case."]
    listed = sorted(set(raised()), key=lambda row: (row[1].lstrip(". ").lower(), row))
    for name, status in ERRORS.items():
        who = "the input is wrong" if status == ERRORS["UserError"] else "we failed: the host, the engine, the network"
        parts.append(f"## Exit status {status}: {who}")
        rows = [(markdown.plain(text), markdown.plain(hint)) for kind, text, hint in listed if kind == name]
        parts.append(markdown.table(("message", "next"), rows))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def raised() -> Iterator[tuple[str, str, str]]:
    """The kind, text and hint of every error in the source whose text is written there."""
    for path in sorted((ROOT / "pipeline").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node, names in _scoped(tree.body, {}):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
                text = _text(node.args[0], names)
                hint = next((_text(word.value, names) for word in node.keywords if word.arg == "hint"), "")
                if text.strip(". :"):
                    yield node.func.id, text, hint


def _scoped(body: Iterable[ast.stmt], outer: Mapping[str, ast.expr]) -> Iterator[tuple[ast.AST, dict[str, ast.expr]]]:
    """Every node of some statements with the names that have a value where it stands; each function has its own."""
    nodes = [node for top in body for node in ast.walk(top)]
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    inner = {id(node) for top in functions for node in ast.walk(top)}
    own = [node for node in nodes if id(node) not in inner]
    names = dict(outer)
    for node in own:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = node.value
    yield from ((node, names) for node in own)
    for top in functions:
        yield from _scoped(top.body, names)


def _text(node: ast.expr, names: Mapping[str, ast.expr]) -> str:
    """A text of the source with what is put in at run time left out."""
    if isinstance(node, ast.Name) and node.id in names and not isinstance(names[node.id], ast.Name):
        return _text(names[node.id], {})
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, names) for part in node.values)
    return _ANY


if __name__ == "__main__":
    for name, text in {"reference.md": reference(), "troubleshooting.md": troubleshooting()}.items():
        atomic.write(ROOT / "docs" / name, text)
