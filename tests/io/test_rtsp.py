"""RTSP streams of a real server: Debian's gir1.2-gst-rtsp-server-1.0. Without it, these tests are skipped."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from numbered import picture_of
from waiting import wait_for

from livefan.core.errors import LivefanError
from livefan.io import stream
from livefan.io.capture_thread import CaptureThread
from livefan.io.open import open_source

SERVER = Path(__file__).parents[1] / "rtsp_server.py"
PYTHON = "/usr/bin/python3"
RATE = 120
GROUP = 4 * RATE
"""Frames from one key frame to the next, which lie four seconds apart."""


def _server_is_installed() -> bool:
    try:
        return (
            subprocess.run([PYTHON, str(SERVER)], capture_output=True, timeout=20, check=False).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = pytest.mark.skipif(
    not _server_is_installed(), reason="needs gir1.2-gst-rtsp-server-1.0 and GStreamer's good and bad plugins"
)


def write_long_groups(path: Path, size: tuple[int, int] = (96, 64), seconds: int = 20) -> Path:
    with av.open(str(path), "w") as container:
        options = {
            "g": str(GROUP),
            "keyint_min": str(GROUP),
            "sc_threshold": "0",
            "bf": "0",
            "preset": "ultrafast",
        }
        coded: Any = container.add_stream("libx264", rate=RATE, options=options)
        coded.width, coded.height, coded.pix_fmt = *size, "yuv420p"
        for number in range(seconds * RATE):
            picture = av.VideoFrame.from_ndarray(picture_of(number // RATE), format="bgr24")
            container.mux(coded.encode(picture.reformat(*size, format="yuv420p")))
        container.mux(coded.encode(None))
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_long_groups(tmp_path_factory.mktemp("rtsp") / "long.mkv")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Private constants, because no user has to change them; five seconds each would only be waited for."""
    monkeypatch.setattr(stream, "_OPEN_TIMEOUT_S", 2.0)
    monkeypatch.setattr(stream, "_READ_TIMEOUT_S", 2.0)


Serve = Callable[[Path], "subprocess.Popen[str]"]


@pytest.fixture
def serve(port: int) -> Iterator[Serve]:
    """Starts a server of a recording."""
    running: list[subprocess.Popen[str]] = []

    def start(recording: Path) -> subprocess.Popen[str]:
        command = [PYTHON, str(SERVER), str(recording), str(port)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout is not None
        assert running[-1].stdout.readline() == "ready\n"
        return running[-1]

    yield start
    for server in running:
        server.kill()
        server.wait()


@pytest.mark.slow
def test_joining_waits_for_the_next_key_frame(recording: Path, port: int, serve: Serve) -> None:
    """Some 400 packets precede the key frame."""
    serve(recording)
    address = f"rtsp://127.0.0.1:{port}/live"
    with open_source(address) as first:
        assert first.read() is not None
        time.sleep(1.0)
        with open_source(address) as second:
            frame = second.read()
    assert frame is not None
    assert frame.image.shape == (64, 96, 3)


@pytest.mark.slow
def test_stream_without_a_key_frame_is_an_error(
    recording: Path, port: int, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(recording)
    address = f"rtsp://127.0.0.1:{port}/live"
    with open_source(address) as first:
        assert first.read() is not None
        time.sleep(1.0)
        monkeypatch.setattr(stream, "LONGEST_WITHOUT_PICTURE_S", 1.0)
        with pytest.raises(LivefanError, match="gives no picture"):
            open_source(address)


@pytest.mark.slow
def test_server_that_comes_late_stops_and_returns_with_another_size(
    tmp_path: Path, recording: Path, port: int, serve: Serve
) -> None:
    """The first connection fails and is tried again; a status says so."""
    messages: list[str] = []
    source = open_source(f"rtsp://127.0.0.1:{port}/live", patient=True)
    with CaptureThread(source, on_status=messages.append) as thread:
        wait_for(lambda: any("trying again" in message for message in messages), 15)
        server = serve(recording)
        frame = thread.get(timeout=20)
        assert frame is not None
        assert frame.image.shape == (64, 96, 3)
        assert thread.status == ""
        server.kill()
        server.wait()
        wait_for(lambda: "lost" in thread.status, 15)
        serve(write_long_groups(tmp_path / "large.mkv", (128, 96), 10))
        wait_for(lambda: (new := thread.get(timeout=1)) is not None and new.image.shape == (96, 128, 3), 25)


@pytest.mark.slow
def test_server_that_hangs_without_closing_is_lost(recording: Path, port: int, serve: Serve) -> None:
    server = serve(recording)
    with CaptureThread(open_source(f"rtsp://127.0.0.1:{port}/live")) as thread:
        assert thread.get(timeout=10) is not None
        server.send_signal(signal.SIGSTOP)
        wait_for(lambda: "lost" in thread.status, 15)
        begun = time.perf_counter()
    assert time.perf_counter() - begun < 2
