"""The ways in which an old .config is carried to a tree, as kconfig/policies.yaml lists them.

Never runs one; resolve.py does.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import matrix_words, yamltext
from pipeline.errors import UserError
from pipeline.yamlscan import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pipeline.yamltext import Document

FILE = Path(__file__).resolve().parent.parent / "kconfig" / "policies.yaml"
SCHEMA = Path(__file__).with_name("policies.schema.json")
_SCRIPT = re.compile(r"(?!.*\.\.)[A-Za-z][A-Za-z0-9._-]*(?:/[A-Za-z0-9._-]+)+")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """One way of carrying over. `steps` are commands with placeholders, `files` the bytes of what they name.

    Each is made once and is equal to itself alone.
    """

    name: str
    about: str
    steps: tuple[tuple[str, ...], ...]
    keeps_config: bool = True
    answers: str = "none"
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    needs: tuple[str, str] | None = None

    @property
    def merges(self) -> bool:
        """Whether the base and its fragments are told apart."""
        return any("{layers}" in step for step in self.steps)

    @property
    def digest(self) -> str:
        """A digest of all that it does, but not of its name or its explanation."""
        files = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        facts = [self.steps, self.keeps_config, self.answers, dict(self.environment), files, self.needs]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def policies() -> Mapping[str, Policy]:
    """Every policy by name, in the order of the file. Raises UserError when the file is wrong."""
    return load(FILE)


def load(path: Path) -> dict[str, Policy]:
    """The policies of a file. Raises UserError with each mistake and its line."""
    try:
        document = yamltext.read(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    problems = list(document.problems)
    if document.whole:
        problems += matrix_words.problems(document, SCHEMA)
        problems += _wrong(document, path.parent)
    if problems:
        details = "\n".join(f"{path}:{one.line}: {one.message}" for one in sorted(problems, key=lambda one: one.line))
        raise UserError(f"{path.name}: {len(problems)} problem(s)", details=details, hint="mend these lines")
    return {name: _policy(name, entry, path) for name, entry in document.data.items()}


def _wrong(document: Document, folder: Path) -> Iterator[Problem]:
    """Yield what no schema sees: files that are not there, and words of a step that mean nothing."""
    for name, entry in document.data.items() if isinstance(document.data, dict) else ():
        files, steps = (entry.get(key) if isinstance(entry, dict) else None for key in ("files", "steps"))
        named = files if isinstance(files, dict) else {}
        for key, text in named.items():
            if isinstance(text, str) and not (folder / text).is_file():
                message = f"{name}.files.{key}: {matrix_words.quoted(text)} is no file (looked in {folder})"
                yield Problem(line=document.line((name, "files", key)), message=message)
        for at, step in enumerate(steps if isinstance(steps, list) else ()):
            words = [word for word in step if isinstance(word, str)] if isinstance(step, list) else []
            for message in _unmeant(words, named):
                yield Problem(line=document.line((name, "steps", at)), message=f"{name}.steps[{at}]: {message}")


def _unmeant(words: Sequence[str], files: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the words of a step."""
    if words and words[0] != "make" and not _SCRIPT.fullmatch(words[0]):
        yield f"{matrix_words.quoted(words[0])} is neither make nor a script below the tree"
    known = ["old", "layers", *files]
    for word in words:
        for key in _PLACEHOLDER.findall(word):
            if key not in known:
                near = matrix_words.did_you_mean(key, known) or ";"
                yield f"unknown name {{{key}}}{near} known: {matrix_words.listed(known)}"
        if "{layers}" in word and word != "{layers}":
            yield f"{matrix_words.quoted(word)}: {{layers}} is several words, and stands alone"


def _policy(name: str, entry: Mapping[str, Any], path: Path) -> Policy:
    try:
        files = {key: (path.parent / text).read_bytes() for key, text in entry.get("files", {}).items()}
    except OSError as error:
        raise UserError(f"{path}: {name}: files: {error.filename}: {error.strerror}", hint="make the file") from error
    needs = entry.get("needs")
    return Policy(
        name=name, about=entry["about"], steps=tuple(tuple(step) for step in entry["steps"]),
        keeps_config=entry.get("starts", "config") == "config", answers=entry.get("answers", "none"),
        environment=dict(entry.get("environment", {})), files=files,
        needs=(needs["file"], needs["text"]) if needs else None,
    )  # fmt: skip


def commands(policy: Policy, folder: str, layers: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What is run, in order: `folder` is the build folder, `layers` the files of base and fragments in it."""
    names = {"old": "old.config", **{key: f"{folder}/{key}.input" for key in policy.files}}
    made = []
    for step in policy.steps:
        words: list[str] = []
        for word in step:
            words += list(layers) if word == "{layers}" else [_filled(word, names)]
        made.append((f"/src/{words[0]}" if words[0] != "make" else "make", *words[1:]))
    return tuple(made)


def _filled(word: str, names: Mapping[str, str]) -> str:
    for key, name in names.items():
        word = word.replace(f"{{{key}}}", name)
    return word
