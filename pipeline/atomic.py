"""Writes files whole or not at all, by temporary file and rename.

Never leaves a half-written file under its final name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON_LIMIT = 256 * 2**20  # bytes
_Value = TypeVar("_Value", bound=Any)


@contextmanager
def writing(doing: str) -> Iterator[None]:
    """Turn a failing disk into a HostError that says what was being written."""
    try:
        yield
    except OSError as error:
        hint = "free some disk (./inv prune), or make the folder writable, then run this again"
        raise HostError(f"cannot write {doing}: {error.strerror}", details=str(error), hint=hint) from error


def write(path: Path, data: bytes | str) -> None:
    """Put data at a path, making its folder. Raises HostError when the disk does not take it."""
    raw = data.encode() if isinstance(data, str) else data
    with writing(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(raw)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any) -> None:
    """Put a value at a path as JSON, keys in the order given."""
    write(path, json.dumps(value, indent=2) + "\n")


def compact(value: Any) -> str:
    """A value as JSON without blanks, for what no person reads."""
    return json.dumps(value, separators=(",", ":"))


def plain(path: Path, most: int = JSON_LIMIT) -> bytes:
    """The bytes of a regular file itself, not of what a link leads to: a pipe would be waited for without end.

    Raises OSError for all else, and for more than `most` bytes.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > most:
            raise OSError(errno.EINVAL, "no plain file, or too large", str(path))
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return stream.read(most)
    finally:
        os.close(handle)


def read_json(path: Path) -> Any | None:
    """A JSON file's value; None where it is missing or damaged, as if it had never been written."""
    try:
        return json.loads(plain(path))
    except (OSError, ValueError, RecursionError):
        return None


def write_note(path: Path, value: Any) -> None:
    """Put a value at a path with a digest of it, for `read_note`: what verdicts follow from."""
    text = compact(value)
    write(path, f"{hashlib.sha256(text.encode()).hexdigest()} {text}\n")


def read_note(path: Path) -> Any | None:
    """What `write_note` put there; None where it is missing or one bit of it is another."""
    try:
        digest, _, text = path.read_text(encoding="utf-8").rstrip("\n").partition(" ")
        return json.loads(text) if hashlib.sha256(text.encode()).hexdigest() == digest else None
    except (OSError, ValueError, RecursionError):
        return None


def typed(value: _Value) -> _Value:
    """A dataclass made of a note, if each field is of the kind that it is declared with. Raises TypeError otherwise."""
    kinds: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}
    for field in fields(value):
        found = getattr(value, field.name)
        wanted = kinds.get(str(field.type), (tuple,) if str(field.type).startswith("tuple") else (object,))
        whole = isinstance(found, wanted) and not (isinstance(found, bool) and bool not in (*wanted, object))
        if not whole or (str(field.type) == "tuple[str, ...]" and not all(isinstance(one, str) for one in found)):
            raise TypeError(f"{field.name}: not of the kind {field.type}")
    return value


@contextmanager
def folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A new folder that appears at `path` when the block ends well, and is gone when it does not.

    One that is there already stays, unless it is to be replaced.
    """
    with writing(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(
            dir=path.parent, prefix=f".{path.name}.", ignore_cleanup_errors=True,
        )  # fmt: skip
    with temporary as name, writing(str(path)):
        yield Path(name)
        Path(name).chmod(0o755)
        with ExitStack() as stack:
            if replace and path.is_dir():  # removed when the new one is there: others may be about to read it
                aside = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".old-{path.name}.")
                path.rename(Path(stack.enter_context(aside)) / "old")
            try:
                Path(name).rename(path)
            except OSError:
                if not path.is_dir():  # somebody else was first: theirs is as good
                    raise
