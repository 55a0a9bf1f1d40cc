"""The command line: find the command, run it, and print an error as one line."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import shlex
import sys
import traceback
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
from livefan.cli.log import LogFile, open_log
from livefan.core.errors import LivefanError
from livefan.core.process import end_process
from livefan.core.version import __version__

_log = logging.getLogger(__name__)

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
    """A parser that reports wrong arguments in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print the line and end with exit code 2."""
        self.exit(2, f"livefan: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """Print version and commit, and end. The commit is read only here, because git takes some time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(version_line())
        parser.exit()


def version_line() -> str:
    """Return the version, and the commit if livefan runs from a checkout."""
    from livefan.core.provenance import commit

    revision = commit()
    return f"livefan {__version__}" + (f", commit {revision}" if revision != __version__ else "")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(prog="livefan", description=(livefan.__doc__ or "").partition("\n")[0])
    parser.add_argument("--version", action=_Version, nargs=0, help="print version and commit")
    _add_verbose(parser, default=False)
    commands = parser.add_subparsers(title="commands", dest="command")
    for command in _COMMANDS:
        command.add(commands)
    for subparser in commands.choices.values():
        _add_verbose(subparser, default=argparse.SUPPRESS)  # else it would reset one before the command
    return parser


def _add_verbose(parser: argparse.ArgumentParser, default: bool | str) -> None:
    parser.add_argument(
        "--verbose",
        action="store_true",
        default=default,
        help="print the log and the traceback of an error on standard error",
    )


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments; without a command it is ``live``."""
    arguments = build_parser().parse_args(argv)
    if arguments.command is None:
        arguments = build_parser().parse_args([*argv, "live"])
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0 for success, 2 for an error that the user can mend, 1 for an unexpected error, 130
        if the command was interrupted.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = parse(given)
    with open_log(verbose=arguments.verbose) as log:
        _log.info("livefan %s, Python %s: %s", __version__, platform.python_version(), shlex.join(given))
        return _run(arguments, log)


def _run(arguments: argparse.Namespace, log: LogFile) -> int:
    """Run the command of parsed arguments; print one line for an error, and log its traceback."""
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _print_error("stopped")
        return 130
    except LivefanError as error:
        _log_traceback(arguments)
        _print_error(str(error))
        return 2
    except OSError as error:
        _log_traceback(arguments)
        place = error.filename or "input or output"
        _print_error(f"{place}: {error.strerror or error}; check the place, its permissions and free space")
        return 2
    except Exception as error:
        _log_traceback(arguments)
        if not (log.written or arguments.verbose):
            traceback.print_exc()
        where = f"; its traceback is in {log.path}" if log.written else ""
        message = " ".join(str(error).split())
        _print_error(f"unexpected error, {type(error).__name__}: {message}{where}")
        return 1


def _log_traceback(arguments: argparse.Namespace) -> None:
    _log.error("the command %s ended with an error", arguments.command, exc_info=True)


def _print_error(message: str) -> None:
    print(f"livefan: {message}", file=sys.stderr)


def program() -> NoReturn:
    """Run the command line as a program: run a command, and end the process with its exit code."""
    end_process(main())
