"""An index of a kernel tree's Kconfig files: every option with its definitions and all conditions that hold for them.

Pure. Never computes an option's value: the tree's own conf does that, this says what it had to go by.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline import expr, kconfiglang
from pipeline.kconfigsymbols import Condition, Default, Definition, Index, Select, Selected, Symbol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.kconfiglang import Attribute, Statement

__all__ = ["VARIABLES", "Condition", "Default", "Definition", "Index", "Select", "Selected", "Symbol", "index"]

# What the kernel's Makefile exports to conf for an x86 build on an x86 host
VARIABLES: Mapping[str, str] = MappingProxyType(
    {"SRCARCH": "x86", "ARCH": "x86", "SUBARCH": "x86", "HEADER_ARCH": "x86", "srctree": "."}
)
SOURCE_DEPTH = 50  # the kernel's is 7
SOURCES = 20_000  # an x86 tree sources 1,500 files
INHERITED = 200  # conditions of the blocks around an option; the kernel's most is 8
NO_FILE = "no file "
_VARIABLE = re.compile(r"\$\(([A-Za-z0-9_-]+)\)")
_BLOCK_OF = {"endif": "if", "endmenu": "menu", "endchoice": "choice"}


def index(files: Mapping[str, str], root: str = "Kconfig", variables: Mapping[str, str] = VARIABLES) -> Index:
    """The index of the files (path below the tree to text) that are reached from a root. Raises nothing.

    `variables` are those of $(NAME) in paths and expressions. Each problem is "file:line: text" (no line for a
    root that is missing).
    """
    walk = _Walk(files, variables)
    walk.read(root, root, _Block(), ())
    symbols = {
        name: Symbol(name, tuple(found), tuple(walk.selected.get(name, ())), tuple(walk.implied.get(name, ())))
        for name, found in walk.definitions.items()
    }
    choices = {origin: tuple(dict.fromkeys(members)) for origin, members in walk.choices.items()}
    return Index(symbols, choices, tuple(walk.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What holds inside an if, menu or choice, with all that holds around it."""

    word: str = ""
    line: int = 0
    depends: tuple[Condition, ...] = ()
    visible: tuple[Condition, ...] = ()
    choice: str = ""


