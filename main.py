"""Run livefan from a checkout: ``python main.py --help``."""

from livefan.cli.main import program

if __name__ == "__main__":
    program()
