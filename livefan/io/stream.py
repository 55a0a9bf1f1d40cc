"""Read network streams, and tell addresses from paths."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator
from contextlib import suppress

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame

from livefan.core.errors import LivefanError
from livefan.io.container import video_stream
from livefan.io.live_source import CapturedImage, LiveSource
from livefan.io.source import Source
from livefan.io.upright import upright_bgr
from livefan.io.video import VideoSource

URL_SCHEMES = frozenset({"http", "https", "rtmp", "rtmps", "rtp", "rtsp", "rtsps", "srt", "tcp", "udp"})
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_OPEN_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 5.0
_LOW_LATENCY = {"flags": "low_delay", "analyzeduration": "1000000", "probesize": "1000000"}
"""Options of a live stream. Without ``nobuffer``, FFmpeg keeps the packets read to detect the format.
The first may be the only key frame for many seconds. The reader catches up with them at once."""
LONGEST_WITHOUT_PICTURE_S = 25.0
"""Seconds to wait for the next key frame; many cameras send one each 10 seconds."""
_WAIT_TOLD_S = 1.0
_NEVER_ENDING = ("rtmp", "rtp", "rtsp", "srt", "tcp", "udp")
"""First letters of the schemes of live streams; an HTTP address may also lead to a recording."""


class Stream(LiveSource):
    """A live network stream, through FFmpeg with the smallest buffers.

    Args:
        url: the address; ``name`` leaves out its password.
        connect: connect at once. Otherwise the first read connects, and tries again until it succeeds.

    Raises:
        LivefanError: if the stream is to be connected at once, and cannot be opened or gives no picture.

    Attributes:
        ends: whether the address leads to a recording of known duration.
    """

    def __init__(self, url: str, *, connect: bool = True) -> None:
        super().__init__(public_name(url))
        self.ends = False
        self._url = url
        self._container: InputContainer | None = None
        self._images: Iterator[CapturedImage] = iter(())
        self._ahead: CapturedImage | None = None  # the first image, read to test the connection
        if connect:
            self._connect()
        else:
            self._never_connected = True

    def _connect(self) -> None:
        # Many cameras send motion JPEG in a form that FFmpeg does not expect ("image/jpg", no length, a wrong
        # type). FFmpeg's own mjpeg format then finds the marks of JPEG, at the cost of a frame's delay.
        formats = (None, "mjpeg") if self._url.lower().startswith("http") else (None,)
        reason = "gives no picture"
        for container_format in formats:
            try:
                self._begin(_open(self._url, container_format))
                return
            except (StopIteration, av.error.InvalidDataError):
                continue
            except av.error.ExitError:
                reason = "no answer"
                break
            except av.error.FFmpegError as error:
                reason = error.strerror or type(error).__name__
                if error.errno != errno.EIO:  # EIO also stands for data of an unknown format
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
        # Threads that decode whole frames would each wait for the next; slices of one frame do not.
        stream.thread_type = "SLICE"
        # Motion JPEG states no rate, and FFmpeg assumes 25.
        stated = "jpeg" not in container.format.name and stream.average_rate
        self.fps = float(stated) if stated else None
        self.ends = bool(container.duration)
        self._images = self._captured_images(container, stream)
        self._ahead = next(self._images)
        self.size = (self._ahead.image.shape[1], self._ahead.image.shape[0])

    def _capture(self) -> CapturedImage | None:
        captured, self._ahead = self._ahead, None
        try:
            return captured or next(self._images, None)
        except av.error.FFmpegError:
            return None

    def _captured_images(self, container: InputContainer, stream: av.VideoStream) -> Iterator[CapturedImage]:
        """Yield the images of a stream; end if none comes for :data:`LONGEST_WITHOUT_PICTURE_S`.

        A stream that is joined between two key frames gives undecodable packets until the next one.
        """
        last = asked_at = time.perf_counter()
        for packet in container.demux(stream):
            captured_at = time.perf_counter()
            if captured_at - asked_at > _READ_TIMEOUT_S:
                return  # after its time limit, FFmpeg returns a packet that it kept, and then waits once more
            pictures: list[VideoFrame] = []
            with suppress(av.error.FFmpegError):
                pictures = stream.decode(packet)
            for picture in pictures:
                yield CapturedImage(upright_bgr(picture), captured_at)
                last = time.perf_counter()
            waited = time.perf_counter() - last
            if waited > LONGEST_WITHOUT_PICTURE_S or self._closing.is_set():
                return
            if waited > _WAIT_TOLD_S:
                self._set_status(f"{self.name}: waiting for a key frame")
            asked_at = time.perf_counter()

    def _disconnect(self) -> None:
        self._ahead, self._images = None, iter(())
        if self._container is not None:
            self._container.close()
            self._container = None


def is_address(spec: str) -> bool:
    """Return whether a text has the form of an address, readable or not, and is no path."""
    return _ADDRESS.match(spec) is not None


def is_url(spec: str) -> bool:
    """Return whether a text is the address of a stream, and not a path.

    Raises:
        LivefanError: if it is an address of a scheme that cannot be read.
    """
    address = _ADDRESS.match(spec)
    if address is None:
        return False
    if address[1].lower() not in URL_SCHEMES:
        schemes = ", ".join(sorted(URL_SCHEMES))
        raise LivefanError(f"{public_name(spec)}: addresses of this kind are not supported; use {schemes}")
    return True


def open_url(url: str, *, patient: bool = False) -> Source:
    """Open a stream, or the recording of known duration that an HTTP address leads to.

    Args:
        patient: return a stream that cannot be opened yet; reading it tries again, and its status says so.

    Raises:
        LivefanError: if the address cannot be opened, unless ``patient``.
    """
    if patient and url.lower().startswith(_NEVER_ENDING):
        return Stream(url, connect=False)
    try:
        stream = Stream(url)
    except LivefanError:
        if not patient:
            raise
        return Stream(url, connect=False)
    if not (stream.ends and url.lower().startswith("http")):
        return stream
    stream.close()
    try:
        return VideoSource(url, stream.name, _open(url, buffered=True))
    except av.error.FFmpegError as error:
        raise LivefanError(f"{stream.name}: cannot be read ({error.strerror}); try again") from error


def public_name(url: str) -> str:
    """Return an address without user name, password and query, which often hold secrets.

    A password may hold any character, unescaped: the text before the last @ counts as password.

    >>> public_name("rtsp://me:sec/r?t@10.0.0.5:554/live?token=1")
    'rtsp://10.0.0.5:554/live'
    """
    scheme, _, rest = url.partition("://")
    place = re.match(r"[^?#]*", rest.rpartition("@")[2])
    return f"{scheme.lower()}://{place[0] if place else ''}"


def _open(url: str, container_format: str | None = None, *, buffered: bool = False) -> InputContainer:
    """Open an address with FFmpeg.

    Args:
        url: the address.
        container_format: FFmpeg's name of the format; None to detect it.
        buffered: use FFmpeg's usual buffers, for a recording.

    Raises:
        av.error.FFmpegError: if it cannot be opened.
    """
    options = {} if buffered else dict(_LOW_LATENCY)
    if url.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # UDP loses packets, and firewalls block it
    return av.open(
        url,
        mode="r",
        format=container_format,
        options=options,
        metadata_errors="replace",
        timeout=(_OPEN_TIMEOUT_S, _READ_TIMEOUT_S),
    )
