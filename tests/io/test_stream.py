"""Network streams, served on this computer."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered import (
    HEIGHT,
    WIDTH,
    number_of,
    picture_of,
)
from waiting import PATIENCE_S, wait_for

from livefan.core.errors import LivefanError
from livefan.io import live_source
from livefan.io.capture_thread import CaptureThread
from livefan.io.open import display_name, open_source
from livefan.io.stream import is_address, is_url, public_name


class MjpegServer:
    """Serves numbered images as motion JPEG on 127.0.0.1; can be stopped and started again."""

    def __init__(
        self,
        content_type: str = "multipart/x-mixed-replace; boundary=frame",
        part: str = "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
    ) -> None:
        self.content_type, self.part, self.port = content_type, part, 0
        self.start()

    def start(self) -> None:
        outer, self.running = self, True

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", outer.content_type)
                self.end_headers()
                number = 0
                try:
                    while outer.running:
                        jpeg = cv2.imencode(".jpg", picture_of(number % 60))[1].tobytes()
                        head = outer.part.format(len(jpeg))
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                        number += 1
                        time.sleep(0.01)
                except OSError:
                    pass

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.running = False
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mjpeg() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    if server.running:
        server.stop()


def test_motion_jpeg_over_http(mjpeg: MjpegServer) -> None:
    with open_source(f"http://127.0.0.1:{mjpeg.port}/video") as source:
        frames = [source.read() for _ in range(5)]
        assert (source.live, source.size, source.fps) == (True, (WIDTH, HEIGHT), None)
    assert all(frame is not None for frame in frames)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    numbers = [number_of(frame.image) for frame in frames]
    assert np.diff(numbers).tolist() == [1, 1, 1, 1]
    assert frames[0].source_time == 0
    assert all(b.source_time > a.source_time for a, b in pairwise(frames))


@pytest.mark.parametrize(
    ("content_type", "part"),
    [
        ("text/plain", "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"),
        ("multipart/x-mixed-replace; boundary=frame", "--frame\r\nContent-Type: image/jpg\r\n\r\n"),
        ("multipart/x-mixed-replace; boundary=frame", "--frame\r\nContent-Length: {}\r\n\r\n"),
        ("multipart/x-mixed-replace; boundary=frame", ""),
    ],
    ids=["wrong type", "image/jpg", "length alone", "nothing between"],
)
def test_motion_jpeg_with_wrong_headers(content_type: str, part: str) -> None:
    server = MjpegServer(content_type, part)
    try:
        with open_source(f"http://127.0.0.1:{server.port}/") as source:
            frames = [source.read() for _ in range(5)]
            assert source.live
        numbers = [number_of(frame.image) for frame in frames]
        assert np.diff(numbers).tolist() == [1, 1, 1, 1]
    finally:
        server.stop()


def test_address_of_a_web_page_is_an_error() -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome to your camera</html>" * 100)

        def log_message(*arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with pytest.raises(LivefanError, match="cannot be opened"):
            open_source(f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        server.server_close()


def test_frames_continue_after_a_stream_stops_and_restarts(
    mjpeg: MjpegServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_source, "FIRST_PAUSE_S", 0.05)
    messages: list[str] = []
    source = open_source(f"http://127.0.0.1:{mjpeg.port}/video")
    with CaptureThread(source, on_status=messages.append) as thread:
        before = thread.get(PATIENCE_S)
        mjpeg.stop()
        wait_for(lambda: "lost" in thread.status)
        while (frame := thread.get(0.05)) is not None:
            before = frame
        mjpeg.start()
        after = thread.get(PATIENCE_S)
    assert before is not None
    assert after is not None
    assert after.index > before.index  # a slow reader gets a newer one
    assert after.source_time > before.source_time
    assert messages[-1] == ""
    assert thread.error is None


def test_recording_at_an_address_is_read_whole(numbered_clip: Path) -> None:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(numbered_clip.parent))

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with open_source(f"http://127.0.0.1:{server.server_port}/clip.mp4") as source:
            assert not source.live
            assert [number_of(frame.image) for frame in source] == list(range(60))
    finally:
        server.shutdown()
        server.server_close()


def test_error_for_a_refused_connection_shows_no_password() -> None:
    with pytest.raises(
        LivefanError, match=r"http://127\.0\.0\.1:9/x: cannot be opened \(.*refused"
    ) as raised:
        open_source("http://user:secret@127.0.0.1:9/x?key=secret")
    assert "secret" not in str(raised.value)


def test_addresses_and_paths_are_distinguished() -> None:
    assert is_url("rtsp://camera/live")
    assert not is_url("C:/videos/clip.mp4")
    assert not is_url("clip.mp4")
    with pytest.raises(LivefanError, match="ftp://host/x: addresses of this kind are not supported"):
        is_url("ftp://me:secret@host/x")
    assert is_address("ftp://host/x")
    assert display_name("ftp://me:secret@host/x") == "ftp://host/x"
    assert not is_address("C:/videos/clip.mp4")
    assert public_name("RTSP://me:secret@10.0.0.5:554/live?t=1") == "rtsp://10.0.0.5:554/live"
    assert public_name("http://[::1/x") == "http://[::1/x"
    for password in ("s3/cr#et", "12/3", "a@b?c"):
        assert public_name(f"rtsp://me:{password}@10.0.0.5/live#t") == "rtsp://10.0.0.5/live"
