"""Sources that go on by themselves, cameras and network streams: what is lost comes back by itself."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer

from livefan.errors import LivefanError
from livefan.frame import Frame, as_bgr
from livefan.sources import Source, VideoSource, upright_bgr, video_stream

SCHEMES = frozenset({"http", "https", "rtmp", "rtmps", "rtp", "rtsp", "rtsps", "srt", "tcp", "udp"})
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 5.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
_LOW_LATENCY = {
    "fflags": "nobuffer",
    "flags": "low_delay",
    "analyzeduration": "1000000",
    "probesize": "1000000",
}

# OpenCV's own choice on Windows (MSMF) takes many seconds to open a camera.
_CAMERA_BACKEND = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}.get(
    sys.platform, cv2.CAP_ANY
)
_PROBED_CAMERAS = 4
_LONGEST_WITHOUT_PICTURE = 300  # packets: some ten seconds, more than cameras leave between key frames
_DEVICES = Path("/dev")
_DEVICE_FACTS = Path("/sys/class/video4linux")


@dataclass(frozen=True)
class Shot:
    """An image as it came from a device: ``(height, width, 3)`` uint8 BGR, and its ``perf_counter`` time."""

    image: np.ndarray
    captured_at: float


class LiveSource(Source):
    """A device that is connected, read, and connected again when it fails.

    While it is away, ``status`` says so and ``on_status`` is called with the same text, then with
    ``""`` when it is back. It is tried again after ``FIRST_PAUSE_S``, each time after twice the
    pause, up to ``LONGEST_PAUSE_S``. Frame numbers and source time, which is the wall clock since
    the first frame, go on.
    """

    def __init__(self, name: str) -> None:
        """Name it; it is not connected yet."""
        super().__init__(name, live=True)
        self.on_status: Callable[[str], None] | None = None
        self._index = 0
        self._first_at: float | None = None

    @abstractmethod
    def _connect(self) -> None:
        """Open the device; LivefanError if that fails."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Let go of the device; may be called when it is not open."""

    @abstractmethod
    def _shoot(self) -> Shot | None:
        """Wait for the next image; None if the device fails."""

    def _next(self) -> Frame | None:
        while not self._closing.is_set():
            shot = self._shoot()
            if shot is None:
                self._reconnect()
                continue
            if self.status:
                self._tell("")
            self._first_at = shot.captured_at if self._first_at is None else self._first_at
            index, self._index = self._index, self._index + 1
            self.size = (shot.image.shape[1], shot.image.shape[0])
            return Frame(shot.image, index, shot.captured_at, shot.captured_at - self._first_at)
        return None

    def _reconnect(self) -> None:
        """Try until it is back, or this source is closed."""
        self._disconnect()
        pause = FIRST_PAUSE_S
        self._tell(f"{self.name}: lost; waiting for it to come back")
        while not self._closing.wait(pause):
            try:
                return self._connect()
            except LivefanError as error:
                self._tell(f"{error} (lost; trying again)")
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _tell(self, status: str) -> None:
        if status != self.status:
            self.status = status
            if self.on_status is not None:
                self.on_status(status)

    def _release(self) -> None:
        self._disconnect()


class Camera(LiveSource):
    """A camera of this computer, through OpenCV.

    Args:
        index: its number, from 0; on Linux that of ``/dev/videoN``.
        size: width and height in pixels to ask for; the camera gives the nearest it has.

    Raises:
        LivefanError: if it does not exist, may not be used, or gives no picture.
    """

    def __init__(self, index: int, size: tuple[int, int] | None = None) -> None:
        """Connect, and take a first picture."""
        super().__init__(f"camera {index}")
        if index < 0:
            raise LivefanError(f"camera {index}: cameras are numbered from 0; use 0 or more")
        self.index = index
        self._wanted_size = size
        self._device: cv2.VideoCapture | None = None
        self._connect()

    def _connect(self) -> None:
        _check_camera_device(self.index)
        cv2.setLogLevel(0)  # OpenCV prints its own lines about what is reported here
        self._device = cv2.VideoCapture(self.index, _CAMERA_BACKEND)
        if self._device.isOpened():
            self._configure(self._device)
            # A camera that another program streams from opens well, and fails at the first picture.
            shot = self._shoot()
            if shot is not None:
                self.size = (shot.image.shape[1], shot.image.shape[0])
                return
        self._disconnect()
        raise LivefanError(
            f"{self.name}: gives no picture; it may be in use by another program or not permitted, "
            "close the other program or choose another camera"
        )

    def _configure(self, device: cv2.VideoCapture) -> None:
        if self._wanted_size is not None:
            width, height = self._wanted_size
            if width > 640:
                # Uncompressed video of more than 640x480 exceeds USB 2 at full rate; a camera without
                # motion JPEG ignores this.
                device.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            device.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            device.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a buffered picture is an old one
        rate = device.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate < 1000 else None

    def _shoot(self) -> Shot | None:
        if self._device is None:
            return None
        try:
            if not self._device.grab():
                return None
            captured_at = time.perf_counter()  # before the decoding of motion JPEG
            good, image = self._device.retrieve()
        except cv2.error:
            return None
        return Shot(as_bgr(image, self.name), captured_at) if good and image is not None else None

    def _disconnect(self) -> None:
        if self._device is not None:
            self._device.release()
            self._device = None


