"""Lines of a real tree's files as tests/golden keeps them: "path:number:text", under a line that says of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read(golden: Path) -> dict[str, str]:
    """The files by their paths in the tree, each line where it stands there and all others empty."""
    files: dict[str, list[str]] = {}
    for line in golden.read_text().splitlines()[1:]:
        path, number, text = line.split(":", 2)
        lines = files.setdefault(path, [])
        lines += [""] * (int(number) - len(lines))
        lines[int(number) - 1] = text
    return {path: "\n".join(lines) for path, lines in files.items()}
