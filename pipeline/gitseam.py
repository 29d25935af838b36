"""The door to git on this machine: the commits, trees and patches of repositories that a user names.

Fetches and reads only; it checks nothing out, and runs no hook or filter.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipeline import atomic, leases, scratch
from pipeline.errors import HostError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.model import GitSource

FETCH_SECONDS = 3600
READ_SECONDS = 300
PAUSE = 0.5  # seconds between two looks whether anybody still waits
MOST_PATCHES = 1000
OBJECT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
NAME_ONE = "name a branch, a tag or a commit that it has"
SCHEMES = ("https", "http", "git", "ssh", "file")
# Settings of a repository that would have git run programs that it names: git-config(1).
OFF = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false")
# How git 2.30 to 2.47 says that what a user named is not there, or is no name (fetch-pack.c, remote.c, transport.c).
_THEIRS = re.compile(
    r"couldn't find remote ref|not our ref|invalid refspec|does not appear to be a git repository"
    r"|repository '.*' (?:not found|does not exist)|[Tt]ransport '.*' not allowed",
)
# gitattributes(5): this file of a repository goes before those in a tree. By theirs, git-archive would leave files out
# (export-ignore), or change them; an attribute with ! is as if nobody had given it.
_ATTRIBUTES = "* -text -ident !eol !filter !working-tree-encoding !export-ignore !export-subst\n"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit in a repository on this machine, and the digest of its tree."""

    repository: Path
    sha: str
    tree: str


def is_local(url: str) -> bool:
    """Whether a URL is a path on this machine."""
    return "://" not in url and not re.match(r"[\w.@-]+:", url)


def fault(url: str) -> str:
    """Why nothing is fetched from a URL, in words; empty when it may be tried."""
    if re.match(r"[\w.+-]*::", url):
        return "names a program to fetch with, and none is run"
    scheme, found, _ = url.partition("://")
    return f"is of none of these kinds: {', '.join(SCHEMES)}" if found and scheme not in SCHEMES else ""


def commit(
    source: GitSource, mirrors: Path, *, fresh: bool, going: Callable[[], None] = lambda: None,
) -> Commit:  # fmt: skip
    """The commit that a ref names now; what a URL has is kept in `mirrors` and fetched again when it may have moved.

    `going` is called while it waits, and raises to end that. Raises UserError for a repository or ref that does not
    exist, HostError when the network fails.
    """
    where = f"sources: {source.name}: {source.url}"
    if found := fault(source.url):
        raise UserError(f"{where} {found}", hint="give a repository's path or its URL")
    if not source.ref:
        raise UserError(f"{where}: no commit is named", hint=NAME_ONE)
    if is_local(source.url):
        repository, name = Path(source.url), source.ref
    else:
        repository = _mirrored(source, mirrors, where, going, fresh=fresh)
        name = f"refs/hvmatrix/{_slug(source.ref)}"
    sha = _resolved(repository, f"{name}^{{commit}}", where, source.ref)
    return Commit(repository, sha, _resolved(repository, f"{sha}^{{tree}}", where, source.ref))


def archive(found: Commit, stream: IO[bytes]) -> None:
    """Write the tree of a commit into a stream as a tar, every file as it was committed.

    It is read by a repository of our own that borrows the objects: neither attributes nor settings of theirs count.
    """
    where = str(found.repository)
    objects = found.repository / _read(found.repository, ["rev-parse", "--git-path", "objects"], where).rstrip("\n")
    kind = "sha256" if len(found.sha) == 64 else "sha1"  # noqa: PLR2004 - digits
    with scratch.folder() as made:
        _run(made, ["init", "--quiet", "--bare", "--template=", f"--object-format={kind}"], where)
        attributes = made / "info" / "attributes"
        with atomic.writing(str(attributes)):
            attributes.parent.mkdir(exist_ok=True)
            attributes.write_text(_ATTRIBUTES)
        more = {"GIT_OBJECT_DIRECTORY": str(objects.absolute())}
        words = ["archive", "--format=tar", found.sha]
        done = _run(made, words, where, seconds=FETCH_SECONDS, expect=None, stream=stream, more=more)
    if done.returncode:
        text = done.stderr.decode(errors="replace")[-1000:]
        raise HostError(f"{where}: git archive failed", details=text, hint="see `git fsck` there, and the disk")


def patches(repository: Path, span: str) -> list[tuple[str, bytes]]:
    """The commits of a range as patches, oldest first, each with its subject; without merges and empty ones.

    Raises UserError when there are none.
    """
    where = f"patches: {repository}"
    listed = _read(repository, ["rev-list", "--reverse", "--no-merges", "--end-of-options", span, "--"], where)
    shas = listed.split()
    if not 0 < len(shas) <= MOST_PATCHES:
        many = f"{len(shas)} commits" if shas else "no commit"
        raise UserError(f"{where}: {many} in {span}", hint="give a range such as v6.18..my-branch")
    made = []
    for sha in shas:
        # not format-patch: a person's settings can change what that one writes
        words = ["diff-tree", "-p", "--root", "--no-commit-id", "--full-index", "--binary", "--no-renames", sha]
        text = _run(repository, words, where).stdout
        subject = _read(repository, ["log", "-1", "--format=%s", sha], where).strip()
        if text:
            made.append((f"{sha[:12]} {subject}", text))
    if not made:
        raise UserError(f"{where}: nothing is changed in {span}", hint="give a range such as v6.18..my-branch")
    return made


