"""Run livefan from a checkout: ``python main.py --help``."""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python could not even import the command line
        version = ".".join(map(str, sys.version_info[:2]))
        print(
            f"livefan: needs Python 3.11 or newer, and this is {version}; use the Python in .venv, which "
            "'python3 bootstrap.py run' makes",
            file=sys.stderr,
        )
        sys.exit(2)
    try:
        from livefan.cli.main import program

        program()
    except KeyboardInterrupt:  # while the command line is imported
        sys.exit(130)
