"""Write the lock files anew from the ranges in pyproject.toml; run as ``python3 bootstrap.py lock``.

The newest versions that fit together are resolved once, for every Python in ``PYTHONS`` and every platform in
``PLATFORMS``. Each version must have a wheel for all of them. The files are:

- ``requirements.txt``: the command line and the window
- ``requirements/dev.txt``: every extra, the tests and the checks, without torch
- ``requirements/torch.txt``: torch alone, whose build depends on the machine
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
HEADER = (
    "# Exact versions that livefan is tested with on Python 3.11 to 3.14.\n"
    '# Written from the ranges in pyproject.toml by "python3 bootstrap.py lock"; do not edit.\n'
)
# What PyPI's torch for Linux adds to run on NVIDIA's cards. pip takes the versions that torch names.
CUDA_PACKAGES = ("nvidia-", "cuda-", "triton")
# torch is held at the version whose CPU build the checks run on; raise it together with that build.
HELD = ("torch==2.13.0",)
# Size of the Linux wheel at https://download.pytorch.org/whl/cpu.
TORCH_CPU_MB = 192


@dataclass(frozen=True)
class Platform:
    """A platform that wheels are checked for.

    Attributes:
        name: as in the size comments that bootstrap.py reads.
        markers: values of the environment markers that differ between platforms.
        tags: platform tags of its wheels, the best first.
    """

    name: str
    markers: dict[str, str]
    tags: tuple[str, ...]


_MANYLINUX = [f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)]
PLATFORMS = (
    Platform(
        "linux",
        {
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": "x86_64",
            "os_name": "posix",
        },
        (*_MANYLINUX, "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"),
    ),
    Platform(
        "macos",
        {
            "sys_platform": "darwin",
            "platform_system": "Darwin",
            "platform_machine": "arm64",
            "os_name": "posix",
        },
        tuple(mac_platforms((15, 0), "arm64")),
    ),
    Platform(
        "windows",
        {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"},
        ("win_amd64",),
    ),
)


def resolve(extras: Iterable[str], constraints: Iterable[str] = ()) -> list[str]:
    """Return the pinned requirements of livefan with extras, newest versions, one line each."""
    with tempfile.TemporaryDirectory() as folder:
        fixed = Path(folder, "constraints.txt")
        fixed.write_text("\n".join(constraints))
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--upgrade"]
        command += ["--python-version", "{}.{}".format(*PYTHONS[0]), "--fork-strategy", "fewest"]
        command += ["--no-header", "--no-annotate", "--constraint", str(fixed)]
        command += [f"--extra={extra}" for extra in extras] + [str(ROOT / "pyproject.toml")]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()


def supported_tags(python: tuple[int, int], platform: Platform) -> list[Tag]:
    """Return the tags of wheels that a Python on a platform installs, the best first."""
    tags = [*cpython_tags(python, platforms=platform.tags)]
    return [*tags, *compatible_tags(python, f"cp{python[0]}{python[1]}", platform.tags)]


@cache
def wheels(name: str) -> list[tuple[str, frozenset[Tag], int]]:
    """Return version, tags and size in bytes of each wheel of a package on PyPI."""
    headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"https://pypi.org/simple/{canonicalize_name(name)}/", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    found = []
    for file in files:
        if file["filename"].endswith(".whl"):
            _, version, _, tags = parse_wheel_filename(file["filename"])
            found.append((str(version), tags, file["size"]))
    return found


def wheel_size(requirement: Requirement, python: tuple[int, int], platform: Platform) -> int | None:
    """Return the size in bytes of the wheel that pip takes: 0 if markers exclude it, None if absent."""
    version = "{}.{}".format(*python)
    environment = {"python_version": version, "python_full_version": f"{version}.0", **platform.markers}
    if requirement.marker and not requirement.marker.evaluate(environment):
        return 0
    (pin,) = requirement.specifier
    fitting = [(tags, size) for v, tags, size in wheels(requirement.name) if v == pin.version]
    for tag in supported_tags(python, platform):
        for tags, size in fitting:
            if tag in tags:
                return size
    return None


def download_sizes(pins: Iterable[str], absent: set[str]) -> dict[str, int]:
    """Return the download in MB for each platform, of the Python that needs most.

    Missing wheels are added to ``absent``.
    """
    totals = {}
    for platform in PLATFORMS:
        sums = []
        for python in PYTHONS:
            sizes = {pin: wheel_size(Requirement(pin), python, platform) for pin in pins}
            absent |= {f"{p} on {platform.name}, Python {python[1]}" for p, s in sizes.items() if s is None}
            sums.append(sum(size or 0 for size in sizes.values()))
        totals[platform.name] = round(max(sums) / 1e6)
    return totals


def write(name: str, pins: Iterable[str], sizes: dict[str, int]) -> None:
    """Write one lock file with its download sizes."""
    listed = ", ".join(f"{platform} {size}" for platform, size in sizes.items())
    (ROOT / name).write_text(f"{HEADER}# Download in MB: {listed}\n" + "".join(f"{pin}\n" for pin in pins))
    print(f"{name}: {len([*pins])} packages, download in MB: {listed}")


def main() -> int:
    """Write all lock files; return 1 if a version lacks a wheel for some Python and platform."""
    absent: set[str] = set()
    application = resolve(["gui", "output"])
    (opencv,) = [pin for pin in application if pin.startswith("opencv-python==")]
    same_opencv = opencv.replace("opencv-python", "opencv-contrib-python")
    everything = resolve(["dev"], [*application, same_opencv, *HELD])

    torch = [pin for pin in everything if pin.startswith("torch==")]
    cuda = [pin for pin in everything if pin.startswith(CUDA_PACKAGES)]
    dev = [pin for pin in everything if pin not in torch + cuda and not pin.startswith("livefan")]
    write("requirements.txt", application, download_sizes(application, absent))
    write("requirements/dev.txt", dev, download_sizes(dev, absent))
    write(
        "requirements/torch.txt",
        torch,
        {**download_sizes(torch + cuda, absent), "linux-cpu": TORCH_CPU_MB},
    )
    for pin in sorted(absent):
        print(f"no wheel: {pin}", file=sys.stderr)
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
