"""Names and formats of cameras, with stand-ins for Qt's and OpenCV's devices."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from livefan.io import camera_list
from livefan.io.camera_list import CameraFormat, CameraInfo, list_camera_formats, list_cameras
from livefan.io.camera_query import describe


def qt_camera(identity: str, name: str, *formats: tuple[int, int, float]) -> SimpleNamespace:
    """Return an object with the methods of QCameraDevice, which cannot be made without a camera."""
    return SimpleNamespace(
        id=identity.encode,
        description=lambda: name,
        videoFormats=lambda: [
            SimpleNamespace(
                resolution=lambda width=width, height=height: SimpleNamespace(
                    width=lambda: width, height=lambda: height
                ),
                maxFrameRate=lambda fps=fps: fps,
            )
            for width, height, fps in formats
        ],
    )


@pytest.fixture
def qt(monkeypatch: pytest.MonkeyPatch):
    """Sets the cameras that the program of Qt prints, and the system."""

    def set_up(system: str, *cameras: SimpleNamespace | None) -> None:
        def run(command: list[str], **how) -> SimpleNamespace:
            if None in cameras:
                raise subprocess.CalledProcessError(1, command)
            return SimpleNamespace(stdout=json.dumps(describe(cameras)))

        monkeypatch.setattr(camera_list.subprocess, "run", run)
        monkeypatch.setattr(camera_list.sys, "platform", system)
        monkeypatch.setattr(camera_list.cv2, "VideoCapture", lambda *how: pytest.fail("a camera was opened"))

    return set_up


FORMATS = (1280, 720, 30.0), (640, 480, 30.0), (640, 480, 60.0)
BY_SIZE = (CameraFormat(640, 480, 60.0), CameraFormat(1280, 720, 30.0))


def test_windows_numbers_cameras_in_the_order_of_the_system(qt):
    qt("win32", qt_camera("b", "Front", *FORMATS), qt_camera("a", "USB"))
    cameras = [CameraInfo(0, "Front", BY_SIZE), CameraInfo(1, "USB")]
    assert list_cameras() == cameras
    assert list_camera_formats(cameras) == cameras


def test_macos_numbers_cameras_by_id(qt):
    qt("darwin", qt_camera("b", "Front"), qt_camera("a", "USB"))
    assert [(camera.index, camera.name) for camera in list_cameras()] == [(0, "USB"), (1, "Front")]


def test_linux_gets_names_from_the_system_and_formats_from_qt(
    qt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Private: the folder of the devices, which no test can write to.
    monkeypatch.setattr(camera_list, "_DEVICES", tmp_path)
    for number in (0, 2):
        (tmp_path / f"video{number}").touch()
    qt("linux", qt_camera("/dev/video2", "Front", *FORMATS))
    cameras = list_cameras()
    assert cameras == [CameraInfo(0, "camera 0"), CameraInfo(2, "camera 2")]
    assert [camera.formats for camera in list_camera_formats(cameras)] == [(), BY_SIZE]
    qt("linux", None)
    assert list_camera_formats(cameras) == cameras


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_list_is_empty_without_qtmultimedia(qt, system: str):
    qt(system, None)
    assert list_cameras() == []


@pytest.mark.slow
def test_program_prints_a_list():
    pytest.importorskip("PyQt6.QtMultimedia", exc_type=ImportError)  # it needs libpulse
    done = subprocess.run(
        [sys.executable, "-P", str(camera_list._QUERY)],  # the program itself has no public name
        capture_output=True,
        text=True,
        check=True,
    )
    assert isinstance(json.loads(done.stdout), list)
