#!/usr/bin/env python3
"""Set livefan up in a checkout and run it; the same commands on Linux, macOS and Windows.

    python3 bootstrap.py run [ARGS]     open the window; without a screen, annotate the bundled clip;
                                        ARGS, if any, go to livefan: run annotate in.mp4 -o out.mp4
    python3 bootstrap.py test [ARGS]    run the test suite; ARGS go to pytest
    python3 bootstrap.py lint           check style and types
    python3 bootstrap.py setup          only set up

Each makes .venv beside this file when it is absent or out of date. Needs Python 3.11 or 3.12.
"""

# Any Python from 3.8 on must get as far as a clear message, so no newer syntax and no other packages here.
from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, Mapping, Sequence  # noqa: UP035

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "livefan-setup"
UNFINISHED = "unfinished"
RUN_FILES = ("requirements.txt",)
DEV_FILES = ("requirements.txt", "requirements/dev.txt")
SUPPORTED = ((3, 12), (3, 11))

# Libraries that the wheels of OpenCV and Qt link to and do not carry, and the Debian packages that hold them.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
# What Qt needs on top of them to open a window on X11 or Wayland.
WINDOW_LIBRARIES = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}


class SetupError(Exception):
    """What the user can put right; the message says how."""


def has_screen(platform: str, environment: Mapping[str, str]) -> bool:
    """Whether a window can be opened: on Linux only within X11 or Wayland."""
    return not platform.startswith("linux") or any(environment.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY"))


def python_version(command: Sequence[str], module: str = "venv") -> tuple[int, int] | None:
    """Version of the Python behind a command, or None if it does not run or lacks the module."""
    code = f"import sys, {module}; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([*command, "-c", code], capture_output=True, text=True, check=True)
        major, minor = answer.stdout.split()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return int(major), int(minor)


def python_candidates() -> Iterator[list[str]]:
    """Commands that may be a supported Python; the one that runs this comes first."""
    yield [sys.executable]
    for major, minor in SUPPORTED:
        yield ["py", f"-{major}.{minor}"] if os.name == "nt" else [f"python{major}.{minor}"]


def find_python() -> list[str]:
    """A supported Python that can make virtual environments; on Debian and Ubuntu as root, installs one."""
    bare = []
    for command in python_candidates():
        if python_version(command) in SUPPORTED:
            if python_version(command, "ensurepip"):
                return command
            bare.append(python_version(command))
    packages = ["python{}.{}-venv".format(*version) for version in bare or SUPPORTED if version]
    if can_apt():
        for package in packages:
            if apt_install([package]) is None:
                return ["/usr/bin/" + package[: -len("-venv")]]
    if bare:
        raise SetupError(f"this Python cannot make virtual environments; run: sudo {apt_line(packages[:1])}")
    here = "{}.{}".format(*sys.version_info[:2])
    raise SetupError(f"needs Python 3.11 or 3.12, and finds only {here}; install one and run this again")


def can_apt() -> bool:
    """Whether this is Debian or Ubuntu, and run by root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_line(packages: Sequence[str]) -> str:
    """The command that installs packages on Debian and Ubuntu."""
    return "apt-get install -y --no-install-recommends " + " ".join(packages)


def apt_install(packages: Sequence[str]) -> str | None:
    """Install Debian packages; returns None, or why it failed."""
    print("installing system packages: " + " ".join(packages), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A failed update is no failure yet: the lists may be recent enough.
    subprocess.run(["apt-get", "update", "-qq"], env=environment, capture_output=True, check=False)
    command = [*apt_line(packages).split(), "-qq"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def is_loadable(library: str) -> bool:
    """Whether the dynamic linker finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing(libraries: Mapping[str, str]) -> dict[str, str]:
    """Those of the libraries that this system lacks."""
    return {library: package for library, package in libraries.items() if not is_loadable(library)}


def library_advice(absent: Mapping[str, str], has_apt: bool) -> str:
    """One line that names the absent libraries and, on Debian and Ubuntu, what to type."""
    packages = sorted(set(absent.values())) + ([] if find_spec("ensurepip") else ["python3-venv"])
    advice = f"run: sudo apt-get update && sudo {apt_line(packages)}" if has_apt else "install them"
    return f"missing system libraries ({', '.join(sorted(absent))}); {advice}"


def ensure_libraries() -> None:
    """Install the system libraries that are missing, or say how; without a screen, the window's may be."""
    absent = missing({**LIBRARIES, **WINDOW_LIBRARIES})
    if absent and can_apt():
        failure = apt_install(sorted(set(absent.values())))
        absent = missing(absent)
        if failure and absent:
            print(f"bootstrap: {failure}", file=sys.stderr)
    if not absent:
        return
    advice = library_advice(absent, shutil.which("apt-get") is not None)
    if has_screen(sys.platform, os.environ) or missing(LIBRARIES):
        raise SetupError(advice)
    print(f"bootstrap: only for the window, {advice}", file=sys.stderr)


def venv_python() -> str:
    """The interpreter inside .venv."""
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def stamp(files: Sequence[str]) -> list[str]:
    """One line for each requirement file, its name and a hash of its content; recorded once installed."""
    return [f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}" for name in files]


def pip_failure(output: str) -> str:
    """One line that says why pip failed and what mends it."""
    if "No space left" in output or "not enough space" in output:
        return f"no space left; free some where {VENV} and {tempfile.gettempdir()} lie, and run this again"
    if any(word in output for word in ("Retrying (", "ConnectionError", "Read timed out", "SSLError")):
        return "cannot reach the package index; check the network or pip's proxy, and run this again"
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    unbuilt = [line.split()[-1] for line in errors if "No matching distribution" in line]
    if unbuilt:
        return f"there is no {unbuilt[0]} for this system; use 64-bit Linux (x86-64), macOS or Windows"
    return "pip failed: " + (errors or output.splitlines() or ["no reason given"])[-1]


def install(files: Sequence[str]) -> None:
    """Install requirement files into .venv, naming each package as pip comes to it."""
    pip = [venv_python(), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command = pip + [part for name in files for part in ("-r", str(ROOT / name))]
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith(("Collecting ", "Processing ", "Installing ")):
                print("  " + line.rstrip().split(" (from ")[0][:100], flush=True)
    if process.returncode:
        raise SetupError(pip_failure("\n".join(lines)))


def set_up(files: Sequence[str]) -> None:
    """Make .venv hold what the requirement files ask for; does nothing where it does already."""
    if sys.platform.startswith("linux"):
        ensure_libraries()
    recorded = STAMP.read_text().splitlines() if STAMP.is_file() else []
    sound = recorded != [UNFINISHED] and python_version([venv_python()], "pip") in SUPPORTED
    if sound and set(stamp(files)) <= set(recorded):
        return
    if not sound and not recorded and VENV.exists():
        raise SetupError(
            f"{VENV} is no working Python 3.11 or 3.12 environment; remove it and run this again"
        )
    python = [] if sound else find_python()
    print(f"setting up {VENV}; the first time takes some minutes", flush=True)
    if python:
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.mkdir(exist_ok=True)
        STAMP.write_text(UNFINISHED)
        made = subprocess.run([*python, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
        if made.returncode:
            raise SetupError(f"cannot make {VENV}: {(made.stdout + made.stderr).strip().splitlines()[-1]}")
    STAMP.write_text(UNFINISHED)
    install(files)
    STAMP.write_text("\n".join(stamp(files)))


def call(arguments: Sequence[str], folder: Path | None = None) -> int:
    """Run the environment's Python and return its exit code."""
    code = subprocess.call([venv_python(), *arguments], cwd=folder)
    return code if code >= 0 else 128 - code


def run(arguments: Sequence[str]) -> int:
    """Start livefan; with nothing asked and no screen, show what it does with the bundled clip."""
    set_up(RUN_FILES)
    main = str(ROOT / "main.py")
    if arguments or has_screen(sys.platform, os.environ):
        return call([main, *arguments])
    print("no screen here: annotating the bundled clip instead of opening the window", flush=True)
    clip = str(ROOT / "assets" / "expressions.mp4")
    code = call([main, "annotate", clip, "-o", "livefan-demo.mp4", "--overwrite"])
    for result in sorted(Path.cwd().glob("livefan-demo.*")) if code == 0 else []:
        print(f"result: {result}")
    return code


def test(arguments: Sequence[str]) -> int:
    """Run the test suite."""
    set_up(DEV_FILES)
    return call(["-m", "pytest", *arguments], ROOT)


def lint(arguments: Sequence[str]) -> int:
    """Check style, formatting, types and import rules; all of them run, whichever fails."""
    set_up(DEV_FILES)
    modules = "ruff check", "ruff format --check", "mypy livefan main.py bootstrap.py"
    checks = [["-m", *module.split()] for module in modules]
    checks.append(["-c", "from importlinter.cli import lint_imports_command as check; check(['--no-logo'])"])
    return max([call(check, ROOT) for check in checks])


def setup(arguments: Sequence[str]) -> int:
    """Only set up."""
    set_up(RUN_FILES)
    print(f"ready: {venv_python()}")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument names; returns the exit code: 2 for what the user can put right."""
    command = {"run": run, "test": test, "lint": lint, "setup": setup}.get(arguments[0] if arguments else "")
    if command is None:
        print(__doc__, end="")
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    try:
        return command(arguments[1:])
    except (SetupError, OSError) as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bootstrap: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