def _mirrored(source: GitSource, mirrors: Path, where: str, going: Callable[[], None], *, fresh: bool) -> Path:
    """The cached copy of what a URL has, with the ref in it."""
    repository = mirrors / f"{hashlib.sha256(source.url.encode()).hexdigest()[:16]}.git"
    kept = f"refs/hvmatrix/{_slug(source.ref)}"
    there = ["rev-parse", "--verify", "--quiet", kept]
    moves = fresh or not OBJECT.fullmatch(source.ref)
    if not moves and leases.used(repository) and _run(repository, there, where, expect=None).returncode == 0:
        return repository  # who fetches another commit is not waited for
    with _held(repository, going):
        _run(mirrors, ["init", "--quiet", "--bare", "--template=", repository.name], where)
        leases.used(repository)
        present = _run(repository, there, where, expect=(0, 1))
        if present.returncode == 0 and not moves:
            return repository  # whoever was waited for has fetched it
        words = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
                 "--end-of-options", source.url, f"+{source.ref}:{kept}"]  # fmt: skip
        more = {"GIT_ALLOW_PROTOCOL": ":".join(SCHEMES)}
        done = _run(repository, words, where, seconds=FETCH_SECONDS, expect=None, more=more, going=going)
    if done.returncode:
        text = done.stderr.decode(errors="replace")
        kind = UserError if _THEIRS.search(text) else HostError
        hint = "name a branch, a tag or a full commit that the repository has, and check the network"
        raise kind(f"{where}: cannot fetch {source.ref}", details=text[-1000:], hint=hint)
    return repository


@contextmanager
def _held(repository: Path, going: Callable[[], None]) -> Iterator[None]:
    """Keep a mirror to oneself: two fetches into one at a time get in each other's way (git's shallow.lock)."""
    with atomic.writing(str(repository)):
        repository.parent.mkdir(parents=True, exist_ok=True)
        stream = repository.with_suffix(".lock").open("w")
    with stream:
        while True:
            going()
            with suppress(BlockingIOError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(PAUSE)
        (repository / "shallow.lock").unlink(missing_ok=True)  # left by a fetch that was killed
        yield


def _resolved(repository: Path, name: str, where: str, ref: str) -> str:
    done = _run(repository, ["rev-parse", "--verify", "--quiet", "--end-of-options", name], where, expect=None)
    sha = done.stdout.decode(errors="replace").strip()
    if done.returncode or not OBJECT.fullmatch(sha):
        details = done.stderr.decode(errors="replace")[-500:]
        raise UserError(f"{where}: no commit {ref}", details=details, hint=NAME_ONE)
    return sha


def _read(repository: Path, words: Sequence[str], where: str) -> str:
    return _run(repository, words, where).stdout.decode(errors="replace")


def _run(
    repository: Path, words: Sequence[str], where: str, *, seconds: int = READ_SECONDS,
    expect: tuple[int, ...] | None = (0,), stream: IO[bytes] | int = subprocess.PIPE,
    more: Mapping[str, str] | None = None, going: Callable[[], None] = lambda: None,
) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
    argv = ["git", *(word for setting in OFF for word in ("-c", setting)), "-C", str(repository), *words]
    # a folder that is no repository is none, although it may lie in one
    ceiling = {"GIT_CEILING_DIRECTORIES": str(repository.resolve().parent)}
    try:
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.PIPE,
            env={**_environment(), **ceiling, **(more or {})},
        ) as child:  # fmt: skip
            done = _ended(child, argv, seconds, going)
    except FileNotFoundError as error:
        raise HostError("git is not installed", hint="install git, then run this again") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{where}: git took longer than {seconds} s", hint="check the network") from error
    if expect is not None and done.returncode not in expect:
        text = done.stderr.decode(errors="replace")[-1000:]
        raise UserError(f"{where}: git refuses", details=text, hint="name a git repository, and a range or ref in it")
    return done


def _ended(
    child: subprocess.Popen[bytes], argv: list[str], seconds: int, going: Callable[[], None],
) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
    """Wait for a program; it is killed when its time is over or `going` raises."""
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                out, err = child.communicate(timeout=PAUSE)
            except subprocess.TimeoutExpired:
                going()
                if time.monotonic() > deadline:
                    raise
            else:
                return subprocess.CompletedProcess(argv, child.returncode, out, err)
    except BaseException:
        child.kill()
        raise


def _environment() -> dict[str, str]:
    """Without questions, a surrounding repository's variables, or any transport.

    A repository that lacks objects would fetch them by itself, with programs that its own settings name.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {
        **kept, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C.UTF-8",
    }  # fmt: skip


def _slug(ref: str) -> str:
    return hashlib.sha256(ref.encode()).hexdigest()[:16]
