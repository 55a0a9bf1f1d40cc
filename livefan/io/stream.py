"""Sources that go on by themselves, cameras and network streams: what is lost comes back by itself."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator

import av
import av.error
from av.container import InputContainer

from livefan.core.errors import LivefanError
from livefan.io.live_source import LiveSource, Shot
from livefan.io.source import Source
from livefan.io.video import VideoSource, upright_bgr, video_stream

SCHEMES = frozenset({"http", "https", "rtmp", "rtmps", "rtp", "rtsp", "rtsps", "srt", "tcp", "udp"})
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 5.0
_LOW_LATENCY = {
    "fflags": "nobuffer",
    "flags": "low_delay",
    "analyzeduration": "1000000",
    "probesize": "1000000",
}
_LONGEST_WITHOUT_PICTURE = 300  # packets: some ten seconds, more than cameras leave between key frames


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
