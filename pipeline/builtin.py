"""Finds the statements that build code into the kernel while an option that they hang on is m.

Pure. A statement counts when there are values of the options with which its code is built in, one option of it m, and
is not built in when that one is n, all else the same. It is tried, not guessed from how the line looks. Never asks
which of these values Kconfig's dependencies allow.
"""

from __future__ import annotations

import itertools
import math
import posixpath
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pipeline.kbuildscope import OPTION, Run
from pipeline.makevalues import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from pipeline.kbuildlang import Statement
    from pipeline.kbuildscope import Scope

COMBINATIONS = 512
DOMAINS = {"tristate": "nmy", "bool": "ny", "": "ny"}
# What names m itself: the functions by the idiom that they make.
NAMING_M = {
    "subst": re.compile(r"\$[({](?:pat)?subst\s+m,\s*y\s*,"),
    "suffix": re.compile(r"[({]CONFIG_\w+:m=y[)}]"),
    "filter": re.compile(r"\$[({](?:filter\s+(?:[^,]*\s)?m[\s,]|findstring\s+m\s*,)"),
}
_FOLDED = re.compile(r"(?:obj|lib)-(?:y|m|\$.*)")
_ROOTED = re.compile(r"(?:core|drivers|libs|net|virt|init)-(?:y|\$.*)")
_ROOTED_IN = re.compile(r"Makefile|arch/\w+/Makefile[^/]*")
_PART = re.compile(r"([^$]+?)-(?:y|objs|\$.*)")
_PLAIN = re.compile(r"[\w.-]+|(?!lib-)[\w.-]+-\$\(CONFIG_\w+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A statement, the options that build its code in when they are m, and what is built in, by root-relative path.

    `into` is the object that these are parts of; `follows` the options that must be y besides, such as that object's.
    """

    statement: Statement
    causes: tuple[str, ...]
    builds: tuple[str, ...]
    into: str
    follows: tuple[str, ...]


def expressions(one: Statement) -> list[str]:
    """The texts of a statement that decide: its name and its conditionals."""
    return [one.name, *(guard.reference for guard in one.guards)]


class Tree:
    """The Makefiles of a tree, which of them descends into which folder, and the types of the options."""

    def __init__(self, scopes: Sequence[Scope], kinds: Callable[[str], str]) -> None:
        self._scopes = scopes
        self._kind = cache(kinds)
        self.descents: dict[str, list[tuple[Scope, int]]] = {}
        for scope in scopes:
            for index, one in enumerate(scope.statements):
                if "/" in one.value and (base := _base(scope, one)) is not None:
                    for word in one.value.split():
                        if word.endswith("/") and "$" not in word:
                            self.descents.setdefault(_path(base, word), []).append((scope, index))

    def hits(self) -> Iterator[Hit]:
        """Every statement that counts, file by file.

        A file that another includes only counts there, unless kbuild reads it by itself too: Makefile.kvm does not.
        """
        included = {one.path for scope in self._scopes for one in scope.statements if one.path != scope.path}
        for scope in self._scopes:
            if scope.path in included and f"{scope.folder}/" not in self.descents:
                continue
            owners = _owners(scope)
            for index, one in enumerate(scope.statements):
                part = _PART.fullmatch(one.name)
                if _dull(one):
                    continue
                if _base(scope, one) is not None:
                    hit = self._hit(scope, index, _targets(one.name), ())
                elif part and part[1] in owners:
                    hit = self._hit(scope, index, {f"{part[1]}-y", f"{part[1]}-objs"}, owners[part[1]])
                else:
                    continue
                if hit:
                    yield hit

    def _hit(self, scope: Scope, index: int, targets: Collection[str], owners: Sequence[int]) -> Hit | None:
        one, options = scope.statements[index], scope.options(index)
        named, asked = _named(one)
        movable = [name for name in options if self._movable(name, named, asked)]
        if not movable:
            return None
        above = [name for owner in owners for name in scope.options(owner)]
        domains = {name: self._domain(name, named) for name in (*options, *above)}
        tristate = [name for name, letters in domains.items() if "m" in letters]
        causes, follows, words = [], dict[str, None](), dict[str, None]()
        for name in movable:
            if name in named or not self._blocked(scope.folder, name):
                trial = _Trial(scope, index, targets, owners, name)
                witness = next(filter(trial.gained, _valuations({**domains, name: "n"})), None)
                if witness is not None:
                    causes.append(name)
                    full = {option: "y" if domains[option] == "ny" else value for option, value in witness.items()}
                    words.update(dict.fromkeys(trial.objects(witness) + trial.objects(full)))
                    follows.update(dict.fromkeys(trial.needed(witness, tristate)))
        if not causes:
            return None
        base, part = _base(scope, one), _PART.fullmatch(one.name)
        into = _path(scope.folder, f"{part[1]}.o") if base is None and part else ""
        builds = tuple(_path(scope.folder if base is None else base, word) for word in words)
        return Hit(statement=one, causes=tuple(causes), builds=builds, into=into, follows=tuple(follows))

    def _movable(self, name: str, named: Collection[str], asked: Collection[str]) -> bool:
        return name in named or self._kind(name) == "tristate" or (name in asked and not self._kind(name))

    def _domain(self, name: str, named: Collection[str]) -> str:
        return "nmy" if name in named else DOMAINS.get(self._kind(name), "")

    def _blocked(self, folder: str, symbol: str) -> bool:
        """Whether an option that is m keeps everything below a folder out of the kernel, as obj-m foo/ does."""
        while folder:
            above = self.descents.get(f"{folder}/", [])
            if above and not any(self._descends(scope, index, symbol) for scope, index in above):
                return True
            folder = posixpath.dirname(folder)
        return False

    def _descends(self, scope: Scope, index: int, symbol: str) -> bool:
        options = scope.options(index)
        if symbol not in options:
            return True
        domains = {**{name: self._domain(name, ()) for name in options}, symbol: "m"}
        targets = _targets(scope.statements[index].name)
        return any(_words(scope, index, targets, values) for values in _valuations(domains))


class _Trial:
    """One statement and one option of it."""

    def __init__(
        self, scope: Scope, index: int, targets: Collection[str], owners: Sequence[int], symbol: str,
    ) -> None:  # fmt: skip
        self._scope, self._index, self._targets = scope, index, targets
        self._owners, self._symbol = owners, symbol

    def gained(self, values: Mapping[str, str]) -> list[str]:
        """The words that are built in with the option m and are not with it n."""
        on = {**values, self._symbol: "m"}
        words = _words(self._scope, self._index, self._targets, on)
        if not words or (self._owners and not any(_words(self._scope, one, {"obj-y"}, on) for one in self._owners)):
            return []
        before = _words(self._scope, self._index, self._targets, values)
        return [word for word in words if word not in before]

    def objects(self, values: Mapping[str, str]) -> list[str]:
        """What is gained, and for an object that is made of parts these: kbuild puts them into built-in.a instead."""
        run = Run(self._scope, {**values, self._symbol: "m"}, len(self._scope.statements))
        found: list[str] = []
        for word in self.gained(values):
            stem = word.removesuffix(".o")
            parts = [] if stem == word else run.text(f"$({stem}-objs) $({stem}-y)").replace(UNKNOWN, "").split()
            found += parts or [word]
        return found

    def needed(self, values: Mapping[str, str], tristate: Sequence[str]) -> list[str]:
        """The tristates without whose y nothing is built in."""
        return [name for name in tristate if values[name] == "y" and not self.gained({**values, name: ""})]


def _words(scope: Scope, index: int, targets: Collection[str], values: Mapping[str, str]) -> list[str]:
    """What a statement adds to one of the targets."""
    run, one = Run(scope, values, index), scope.statements[index]
    return run.text(one.value).split() if run.counts(one.guards) and run.text(one.name) in targets else []


def _valuations(domains: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Values for options; all of them where they are few, else all low, all high, and each of these but for one."""
    levels = {name: ["" if one == "n" else one for one in domain] for name, domain in domains.items() if domain}
    if math.prod(map(len, levels.values())) <= COMBINATIONS:
        yield from (dict(zip(levels, values, strict=True)) for values in itertools.product(*levels.values()))
        return
    for end in (0, -1):
        base = {name: values[end] for name, values in levels.items()}
        yield base
        yield from ({**base, name: value} for name, values in levels.items() for value in values)


def _named(one: Statement) -> tuple[set[str], set[str]]:
    """The options beside a function that names m, and those that are compared with m."""
    texts = [*expressions(one), one.value]
    naming = [text for text in texts if any(pattern.search(text) for pattern in NAMING_M.values())]
    asking = [guard.reference for guard in one.guards if "m" in {guard.left, guard.right}]
    return {name for text in naming for name in OPTION.findall(text)}, {
        name for text in asking for name in OPTION.findall(text)
    }


def _base(scope: Scope, one: Statement) -> str | None:
    """The folder that the words of a statement are relative to; None when it lists nothing that is built in."""
    if _FOLDED.fullmatch(one.name):
        return scope.folder
    return "" if _ROOTED.fullmatch(one.name) and _ROOTED_IN.fullmatch(scope.path) else None


def _targets(name: str) -> set[str]:
    head = name.partition("-")[0]
    return {"lib-y", "lib-m"} if head == "lib" else {f"{head}-y"}


def _dull(one: Statement) -> bool:
    """Whether a statement needs no trial: no conditional, no function, no variable but its own option."""
    return not one.guards and "$" not in one.value and bool(_PLAIN.fullmatch(one.name))


def _path(base: str, word: str) -> str:
    return posixpath.normpath(posixpath.join(base, word)) + ("/" if word.endswith("/") else "")


def _owners(scope: Scope) -> dict[str, list[int]]:
    """Name of an object without .o to the statements that list it, as far as they can be worked out."""
    found: dict[str, list[int]] = {}
    for index, one in enumerate(scope.statements):
        if one.name.startswith("obj-"):
            texts = {one.value}
            if "$" in one.value:
                texts = {Run(scope, dict.fromkeys(scope.options(index), to), index).text(one.value) for to in "ym"}
            for word in {word for text in texts for word in text.split()}:
                found.setdefault(word.removesuffix(".o"), []).append(index)
    return found
