"""What a policy's commands printed about an option, by conf itself or by the scripts around it.

Pure: text in, findings out. Never says whether an option was lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z0-9_]{2,}")
_CONFIG = re.compile(r"CONFIG_(\w+)")
# scripts/kconfig/confdata.c, conf_warning(): "file:line:warning: text" (6.1 to 7.3)
_WARNING = re.compile(r"^(?P<file>[^:\s]+):(?P<line>\d+):warning: (?P<text>.*)$")
_INVALID = re.compile(r"'.*' invalid for (?P<symbol>\w+)")
_VALUE = "symbol value "
# Every other line that names an option, with the file that prints it.
_NAMING = tuple(re.compile(pattern) for pattern in (
    r"^(?:WARNING: )?Value requested for CONFIG_(\w+) not in final \.config",  # merge_config.sh, 6.1 to 7.3
    r"^Value of CONFIG_(\w+) is redefined by fragment",  # merge_config.sh, which -s makes an error of
    r"^WARNING: CONFIG_(\w+) (?:differs|not in merged config)",  # merge_config.sh, 7.1
    r"^module \S+ did not have configs CONFIG_(\w+)",  # streamline_config.pl (localmodconfig)
    r"^CONFIG_(\w+)=",  # conf.c: listnewconfig
    r"^\s+CONFIG_(\w+): .* -> ",  # confdata.c: KCONFIG_WARN_CHANGED_INPUT, 7.2
    r"^WARNING: unmet direct dependencies detected for (\w+)",  # symbol.c
    r"^[ >]*\d+\. .*\((\w+)\) \(NEW\)$",  # conf.c, conf_choice(): a member of a choice
))  # fmt: skip
_NEW = "] (NEW)"
_ASKED = re.compile(r"\((\w+)\) \[")
# A line without any of these is none of the above. Most lines are not, and a hostile tree prints millions.
_MARK = re.compile(r"CONFIG_|:warning: |WARNING: unmet|\(NEW\)")


@dataclass(frozen=True, slots=True)
class Told:
    """A printed line and the symbols that it names; `invalid` is the one whose value conf could not use."""

    text: str
    symbols: frozenset[str]
    invalid: str = ""


def told(stdout: str, stderr: str) -> tuple[Told, ...]:
    """Every line that names an option, conf's own warnings of invalid values first."""
    marked = (text for stream in (stderr, stdout) for text in stream.splitlines() if text and _MARK.search(text))
    found = [one for text in marked if (one := _line(text))]
    return tuple(sorted(found, key=lambda one: not one.invalid))


def _line(text: str) -> Told | None:
    if match := _WARNING.match(text):
        invalid = _invalid(match["text"])
        named = [invalid["symbol"]] if invalid else _WORD.findall(match["text"])
        return Told(text, frozenset(named), invalid["symbol"] if invalid else "")
    for pattern in _NAMING:
        if found := pattern.search(text):
            more = _CONFIG.findall(text) if text.startswith("module ") else ()  # the one line that names several
            return Told(text.strip(), frozenset({found[1], *more}))
    asked = _question(text)
    return Told(text.strip(), frozenset({asked})) if asked else None


def _invalid(text: str) -> re.Match[str] | None:
    """Conf's words of a value that it could not use. One try at the first place: a search would try at each of many."""
    at = text.find(f"{_VALUE}'")
    return _INVALID.match(text, at + len(_VALUE)) if at >= 0 else None


def _question(text: str) -> str:
    """The option that conf asks for, as in `prompt (SYMBOL) [N/m/y/?] (NEW)` (conf.c); empty where it asks for none."""
    for before in text.split(_NEW)[:-1]:
        if found := _ASKED.search(before, before.rfind("]") + 1):
            return found[1]
    return ""
