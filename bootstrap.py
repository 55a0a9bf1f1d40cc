#!/usr/bin/env python3
"""Set livefan up in a checkout and run it; the same commands on Linux, macOS and Windows.

    python3 bootstrap.py run [ARGS]     open the window; without a screen, annotate the bundled clip;
                                        ARGS, if any, go to livefan: run annotate in.mp4 -o out.mp4
    python3 bootstrap.py test [ARGS]    run the test suite; ARGS go to pytest
    python3 bootstrap.py lint           check style, types and import rules
    python3 bootstrap.py setup          only set up
    python3 bootstrap.py lock           write the exact versions in requirements* anew

Each creates or updates .venv beside this file. Needs Python 3.11 or newer; tested up to 3.14.
"""

# Python 3.8 and newer must reach a clear message: no newer syntax and no other packages here.
from __future__ import annotations

import ctypes
import hashlib
import os
import re
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
TORCH_FILE = "requirements/torch.txt"
RUN_FILES = ("requirements.txt",)
DEV_FILES = ("requirements.txt", "requirements/dev.txt", TORCH_FILE)
OLDEST = (3, 11)
TESTED = ((3, 14), (3, 13), (3, 12), (3, 11))
# PyPI's torch for Linux is a CUDA build of several GB; this index has builds for CPUs.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Libraries that the wheels of OpenCV and Qt link to and do not carry, and the Debian packages that hold them.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
# What MediaPipe needs, with which only tests, training and benchmarks run.
TEST_LIBRARIES = {"libGLESv2.so.2": "libgles2"}
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
    """An error that the user can mend; its message is one line that says how."""


