"""Cameras, with a stand-in for OpenCV's devices."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from waiting import PATIENCE_S, wait_for

from livefan.core.errors import LivefanError
from livefan.io import camera as camera_module
from livefan.io import camera_list, live_source
from livefan.io.camera_list import CameraInfo, list_cameras
from livefan.io.capture_thread import CaptureThread
from livefan.io.open import open_source


class FakeDevice:
    """Stands for cv2.VideoCapture; cameras can be plugged in and unplugged."""

    plugged: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    opened: ClassVar[list[FakeDevice]] = []

    def __init__(self, index: int, backend: int) -> None:
        self.open, self.settings = self.plugged, {cv2.CAP_PROP_FPS: 30.0}
        self.opened.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return self.open

    def set(self, key: int, value: float) -> bool:
        self.settings[key] = value
        return True

    def get(self, key: int) -> float:
        return self.settings[key]

    def grab(self) -> bool:
        time.sleep(0.002)
        return self.open and self.plugged and self.streams

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((48, 64, 3), 7, np.uint8)

    def release(self) -> None:
        self.open = False


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeDevice]:
    for number in (0, 1, 2):
        (tmp_path / f"video{number}").touch()
    # Private: the folder of the devices, which no test can write to.
    monkeypatch.setattr(camera_list, "_DEVICES", tmp_path)
    monkeypatch.setattr(live_source, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(camera_module.sys, "platform", "linux")
    monkeypatch.setattr(camera_module.cv2, "VideoCapture", FakeDevice)
    monkeypatch.setattr(FakeDevice, "plugged", True)
    monkeypatch.setattr(FakeDevice, "streams", True)
    monkeypatch.setattr(FakeDevice, "opened", [])
    return FakeDevice


@pytest.mark.parametrize("spec", [0, "0", "/dev/video0", Path("/dev/video0")])
def test_camera_is_opened_by_number_or_device(camera: type[FakeDevice], spec: str | int | Path) -> None:
    with open_source(spec) as source:
        frame = source.read()
        assert (source.name, source.live, source.fps, source.size) == ("camera 0", True, 30.0, (64, 48))
    assert frame is not None
    assert (frame.index, frame.source_time) == (0, 0.0)
    assert not any(device.open for device in camera.opened)


def test_size_is_requested_from_the_camera(camera: type[FakeDevice]) -> None:
    with open_source(0, size=(1280, 720)):
        settings = camera.opened[0].settings
    assert settings[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert settings[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert settings[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")


def test_missing_busy_and_forbidden_cameras_have_different_errors(
    camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LivefanError, match=r"camera 7: not connected .* choose camera 0, 1, 2"):
        open_source(7)
    camera.streams = False
    with pytest.raises(LivefanError, match=r"camera 0: .*in use by another program"):
        open_source(0)
    assert not camera.opened[0].open
    monkeypatch.setattr(camera_module.os, "access", lambda path, mode: False)
    with pytest.raises(LivefanError, match="camera 0: no permission"):
        open_source(0)


def test_opencv_prints_nothing_for_a_missing_camera(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Private: without it, the check of the device file comes before OpenCV.
    monkeypatch.setattr(camera_module, "_check_device", lambda index: None)
    with pytest.raises(LivefanError, match="camera 99: "):
        open_source(99)
    assert capfd.readouterr() == ("", "")


def test_list_leaves_out_metadata_devices(
    camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Private, as _DEVICES above.
    monkeypatch.setattr(camera_list, "_DEVICE_PROPERTIES", tmp_path)
    for number, (index, name) in {10: ("0", "Front"), 11: ("1", "Front")}.items():
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "index").write_text(index)
        (tmp_path / f"video{number}" / "name").write_text(f"{name}\n")
    assert list_cameras() == [
        CameraInfo(0, "camera 0"),
        CameraInfo(1, "camera 1"),
        CameraInfo(2, "camera 2"),
        CameraInfo(10, "Front"),
    ]
    assert camera.opened == []


def test_frames_continue_after_a_camera_is_unplugged_and_plugged_in(camera: type[FakeDevice]) -> None:
    messages: list[str] = []
    with CaptureThread(open_source(0), on_status=messages.append) as thread:
        before = thread.get(PATIENCE_S)
        camera.plugged = False
        wait_for(lambda: len(camera.opened) > 2)
        assert "camera 0" in thread.status
        assert "lost" in thread.status
        # Frames captured before the loss may wait, or were replaced by newer ones.
        while (frame := thread.get(0.05)) is not None:
            before = frame
        camera.plugged = True
        after = thread.get(PATIENCE_S)
        wait_for(lambda: thread.status == "")
    assert before is not None
    assert after is not None
    assert after.index > before.index
    assert after.source_time - before.source_time == pytest.approx(after.captured_at - before.captured_at)
    assert "lost" in messages[0]
    assert messages[-1] == ""
    assert thread.error is None


def test_loss_is_reported_before_the_device_is_released(
    camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs delays its release."""
    source, before_release = open_source(0), []
    monkeypatch.setattr(FakeDevice, "release", lambda device: before_release.append(source.status))
    monkeypatch.setattr(live_source, "FIRST_PAUSE_S", 60.0)
    camera.plugged = False
    with CaptureThread(source) as thread:
        wait_for(lambda: before_release != [])
    assert "lost" in before_release[0]
    assert thread.error is None


def test_pause_between_attempts_doubles_up_to_a_limit(
    camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    source = open_source(0)
    monkeypatch.setattr(live_source, "FIRST_PAUSE_S", 0.5)
    # Private: the pauses add up to 17 seconds, so the test replaces the wait.
    monkeypatch.setattr(
        source._closing, "wait", lambda pause: pauses.append(pause) or len(pauses) > 5, raising=False
    )
    camera.plugged = False
    source._reconnect()
    assert pauses == [0.5, 1, 2, 4, 5, 5]


def test_closing_ends_the_wait_for_a_lost_camera(
    camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_source, "FIRST_PAUSE_S", 60.0)
    thread = CaptureThread(open_source(0))
    thread.start()
    camera.plugged = False
    wait_for(lambda: thread.status != "")
    thread.stop()
    wait_for(lambda: not any(device.open for device in camera.opened))
