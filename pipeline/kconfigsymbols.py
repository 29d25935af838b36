"""What an index of Kconfig files holds: options, their definitions, and the conditions with the places that state them.

Pure values, which kconfigtree.py makes. Never hold an option's value: that is a .config's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.exprtree import Expr


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression as the file writes it ("A if B" of `depends on A if B`), its file:line, and what it asks for."""

    text: str
    origin: str
    expr: Expr


@dataclass(frozen=True, slots=True)
class Default:
    """A default: an expression, a number or a string in quotes."""

    value: str
    condition: Condition | None
    origin: str


@dataclass(frozen=True, slots=True)
class Select:
    """A select or an imply, on the side of the option that does it."""

    target: str
    condition: Condition | None
    origin: str


@dataclass(frozen=True, slots=True)
class Selected:
    """A select or an imply, on the side of its target: who does it."""

    by: str
    condition: Condition | None
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One `config` of an option; conditions stand outermost first, each with the place that states it.

    `depends` and `visible` hold those of the if, menu and choice blocks around it too, across `source`. `visible` is
    for the prompt alone: its `if`, that of the choice's prompt, the menus' `visible if`. `choice` is the origin of the
    choice that it is a member of, or "". An option can have a value when one of its definitions allows it.
    """

    origin: str
    kind: str
    prompt: str | None
    depends: tuple[Condition, ...]
    visible: tuple[Condition, ...]
    defaults: tuple[Default, ...]
    selects: tuple[Select, ...]
    implies: tuple[Select, ...]
    transitional: bool
    choice: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """An option: all its definitions in the order in which conf reads them, and who selects or implies it."""

    name: str
    definitions: tuple[Definition, ...]
    selected_by: tuple[Selected, ...]
    implied_by: tuple[Selected, ...]

    @property
    def kind(self) -> str:
        """bool, tristate, int, hex or string: the first that a definition states; "" when none does."""
        return next((one.kind for one in self.definitions if one.kind), "")

    @property
    def prompted(self) -> bool:
        """Whether a person can be asked for it at all."""
        return any(one.prompt is not None for one in self.definitions)

    @property
    def transitional(self) -> bool:
        """Whether it is only read from an old .config and never written (6.18 on)."""
        return any(one.transitional for one in self.definitions)


@dataclass(frozen=True, slots=True)
class Index:
    """A tree's options by name, its choices by origin with their members, and what could not be read."""

    symbols: Mapping[str, Symbol]
    choices: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]
