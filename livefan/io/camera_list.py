"""List the cameras of this computer with names, resolutions and frame rates, without opening them."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

_log = logging.getLogger(__name__)

# OpenCV's own choice on Windows (MSMF) takes many seconds to open a camera.
CAMERA_BACKEND = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}.get(
    sys.platform, cv2.CAP_ANY
)
_DEVICES = Path("/dev")
_DEVICE_PROPERTIES = Path("/sys/class/video4linux")
_QUERY = Path(__file__).with_name("camera_query.py")
_QUERY_S = 20.0


@dataclass(frozen=True)
class CameraFormat:
    """A resolution that a camera offers.

    Attributes:
        width, height: size in pixels.
        fps: largest frame rate at this size.
    """

    width: int
    height: int
    fps: float


@dataclass(frozen=True)
class CameraInfo:
    """A connected camera.

    Attributes:
        index: its number, for :func:`~livefan.io.open.open_source`.
        name: its name, to show to the user.
        formats: resolutions by increasing number of pixels; empty if unknown.
    """

    index: int
    name: str
    formats: tuple[CameraFormat, ...] = ()


def list_cameras() -> list[CameraInfo]:
    """Return the connected cameras in the order of their numbers, with their names.

    No camera is opened, which would switch on its light. On Windows and macOS without QtMultimedia, the list
    is empty; cameras can then be opened by their number.
    """
    if sys.platform == "linux":
        return list(_linux_cameras())
    return _query_cameras() or []


def list_camera_formats(cameras: list[CameraInfo]) -> list[CameraInfo]:
    """Return the cameras of :func:`list_cameras` with the formats that each offers.

    A program of its own asks Qt, which takes about half a second. Without QtMultimedia, formats stay unknown.
    """
    if not cameras or any(camera.formats for camera in cameras):
        return cameras
    formats = {camera.index: camera.formats for camera in _query_cameras() or []}
    return [replace(camera, formats=formats.get(camera.index, ())) for camera in cameras]


def _query_cameras() -> list[CameraInfo] | None:
    """Return the cameras that Qt knows; None if QtMultimedia is not installed or fails."""
    command = [sys.executable, "-P", str(_QUERY)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_QUERY_S)
        return _numbered(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        _log.info("cameras: Qt gives no list (%s)", error)
        return None


def _numbered(cameras: list[dict[str, Any]]) -> list[CameraInfo]:
    """Return Qt's cameras with the numbers that OpenCV gives them.

    On Linux the id is the device. OpenCV orders the cameras of macOS by id, and those of Windows as the
    system does.
    """
    if sys.platform == "darwin":
        cameras = sorted(cameras, key=lambda camera: str(camera["id"]))
    numbered = []
    for order, camera in enumerate(cameras):
        device = re.fullmatch(r"/dev/video(\d+)", camera["id"])
        index = int(device[1]) if device else order
        formats = tuple(CameraFormat(*each) for each in camera["formats"])
        numbered.append(CameraInfo(index, camera["name"] or f"camera {index}", formats))
    return sorted(numbered, key=lambda camera: camera.index)


def device_path(index: int) -> Path:
    """Return the device file of a camera on Linux."""
    return _DEVICES / f"video{index}"


def _linux_cameras() -> Iterator[CameraInfo]:
    numbers = (re.fullmatch(r"video(\d+)", device.name) for device in _DEVICES.glob("video*"))
    for index in sorted(int(number[1]) for number in numbers if number):
        properties = _DEVICE_PROPERTIES / f"video{index}"
        # A camera has several devices; only the first gives images, the others give metadata.
        if _text(properties / "index") in {"", "0"}:
            yield CameraInfo(index, _text(properties / "name") or f"camera {index}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def silence_opencv() -> None:
    """Keep OpenCV from printing lines of its own; livefan reports the same failures as errors."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
