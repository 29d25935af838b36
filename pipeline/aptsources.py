"""Finds the package mirror of this host in its apt sources, so that none is named in the project.

Pure: text in, addresses out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ONE_LINE = re.compile(r"^deb(?:\s+\[[^\]]*\])?\s+(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.*)$")
_FIELD = re.compile(r"^(?P<name>[A-Za-z-]+):\s*(?P<value>.*)$")

_NO = {"no", "false", "without", "off", "disable", "0"}  # apt's StringToBool


@dataclass(frozen=True, slots=True)
class Mirrors:
    """The address of Debian's archive and of its security archive; empty where there is none."""

    main: str = ""
    security: str = ""


def mirrors(texts: Iterable[str], codename: str) -> Mirrors:
    """The mirrors that serve this host's Debian release; texts are those of sources.list and its kin.

    None where the codename is empty: the host is no Debian, and its mirrors serve something else.
    """
    main = security = ""
    for text in texts:
        for uri, suites, components in _entries(text):
            if "main" not in components or not codename or uri.startswith("cdrom:"):
                continue
            if codename in suites:
                main = main or uri
            if f"{codename}-security" in suites:
                security = security or uri
    return Mirrors(main, security)


def behind(uri: str, text_of: Callable[[str], str]) -> str:
    """The address that is meant: of apt's mirror+file, which names a file of this host, the first one in that file.

    `text_of` reads a file by its path. Empty when it names none. apt-transport-mirror(1).
    """
    if not uri.startswith("mirror+file:"):
        return uri
    lines = text_of("/" + uri.removeprefix("mirror+file:").lstrip("/")).splitlines()
    words = (line.split() for line in lines)
    return next((found[0] for found in words if found and not found[0].startswith("#")), "")


def codename_of(os_release: str) -> str:
    """The codename in the text of /etc/os-release of a Debian; empty for anything else."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    words = {name: value.strip("\"' ") for name, value in fields.items()}
    return words.get("VERSION_CODENAME", "") if words.get("ID") == "debian" else ""


def _entries(text: str) -> Iterable[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        if match := _ONE_LINE.match(line.strip()):
            yield match["uri"], [match["suite"]], match["components"].split()
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "").lower() not in _NO:
            for uri in fields.get("uris", "").split():
                yield uri, fields.get("suites", "").split(), fields.get("components", "").split()


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    last = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"} and last:
            fields[last] += f" {line.strip()}"
        elif match := _FIELD.match(line):
            last = match["name"].lower()
            fields[last] = match["value"].strip()
    return fields
