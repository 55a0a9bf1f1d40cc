"""The command line: finds the command and turns errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import livefan
from livefan.cli.commands import (
    annotate,
    average,
    benchmark,
    calibrate,
    compare,
    evaluate,
    export,
    label,
    live,
    preview,
    quantise,
    refine,
    synthesise_profiles,
    train,
)
from livefan.core.errors import LivefanError
from livefan.core.process import end_process
from livefan.core.version import __version__

_COMMANDS = (
    live,
    annotate,
    evaluate,
    train,
    average,
    calibrate,
    preview,
    synthesise_profiles,
    label,
    compare,
    export,
    quantise,
    refine,
    benchmark,
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with arguments in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print it and end with exit code 2."""
        self.exit(2, f"livefan: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(prog="livefan", description=(livefan.__doc__ or "").partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"livefan {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command")
    for command in _COMMANDS:
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 for success, 2 for what the user can put right."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser().parse_args(given or ["live"])
    try:
        return int(arguments.run(arguments))
    except LivefanError as error:
        print(f"livefan: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = error.filename or "input or output"
        print(
            f"livefan: {place}: {error.strerror or error}; check the place, its permissions and free space",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("livefan: stopped", file=sys.stderr)
        return 130


def program() -> NoReturn:
    """The command line as a program: run a command, and end the process with its exit code."""
    end_process(main())
