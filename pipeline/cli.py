"""The command line: invoke's program over tasks.py, with this project's exit statuses.

Never does anything itself.
"""

from __future__ import annotations

from pipeline import interrupts

if __name__ == "__main__":
    interrupts.at_once()  # before the imports, which take a second

import contextlib
import io
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Collection, Program
from invoke.exceptions import Exit, ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
USAGE = 2
WORD_OR_NOT = {"explain": "--cells", "fix": "--cells", "report": "--run"}


@contextmanager
def _usage() -> Iterator[None]:
    """Words that invoke does not know end with 2, not with its own 1, which here means that a kernel failed."""
    try:
        yield
    except (ParseError, ValueError) as error:  # the latter where a flag's number is none
        raise Exit(message=f"inv: {error}\nnext: ./inv --list, or ./inv COMMAND --help", code=USAGE) from error


class Inv(Program):
    """Invoke's program with our exit status for wrong words."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse the words before the first command."""
        with _usage():
            super().parse_core(argv)

    def parse_collection(self) -> None:
        """Load the commands."""
        with _usage():
            super().parse_collection()

    def parse_tasks(self) -> None:
        """Parse the commands and their flags."""
        with _usage():
            super().parse_tasks()
            if len(self.tasks) > 1:  # the first one's exit status would end them all
                raise ParseError(f"one command at a time, not {' and '.join(str(one.name) for one in self.tasks)}")


    def print_task_help(self, name: str) -> None:
        """Print a command's help with the words that it takes, and without a second command, which is refused."""
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            super().print_task_help(name)
        sys.stdout.write(text.getvalue().replace(" [other tasks here ...]", word_of(name)))


def word_of(command: str) -> str:
    """A blank and the word that may stand for a flag of a command, or several; empty for none."""
    words = {name: f" [{flag.removeprefix('--').upper()}]" for name, flag in WORD_OR_NOT.items()}
    return {**words, "collect": " FOLDER..."}.get(command, "")


def _help_first(argv: list[str]) -> list[str]:
    """`COMMAND --help` as `--help COMMAND`: invoke takes the flag for a missing positional word otherwise."""
    asked = {"--help", "-h"} & set(argv[1:])
    return ["--help", argv[0]] if asked and not argv[0].startswith("-") else argv


def _word_named(argv: list[str]) -> list[str]:
    """`explain CELL` as `explain --cells CELL`: invoke knows no positional word that may be left out."""
    if len(argv) > 1 and argv[0] in WORD_OR_NOT and not argv[1].startswith("-"):
        return [argv[0], WORD_OR_NOT[argv[0]], *argv[1:]]
    return _several_named(argv)


def _several_named(argv: list[str]) -> list[str]:
    """`collect A B` as `collect --folders A --folders B`: invoke knows no list of positional words."""
    if not argv or argv[0] != "collect":
        return argv
    found = [argv[0]]
    flag = False
    for word in argv[1:]:
        found += [word] if flag or word.startswith("-") else ["--folders", word]
        flag = word.startswith("-") and "=" not in word
    return found


def main(argv: list[str]) -> None:
    """Run the commands in argv (without the program's name); ends with SystemExit."""
    sys.path.insert(0, str(ROOT))
    import tasks  # noqa: PLC0415 - found only now

    program = Inv(name="inv", binary="./inv", binary_names=["inv"], namespace=Collection.from_module(tasks))
    words = ["inv", *_help_first(_word_named(argv))]
    if not any(word.startswith("--print-completion-script") for word in argv):
        try:
            program.run(words)
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        program.run(words)
    # the wrapper is called by its path, as it is not in PATH
    sys.stdout.write(printed.getvalue().replace("inv --complete", "./inv --complete"))


if __name__ == "__main__":
    main(sys.argv[1:])
