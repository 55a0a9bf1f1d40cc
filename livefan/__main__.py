"""Run the command line: ``python -m livefan --help``."""

from livefan.cli.main import program

if __name__ == "__main__":
    program()