def has_screen(platform: str, environment: Mapping[str, str]) -> bool:
    """Return whether a window can be opened: on Linux only within X11 or Wayland."""
    return not platform.startswith("linux") or any(environment.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY"))


def python_version(command: Sequence[str], module: str = "venv") -> tuple[int, int] | None:
    """Return the version of the Python behind a command, or None if it does not run or lacks the module."""
    code = f"import sys, {module}; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([*command, "-c", code], capture_output=True, text=True, check=True)
        major, minor = answer.stdout.split()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return int(major), int(minor)


def python_candidates() -> Iterator[list[str]]:
    """Yield commands that may be a supported Python, first the one that runs this file."""
    yield [sys.executable]
    for major, minor in TESTED:
        yield ["py", f"-{major}.{minor}"] if os.name == "nt" else [f"python{major}.{minor}"]


def find_python() -> list[str]:
    """Return a supported Python that can create virtual environments; on Debian as root, install one."""
    bare = []
    for command in python_candidates():
        version = python_version(command)
        if version is None or version < OLDEST:
            continue
        if python_version(command, "ensurepip"):
            return command
        bare.append(version)
    packages = ["python{}.{}-venv".format(*version) for version in bare or TESTED]
    if can_apt():
        for package in packages:
            if apt_install([package]) is None:
                return ["/usr/bin/" + package[: -len("-venv")]]
    if bare:
        raise SetupError(f"this Python cannot make virtual environments; run: sudo {apt_line(packages[:1])}")
    here = "{}.{}".format(*sys.version_info[:2])
    raise SetupError(f"needs Python 3.11 or newer, and finds only {here}; install one and run this again")


def can_apt() -> bool:
    """Return whether the system is Debian or Ubuntu and the user is root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_line(packages: Sequence[str]) -> str:
    """Return the command that installs packages on Debian and Ubuntu."""
    return "apt-get install -y --no-install-recommends " + " ".join(packages)


def apt_install(packages: Sequence[str]) -> str | None:
    """Install Debian packages; return None, or the reason of a failure."""
    print("installing system packages: " + " ".join(packages), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A failed update is not fatal: the package lists may be recent enough.
    subprocess.run(["apt-get", "update", "-qq"], env=environment, capture_output=True, check=False)
    command = [*apt_line(packages).split(), "-qq"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def is_loadable(library: str) -> bool:
    """Return whether the dynamic linker finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing(libraries: Mapping[str, str]) -> dict[str, str]:
    """Return the libraries that this system lacks."""
    return {library: package for library, package in libraries.items() if not is_loadable(library)}


def library_advice(absent: Mapping[str, str], has_apt: bool) -> str:
    """Return one line with the absent libraries and, on Debian and Ubuntu, the command that installs them."""
    packages = sorted(set(absent.values())) + ([] if find_spec("ensurepip") else ["python3-venv"])
    advice = f"run: sudo apt-get update && sudo {apt_line(packages)}" if has_apt else "install them"
    return f"missing system libraries ({', '.join(sorted(absent))}); {advice}"


def ensure_libraries(more: Mapping[str, str] = {}) -> None:
    """Install missing system libraries or name them; without a screen, only the basic ones are necessary."""
    absent = missing({**LIBRARIES, **WINDOW_LIBRARIES, **more})
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
    print(f"bootstrap: only for the window and the tests, {advice}", file=sys.stderr)


def venv_python() -> str:
    """Return the interpreter inside .venv."""
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def stamp(files: Sequence[str]) -> list[str]:
    """Return one line for each requirement file: its name and the hash of its content."""
    return [f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}" for name in files]


def pip_failure(output: str) -> str:
    """Return one line with the reason of pip's failure and its mend."""
    if "No space left" in output or "not enough space" in output:
        return f"no space left; free some where {VENV} and {tempfile.gettempdir()} lie, and run this again"
    if any(word in output for word in ("Retrying (", "ConnectionError", "Read timed out", "SSLError")):
        return "cannot reach the package index; check the network or pip's proxy, and run this again"
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    unbuilt = [line.split()[-1] for line in errors if "No matching distribution" in line]
    if unbuilt and sys.version_info[:2] > TESTED[0]:
        return f"there is no {unbuilt[0]} for {untested_python()}; install Python 3.14 and remove {VENV}"
    if unbuilt:
        return f"there is no {unbuilt[0]} for this system; use 64-bit Linux (x86-64), macOS or Windows"
    return "pip failed: " + (errors or output.splitlines() or ["no reason given"])[-1]


def untested_python() -> str:
    """Return the name of a Python that is newer than the tested ones."""
    return "Python {}.{}".format(*sys.version_info[:2])


def download_mb(files: Sequence[str], build: str = "") -> int:
    """Return the download of requirement files in MB, from the comments that the lock command wrote."""
    platform = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux") + build
    # The files overlap: the last one but torch's contains the others.
    sizes = [0]
    for name in files:
        found = re.search(rf"^# Download in MB:.*\b{platform} (\d+)", (ROOT / name).read_text(), re.MULTILINE)
        sizes.append(int(found.group(1)) if found else 0)
    return max(sizes)


def has_nvidia_driver() -> bool:
    """Return whether this machine has NVIDIA's driver."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()


def pip_install(arguments: Sequence[str]) -> str:
    """Run pip's install command and print each package as pip comes to it; return its output if it failed."""
    command = [venv_python(), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *arguments]
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith(("Collecting ", "Processing ", "Installing ")):
                print("  " + line.rstrip().split(" (from ")[0][:100], flush=True)
    return ("\n".join(lines) or "no reason given") if process.returncode else ""


def install_cpu_torch() -> None:
    """Install torch's build for CPUs where Linux would get the CUDA build; print a line if there is none."""
    (torch,) = [line for line in (ROOT / TORCH_FILE).read_text().splitlines() if line.startswith("torch==")]
    if not pip_install(["--no-deps", "--no-index", torch]):  # a folder that pip is configured with
        return
    print(f"  torch for CPUs: {download_mb([TORCH_FILE], '-cpu')} MB from {TORCH_CPU_INDEX}", flush=True)
    index = ["--index-url", TORCH_CPU_INDEX, "--retries", "0", "--timeout", "10"]
    if pip_install(["--no-deps", *index, f"{torch}+cpu"]):
        size = download_mb([TORCH_FILE])
        print(f"  {TORCH_CPU_INDEX} does not answer: the CUDA build of torch instead, {size} MB", flush=True)


def install(files: Sequence[str]) -> None:
    """Install requirement files into .venv."""
    if TORCH_FILE in files and sys.platform.startswith("linux") and not has_nvidia_driver():
        install_cpu_torch()
    failure = pip_install([part for name in files for part in ("-r", str(ROOT / name))])
    if failure:
        raise SetupError(pip_failure(failure))


def make_importable() -> None:
    """Let scripts in any folder import livefan with the Python of .venv: a path file names this checkout."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([venv_python(), "-c", code], capture_output=True, text=True, check=True)
    (Path(packages.stdout.strip()) / "livefan.pth").write_text(f"{ROOT}\n")


def set_up(files: Sequence[str]) -> None:
    """Make .venv hold the packages of requirement files; do nothing if it is up to date."""
    if sys.platform.startswith("linux"):
        ensure_libraries(TEST_LIBRARIES if TORCH_FILE in files else {})
    recorded = STAMP.read_text().splitlines() if STAMP.is_file() else []
    version = python_version([venv_python()], "pip")
    sound = recorded != [UNFINISHED] and version is not None and version >= OLDEST
    if sound and set(stamp(files)) <= set(recorded):
        return
    if not sound and not recorded and VENV.exists():
        raise SetupError(
            f"{VENV} is not an environment of Python 3.11 or newer; remove it and run this again"
        )
    python = [] if sound else find_python()
    packages = [name for name in files if name != TORCH_FILE]
    torch = ", and torch" if TORCH_FILE in files else ""
    print(
        f"setting up {VENV}: downloads up to {download_mb(packages)} MB{torch}; takes some minutes",
        flush=True,
    )
    if python:
        create_environment(python)
    STAMP.write_text(UNFINISHED)
    install(files)
    make_importable()
    STAMP.write_text("\n".join(stamp(files)))


def create_environment(python: Sequence[str]) -> None:
    """Create .venv with a Python; an unfinished one is replaced."""
    version = python_version(python)
    if version and version > TESTED[0]:
        print(f"Python {version[0]}.{version[1]} is newer than the tested ones; trying it", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir(exist_ok=True)
    STAMP.write_text(UNFINISHED)
    make_venv(python)


def make_venv(python: Sequence[str]) -> None:
    """Make a virtual environment with pip in .venv."""
    made = subprocess.run([*python, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise SetupError(f"cannot make {VENV}: {(made.stdout + made.stderr).strip().splitlines()[-1]}")


def call(arguments: Sequence[str], folder: Path | None = None) -> int:
    """Run the environment's Python and return its exit code."""
    code = subprocess.call([venv_python(), *arguments], cwd=folder)
    return code if code >= 0 else 128 - code


def run(arguments: Sequence[str]) -> int:
    """Start livefan; without arguments and without a screen, annotate the bundled clip."""
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
    processes = min(8, (os.cpu_count() or 1) + 1)  # one more than cores, because some tests wait
    parallel = ["-n", str(processes), "--dist", "worksteal"]
    return call(["-m", "pytest", *parallel, *arguments], ROOT)


def lint(arguments: Sequence[str]) -> int:
    """Check style, formatting, types and import rules; all of them run, whichever fails."""
    set_up(DEV_FILES)
    modules = "ruff check", "ruff format --check", "mypy livefan main.py bootstrap.py requirements/lock.py"
    checks = [["-m", *module.split()] for module in modules]
    checks.append(["-c", "from importlinter.cli import lint_imports_command as check; check(['--no-logo'])"])
    return max([call(check, ROOT) for check in checks])


def setup(arguments: Sequence[str]) -> int:
    """Only set up."""
    set_up(RUN_FILES)
    print(f"ready: {venv_python()}")
    return 0


def lock(arguments: Sequence[str]) -> int:
    """Resolve the newest versions that fit together, and write the requirement files anew."""
    set_up(DEV_FILES)
    failure = pip_install(["uv"])
    if failure:
        raise SetupError(pip_failure(failure))
    return call([str(ROOT / "requirements" / "lock.py"), *arguments])


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names; return its exit code, or 2 for a SetupError."""
    commands = {"run": run, "test": test, "lint": lint, "setup": setup, "lock": lock}
    command = commands.get(arguments[0] if arguments else "")
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
