"""Read the cameras of this computer through OpenCV."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from pathlib import Path

import cv2

from livefan.core.errors import LivefanError
from livefan.core.frame import as_bgr
from livefan.io.camera_list import CAMERA_BACKEND, device_path, list_cameras, silence_opencv
from livefan.io.live_source import CapturedImage, LiveSource

_log = logging.getLogger(__name__)


class Camera(LiveSource):
    """A camera of this computer.

    Args:
        index: number of the camera, from 0; on Linux that of ``/dev/videoN``.
        size: width and height in pixels to request; the camera uses the nearest size it supports. None keeps
            the camera's own.

    Raises:
        LivefanError: if the camera does not exist, is not permitted, or gives no image.
    """

    def __init__(self, index: int, size: tuple[int, int] | None = None) -> None:
        super().__init__(f"camera {index}")
        if index < 0:
            raise LivefanError(f"camera {index}: cameras are numbered from 0; use 0 or more")
        self.index = index
        self._requested_size = size
        self._device: cv2.VideoCapture | None = None
        self._connect()

    def _connect(self) -> None:
        _check_device(self.index)
        silence_opencv()
        self._device = cv2.VideoCapture(self.index, CAMERA_BACKEND)
        if self._device.isOpened():
            self._configure(self._device)
            # A camera in use by another program opens without error, and fails at the first image.
            captured = self._capture()
            if captured is not None:
                self.size = (captured.image.shape[1], captured.image.shape[0])
                _log.info("%s: %d x %d pixels", self.name, *self.size)
                return
        self._disconnect()
        raise LivefanError(
            f"{self.name}: gives no picture; it may be in use by another program or not permitted, "
            "close the other program or choose another camera"
        )

    def _configure(self, device: cv2.VideoCapture) -> None:
        if self._requested_size is not None:
            width, height = self._requested_size
            if width > 640:
                # Uncompressed video of more than 640x480 exceeds USB 2 at full rate; a camera without
                # motion JPEG ignores this.
                device.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            device.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            device.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a longer buffer adds latency
        rate = device.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate < 1000 else None

    def _capture(self) -> CapturedImage | None:
        if self._device is None:
            return None
        try:
            if not self._device.grab():
                return None
            captured_at = time.perf_counter()  # before the decoding of motion JPEG
            good, image = self._device.retrieve()
        except cv2.error:
            return None
        return CapturedImage(as_bgr(image, self.name), captured_at) if good and image is not None else None

    def _disconnect(self) -> None:
        if self._device is not None:
            self._device.release()
            self._device = None


def _check_device(index: int) -> None:
    """On Linux, raise LivefanError for a camera that is not connected or not permitted."""
    if sys.platform != "linux":
        return
    device = device_path(index)
    if not device.exists():
        others = ", ".join(str(camera.index) for camera in list_cameras())
        mend = f"choose camera {others}" if others else "connect a camera"
        raise LivefanError(f"camera {index}: not connected ({device} does not exist); {mend}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise LivefanError(
            f"camera {index}: no permission to use {device}; add yourself to the group 'video'"
        )


def camera_index(spec: str | Path) -> int | None:
    """Return the number of the camera named by ``"0"``, ``/dev/video0`` or a link to it; None for others."""
    if isinstance(spec, str) and re.fullmatch(r"[0-9]{1,3}", spec.strip()):
        return int(spec)
    path = Path(spec)
    if path.parts[:2] == ("/", "dev"):
        device = re.fullmatch(r"/dev/video(\d+)", str(path.resolve()))
        return int(device[1]) if device else None
    return None