class _Walk:
    def __init__(self, files: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self.files = files
        self.variables = variables
        self.problems: list[str] = []
        self.definitions: dict[str, list[Definition]] = {}
        self.selected: dict[str, list[Selected]] = {}
        self.implied: dict[str, list[Selected]] = {}
        self.choices: dict[str, list[str]] = {}
        self.sources = 0

    def read(self, path: str, origin: str, around: _Block, above: tuple[str, ...]) -> None:
        """Takes in a file that is sourced at origin, inside a block, by the files above it."""
        if refused := self._refused(path, above):
            self.problems.append(f"{origin}: {refused}")
            return
        self.sources += 1
        blocks = [around]
        for one in kconfiglang.statements(self.files[path]):
            here = f"{path}:{one.line}"
            if one.word in {"config", "menuconfig"}:
                self._define(path, one, blocks[-1])
            elif one.word in {"if", "menu", "choice"}:
                blocks.append(self._block(path, one, blocks[-1]))
            elif one.word == "source":
                self.read(posixpath.normpath(self._expanded(one.text)), here, blocks[-1], (*above, path))
            elif one.word in _BLOCK_OF:
                if len(blocks) > 1 and blocks[-1].word == _BLOCK_OF[one.word]:
                    blocks.pop()
                else:
                    self.problems.append(f"{here}: {one.word} without {_BLOCK_OF[one.word]}")
            elif one.word == "unknown":
                self.problems.append(f"{here}: unknown statement: {one.text}")
        self.problems.extend(f"{path}:{block.line}: {block.word} without an end" for block in blocks[1:])

    def _refused(self, path: str, above: tuple[str, ...]) -> str:
        if path in above:
            return f"{path} sources itself"
        if len(above) > SOURCE_DEPTH or self.sources >= SOURCES:
            return f"{path} is not read: too many files are sourced"
        return "" if path in self.files else f"{NO_FILE}{path}"

    def _expanded(self, text: str) -> str:
        if "$(" not in text:
            return text
        return _VARIABLE.sub(lambda match: self.variables.get(match[1], match[0]), text)

    def _condition(self, text: str, origin: str) -> Condition:
        return Condition(text, origin, expr.parse(self._expanded(text)))

    def _depends(self, path: str, one: Statement) -> tuple[Condition, ...]:
        found = []
        for line in one.attributes:
            if line.word != "depends" or line.text is None:
                continue
            condition = self._condition(line.text, f"{path}:{line.line}")
            if line.condition:
                wanted = expr.unless(condition.expr, expr.parse(self._expanded(line.condition)))
                condition = Condition(f"{line.text} if {line.condition}", condition.origin, wanted)
            found.append(condition)
        return tuple(found)

    def _if(self, path: str, line: Attribute) -> Condition | None:
        return self._condition(line.condition, f"{path}:{line.line}") if line.condition else None

    def _visible(self, path: str, one: Statement) -> tuple[Condition, ...]:
        """A menu's `visible if`, or the `if` behind a prompt."""
        prompts = [line for line in one.attributes if line.word in {"prompt", "type"}]
        found = [self._if(path, line) for line in prompts if line.text is not None]
        found += [
            self._condition(line.text, f"{path}:{line.line}")
            for line in one.attributes
            if line.word == "visible" and line.text is not None
        ]
        return tuple(one for one in found if one)

    def _block(self, path: str, one: Statement, around: _Block) -> _Block:
        here = f"{path}:{one.line}"
        depends = (self._condition(one.text, here),) if one.word == "if" else self._depends(path, one)
        visible = self._visible(path, one)
        if len(around.depends + depends + around.visible + visible) > INHERITED:
            self.problems.append(f"{here}: too many conditions around this {one.word}; its own are left out")
            depends = visible = ()
        if one.word == "choice":
            self.choices.setdefault(here, [])
        return _Block(
            word=one.word,
            line=one.line,
            depends=around.depends + depends,
            visible=around.visible + visible,
            choice=here if one.word == "choice" else around.choice,
        )

    def _define(self, path: str, one: Statement, around: _Block) -> None:
        here = f"{path}:{one.line}"
        prompts = [line.text for line in one.attributes if line.word in {"prompt", "type"} and line.text is not None]
        self.definitions.setdefault(one.text, []).append(
            Definition(
                origin=here,
                kind=next((line.kind for line in one.attributes if line.kind), ""),
                prompt=prompts[-1] if prompts else None,
                depends=around.depends + self._depends(path, one),
                visible=around.visible + self._visible(path, one),
                defaults=self._defaults(path, one),
                selects=self._selects(path, one, "select", self.selected),
                implies=self._selects(path, one, "imply", self.implied),
                transitional=any(line.word == "transitional" for line in one.attributes),
                choice=around.choice,
            )
        )
        if around.choice:
            self.choices[around.choice].append(one.text)

    def _defaults(self, path: str, one: Statement) -> tuple[Default, ...]:
        return tuple(
            Default(line.text or "", self._if(path, line), f"{path}:{line.line}")
            for line in one.attributes
            if line.word == "default"
        )

    def _selects(
        self, path: str, one: Statement, word: str, targets: dict[str, list[Selected]],
    ) -> tuple[Select, ...]:  # fmt: skip
        found = []
        for line in one.attributes:
            if line.word == word and line.text:
                select = Select(line.text, self._if(path, line), f"{path}:{line.line}")
                targets.setdefault(line.text, []).append(Selected(one.text, select.condition, select.origin))
                found.append(select)
        return tuple(found)