def _check_camera_device(index: int) -> None:
    """On Linux, where a camera is a file: tell a missing one from a forbidden one."""
    if sys.platform != "linux":
        return
    device = _DEVICES / f"video{index}"
    if not device.exists():
        others = ", ".join(str(camera.index) for camera in list_cameras())
        mend = f"choose camera {others}" if others else "connect a camera"
        raise LivefanError(f"camera {index}: not connected ({device} does not exist); {mend}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise LivefanError(
            f"camera {index}: no permission to use {device}; add yourself to the group 'video'"
        )


@dataclass(frozen=True)
class CameraInfo:
    """A camera to choose: its number for :func:`~livefan.capture.open_source`, and what to call it."""

    index: int
    name: str


def list_cameras() -> list[CameraInfo]:
    """The cameras that are connected, in the order of their numbers.

    On Linux nothing is opened. Elsewhere the first numbers are tried, which can take a second and
    lights a camera's lamp.
    """
    if sys.platform == "linux":
        return list(_linux_cameras())
    cv2.setLogLevel(0)
    cameras = []
    for index in range(_PROBED_CAMERAS):
        device = cv2.VideoCapture(index, _CAMERA_BACKEND)
        if device.isOpened():
            cameras.append(CameraInfo(index, f"camera {index}"))
        device.release()
    return cameras


def _linux_cameras() -> Iterator[CameraInfo]:
    numbers = (re.fullmatch(r"video(\d+)", device.name) for device in _DEVICES.glob("video*"))
    for index in sorted(int(number[1]) for number in numbers if number):
        facts = _DEVICE_FACTS / f"video{index}"
        # A camera has several devices; those after its first give metadata, not pictures.
        if _text(facts / "index") in {"", "0"}:
            yield CameraInfo(index, _text(facts / "name") or f"camera {index}")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def camera_index(spec: str | Path) -> int | None:
    """The number of the camera that ``"0"``, ``/dev/video0`` or a link to it names; None if it names none."""
    if isinstance(spec, str) and re.fullmatch(r"[0-9]{1,3}", spec.strip()):
        return int(spec)
    path = Path(spec)
    if path.parts[:2] == ("/", "dev"):
        device = re.fullmatch(r"/dev/video(\d+)", str(path.resolve()))
        return int(device[1]) if device else None
    return None


