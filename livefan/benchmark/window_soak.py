"""A long run of the window on a stream like that of a camera: memory and latency each minute.

Run it while other programs take the cores::

    python -m livefan.benchmark.window_soak CLIP MINUTES [FOLDER]

A process of its own sends the clip as motion JPEG in a loop, at 30 frames a second, and never waits for the
window. FOLDER receives 200 pictures of the window's frames, evenly over the run.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np

from livefan.benchmark.footprint import held_mebibytes
from livefan.gui.app import leave_qt_to_pyqt
from livefan.io.open import open_source

leave_qt_to_pyqt()

from PyQt6.QtCore import QObject, QSettings, QTimer  # noqa: E402

from livefan.gui.app import collect_in_this_thread, make_application  # noqa: E402
from livefan.gui.session_config import CliOverrides  # noqa: E402
from livefan.gui.window import MainWindow  # noqa: E402

_FPS = 30
_N_PICTURES = 200


def _serve(clip: str, started: Connection) -> None:
    """Send a clip in a loop to every client; report the port."""
    with open_source(clip) as source:
        images = [cv2.imencode(".jpg", frame.image)[1].tobytes() for frame in source]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            begun_at = time.perf_counter()
            with suppress(OSError):  # the window is closed
                while True:
                    number = int((time.perf_counter() - begun_at) * _FPS)
                    image = images[number % len(images)]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n\r\n"
                    self.wfile.write(head.encode() + image + b"\r\n")
                    time.sleep(max(0.0, begun_at + (number + 1) / _FPS - time.perf_counter()))

        def log_message(self, *what: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    started.send(server.server_port)
    server.serve_forever()


@dataclass
class _Minute:
    """Figures of the present minute."""

    latencies: list[float]
    with_face: list[bool]


class _Watch(QObject):
    """Prints the figures of a window each minute, and closes the window at the end."""

    def __init__(self, window: MainWindow, minutes: float, folder: Path | None) -> None:
        super().__init__()
        self._window, self._folder = window, folder
        self._minutes, self._left = 0, minutes
        self._pictures = 0
        self._minute = _Minute([], [])
        self._every(500, self._look)
        self._every(60_000, self._print)
        if folder is not None:
            self._every(round(60_000 * minutes / _N_PICTURES), self._save)

    def _every(self, interval_ms: int, effect: Callable[[], None]) -> None:
        timer = QTimer(self)
        timer.setInterval(interval_ms)
        timer.timeout.connect(effect)
        timer.start()

    def _look(self) -> None:
        result = self._window.view.result
        if result is not None:
            self._minute.latencies.append(1000 * self._window.player.gauges.latency)
            self._minute.with_face.append(bool(result.faces))

    def _print(self) -> None:
        session, minute = self._window.player.session, self._minute
        self._minutes += 1
        latencies = minute.latencies or [float("nan")]
        figures = (
            self._minutes,
            held_mebibytes() or 0.0,
            float(np.median(latencies)),
            max(latencies),
            100 * sum(minute.with_face) / max(1, len(minute.with_face)),
            session.dropped if session is not None else 0,
            os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan"),
        )
        print("{:6d} {:7.0f} {:10.0f} {:11.0f} {:10.0f} {:9d} {:6.1f}".format(*figures), flush=True)
        self._minute = _Minute([], [])
        if self._minutes >= self._left:
            self._window.close()

    def _save(self) -> None:
        assert self._folder is not None
        self._window.view.grab().save(str(self._folder / f"{self._pictures:03}.png"))
        self._pictures += 1


def run(clip: str, minutes: float, folder: Path | None) -> None:
    """Run the window on the stream for some minutes."""
    receiving, sending = multiprocessing.get_context("spawn").Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(clip, sending), daemon=True)
    server.start()
    address = f"http://127.0.0.1:{receiving.recv()}/"
    application = make_application()
    with tempfile.TemporaryDirectory(prefix="livefan-soak-") as settings_folder:
        settings = QSettings(str(Path(settings_folder) / "settings.ini"), QSettings.Format.IniFormat)
        window = MainWindow(CliOverrides(source=address), settings=settings)
        window.show()
        collect_in_this_thread()
        print("minute     MiB latency ms  highest ms     face %   dropped   load", flush=True)
        watch = _Watch(window, minutes, folder)
        application.exec()
        del watch
    server.terminate()


def main(arguments: Sequence[str]) -> int:
    """Run with the arguments of the command line."""
    clip, minutes, *folder = arguments
    run(clip, float(minutes), Path(folder[0]) if folder else None)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
