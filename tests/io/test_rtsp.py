"""RTSP streams of a real server: Debian's gir1.2-gst-rtsp-server-1.0. Without it, these tests are skipped."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from numbered import picture_of
from waiting import PATIENCE_S, wait_for

from livefan.core.errors import LivefanError
from livefan.io import stream
from livefan.io.capture_thread import CaptureThread
from livefan.io.open import open_source

SERVER = Path(__file__).parents[1] / "rtsp_server.py"
PYTHON = "/usr/bin/python3"
RATE = 120


def _server_is_installed() -> bool:
    command = [PYTHON, str(SERVER)]
    try:
        return subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = pytest.mark.skipif(
    not _server_is_installed(), reason="needs gir1.2-gst-rtsp-server-1.0 and GStreamer's good and bad plugins"
)


def write_long_groups(
    path: Path, size: tuple[int, int] = (96, 64), *, seconds: int = 20, rate: int = RATE, group_s: int = 4
) -> Path:
    """Write a recording whose key frames lie ``group_s`` seconds apart."""
    group = str(group_s * rate)
    with av.open(str(path), "w") as container:
        options = {"g": group, "keyint_min": group, "sc_threshold": "0", "bf": "0"}
        options |= {"preset": "ultrafast", "threads": "1"}
        coded: Any = container.add_stream("libx264", rate=rate, options=options)
        coded.width, coded.height, coded.pix_fmt = *size, "yuv420p"
        for second in range(seconds):
            picture = av.VideoFrame.from_ndarray(picture_of(second), format="bgr24")
            picture = picture.reformat(*size, format="yuv420p")
            for number in range(second * rate, (second + 1) * rate):
                picture.pts, picture.time_base = number, Fraction(1, rate)
                container.mux(coded.encode(picture))
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
def test_stream_starts_at_its_first_key_frame_and_without_one_is_an_error(
    tmp_path: Path, port: int, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first client starts at the server's only key frame; for the second one, that has passed."""
    serve(write_long_groups(tmp_path / "one.mkv", seconds=60, rate=10, group_s=60))
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
        wait_for(lambda: any("trying again" in message for message in messages))
        server = serve(recording)
        frame = thread.get(PATIENCE_S)
        assert frame is not None
        assert frame.image.shape == (64, 96, 3)
        wait_for(lambda: thread.status == "")
        server.kill()
        server.wait()
        wait_for(lambda: "lost" in thread.status)
        serve(write_long_groups(tmp_path / "large.mkv", (128, 96), seconds=10))
        wait_for(lambda: (new := thread.get(timeout=1)) is not None and new.image.shape == (96, 128, 3))


@pytest.mark.slow
def test_server_that_hangs_without_closing_is_lost(
    recording: Path, port: int, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test would only wait for the private time limit of five seconds."""
    monkeypatch.setattr(stream, "_READ_TIMEOUT_S", 2.0)
    server = serve(recording)
    with CaptureThread(open_source(f"rtsp://127.0.0.1:{port}/live")) as thread:
        assert thread.get(PATIENCE_S) is not None
        server.send_signal(signal.SIGSTOP)
        wait_for(lambda: "lost" in thread.status)