class Stream(LiveSource):
    """A live network stream, through FFmpeg with as little buffering as it allows.

    Args:
        url: its address; a password in it is not shown.

    Raises:
        LivefanError: if it cannot be opened, or gives no picture.

    Attributes:
        ends: whether what the address leads to has a length: then it is a recording.
    """

    def __init__(self, url: str) -> None:
        """Connect, and wait for the first picture."""
        super().__init__(public_name(url))
        self.ends = False
        self._url = url
        self._container: InputContainer | None = None
        self._shots: Iterator[Shot] = iter(())
        self._ahead: Shot | None = None  # the picture that showed that it works
        self._connect()

    def _connect(self) -> None:
        # Many cameras send motion JPEG not quite as FFmpeg expects it ("image/jpg", no length, a wrong
        # type); it is then found by the marks of JPEG itself, at the cost of a frame's delay.
        formats = (None, "mjpeg") if self._url.lower().startswith("http") else (None,)
        reason = "gives no picture"
        for form in formats:
            try:
                self._begin(open_stream(self._url, form))
                return
            except (StopIteration, av.error.InvalidDataError):
                continue
            except av.error.ExitError:
                reason = "no answer"
                break
            except av.error.FFmpegError as error:
                reason = error.strerror or type(error).__name__
                if error.errno != errno.EIO:  # which also stands for data it makes no sense of
                    break
            finally:
                if self._ahead is None:
                    self._disconnect()
        raise LivefanError(
            f"{self.name}: cannot be opened ({reason}); check the address and that the stream is running"
        )

    def _begin(self, container: InputContainer) -> None:
        self._container = container
        stream = video_stream(container, self.name)
        # Frames in several threads would each wait for the next; slices of one frame do not.
        stream.thread_type = "SLICE"
        # Motion JPEG states no rate, and FFmpeg makes up 25.
        stated = "jpeg" not in container.format.name and stream.average_rate
        self.fps = float(stated) if stated else None
        self.ends = bool(container.duration)
        self._shots = _shots(container, stream)
        self._ahead = next(self._shots)
        self.size = (self._ahead.image.shape[1], self._ahead.image.shape[0])

    def _shoot(self) -> Shot | None:
        shot, self._ahead = self._ahead, None
        try:
            return shot or next(self._shots, None)
        except av.error.FFmpegError:
            return None

    def _disconnect(self) -> None:
        self._ahead, self._shots = None, iter(())
        if self._container is not None:
            self._container.close()
            self._container = None


def _shots(container: InputContainer, stream: av.VideoStream) -> Iterator[Shot]:
    undecodable = 0
    for packet in container.demux(stream):
        captured_at = time.perf_counter()
        try:
            pictures = stream.decode(packet)
        except av.error.FFmpegError:
            undecodable += 1  # usual at the start of a stream, until its first key frame
            if undecodable > _LONGEST_WITHOUT_PICTURE:
                return
            continue
        undecodable = 0
        for picture in pictures:
            yield Shot(upright_bgr(picture), captured_at)


def is_address(spec: str) -> bool:
    """Whether it has the form of an address, be it one that can be read or not, and is no path."""
    return _ADDRESS.match(spec) is not None


def is_url(spec: str) -> bool:
    """Whether it is the address of a stream, and not a path.

    Raises:
        LivefanError: if it is an address of a kind that cannot be read.
    """
    address = _ADDRESS.match(spec)
    if address is None:
        return False
    if address[1].lower() not in SCHEMES:
        raise LivefanError(
            f"{public_name(spec)}: addresses of this kind are not supported; use {', '.join(sorted(SCHEMES))}"
        )
    return True


def open_url(url: str) -> Source:
    """A stream; or, if the address leads to a recording of known length, that recording.

    Raises:
        LivefanError: if it cannot be opened.
    """
    stream = Stream(url)
    if not (stream.ends and url.lower().startswith("http")):
        return stream
    stream.close()
    try:
        return VideoSource(url, stream.name, open_stream(url, buffered=True))
    except av.error.FFmpegError as error:
        raise LivefanError(f"{stream.name}: cannot be read ({error.strerror}); try again") from error


def public_name(url: str) -> str:
    """An address without user name, password and query, which often hold secrets.

    A password is pasted as it is, with any characters in it: all before the last @ is taken for one.

    >>> public_name("rtsp://me:sec/r?t@10.0.0.5:554/live?token=1")
    'rtsp://10.0.0.5:554/live'
    """
    scheme, _, rest = url.partition("://")
    place = re.match(r"[^?#]*", rest.rpartition("@")[2])
    return f"{scheme.lower()}://{place[0] if place else ''}"


def open_stream(url: str, form: str | None = None, *, buffered: bool = False) -> InputContainer:
    """What FFmpeg finds at an address; raises its errors.

    Args:
        form: FFmpeg's name of the format; None to detect it.
        buffered: keep every packet. Without, those by which the stream is recognised are dropped.
    """
    options = {} if buffered else dict(_LOW_LATENCY)
    if url.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # UDP loses packets, and firewalls keep it out
    timeout = (OPEN_TIMEOUT_S, READ_TIMEOUT_S)
    return av.open(url, mode="r", format=form, options=options, metadata_errors="replace", timeout=timeout)
