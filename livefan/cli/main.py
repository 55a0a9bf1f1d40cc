"""The command line: find the command, run it, and print an error as one line."""

from __future__ import annotations

import argparse
import errno
import logging
import platform
import shlex
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import ClassVar, NoReturn

import livefan
from livefan.cli.environment import (
    check_memory,
    discard_output,
    is_out_of_memory,
    is_output_closed,
    out_of_memory,
    prepare_process,
)
from livefan.cli.log import LogFile, open_log
from livefan.core.errors import LivefanError, message_of
from livefan.core.process import end_process
from livefan.core.version import __version__

_log = logging.getLogger(__name__)

_OPTIONAL_PACKAGES = ("torch", "onnx", "PyQt6")
"""Packages that only training, export and the reference runtime need, and the window."""

_COMMANDS = (
    "live",
    "stream",
    "annotate",
    "evaluate",
    "train",
    "average",
    "prune",
    "calibrate",
    "calibrate-sigma",
    "preview",
    "synthesise-profiles",
    "label",
    "derive-labels",
    "compare",
    "describe-model",
    "export",
    "quantise",
    "refine",
    "runtimes",
    "fit-expressions",
    "fit-reliability",
    "benchmark",
)
"""The commands; each is a module of :mod:`livefan.cli.commands`."""

_ALONE = tuple(name for name in _COMMANDS if name != "train")
"""The commands that need no other one; a recipe of ``train`` runs others."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports wrong arguments in one line, without the usage before it.

    Attributes:
        given: the arguments of the command line.
    """

    given: ClassVar[Sequence[str]] = ()

    def error(self, message: str) -> NoReturn:
        """Print the line and end with exit code 2."""
        for argument in self.given:
            if argument.startswith("-") and Path(argument).is_file():
                self.exit(2, f"livefan: {argument}: begins like an option; write ./{argument}\n")
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


def build_parser(
    names: Sequence[str] = _COMMANDS,
) -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser of a command line with some commands, and those of the commands by name."""
    parser = _Parser(prog="livefan", description=(livefan.__doc__ or "").partition("\n")[0])
    parser.add_argument("--version", action=_Version, nargs=0, help="print version and commit")
    _add_verbose(parser, default=False)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name in names:
        import_module(f"livefan.cli.commands.{name.replace('-', '_')}").add(commands)
    for subparser in commands.choices.values():
        _add_verbose(subparser, default=argparse.SUPPRESS)  # else it would reset one before the command
    return parser, commands.choices


def _add_verbose(parser: argparse.ArgumentParser, default: bool | str) -> None:
    parser.add_argument(
        "--verbose",
        action="store_true",
        default=default,
        help="print the log and the traceback of an error on standard error",
    )


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments; without a command it is ``live``."""
    _Parser.given = argv
    # The other commands are not imported: a third of the time until the command begins.
    parser, commands = build_parser([name for name in _ALONE if name in argv[:1]] or _COMMANDS)
    arguments, unknown = parser.parse_known_args(argv)
    if arguments.command is None:
        arguments, unknown = parser.parse_known_args([*argv, "live"])
    if unknown:
        commands[arguments.command].error(_unknown(unknown[0], commands[arguments.command]))
    return arguments


def _unknown(argument: str, parser: argparse.ArgumentParser) -> str:
    """Return the error of an unknown argument, with the option that looks like it."""
    from difflib import get_close_matches

    if not argument.startswith("-"):
        return f"one argument too many: {argument}"
    alike = get_close_matches(argument.partition("=")[0], parser.format_usage().split(), 1)
    # The usage writes options in brackets.
    return f"unknown option {argument}" + (f", did you mean {alike[0].strip('[]')}?" if alike else "")


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
        check_memory()
        code = int(arguments.run(arguments))
        return _flush_output() or code
    except KeyboardInterrupt:
        _print_error("stopped")
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and is_output_closed():
            discard_output()
            return 0
        return _report(error, arguments, log)


def _flush_output() -> int:
    """Write the rest of standard output; return the exit code.

    A reader that closes the pipe early, such as ``head``, has read enough: this is success.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except OSError as error:
        discard_output()
        _print_error(f"standard output: {error.strerror}; choose another place for it")
        return 2
    return 0


def _report(error: Exception, arguments: argparse.Namespace, log: LogFile) -> int:
    """Log the traceback of an error and print one line; return the exit code."""
    _log.error("the command %s ended with an error", arguments.command, exc_info=error)
    message = _message(error)
    if message:
        _print_error(message)
        return 2
    if not (log.written or arguments.verbose):
        traceback.print_exception(error)
    where = f"; its traceback is in {log.path}" if log.written else ""
    _print_error(f"unexpected error, {type(error).__name__}: {' '.join(str(error).split())}{where}")
    return 1


def _message(error: Exception) -> str:
    """Return one line that says what failed and what to do, or nothing for a defect of the program."""
    if isinstance(error, LivefanError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "livefan").startswith("livefan"):
        mend = "use the Python in .venv, which 'python3 bootstrap.py run' makes"
        if error.name in _OPTIONAL_PACKAGES:
            mend = f"run: {sys.executable} -m pip install {error.name}"
        package = (error.name or "").partition(".")[0]
        return f"this needs the package {package}, which {sys.executable} lacks; {mend}"
    if isinstance(error, OSError) and error.errno != errno.ENOMEM:
        return message_of(error)
    return out_of_memory() if is_out_of_memory(error) else ""


def _print_error(message: str) -> None:
    print(f"livefan: {message}", file=sys.stderr)


def program() -> NoReturn:
    """Run the command line as a program: run a command, and end the process with its exit code."""
    prepare_process()
    try:
        code = main()
    except SystemExit as ended:  # help, version, wrong arguments
        code = int(ended.code or 0)
    end_process(_flush_output() or code)
