"""Make the pictures of the window for the documents, from the bundled clip.

Run ``python -m livefan.benchmark.window_pictures -o docs``. Without a screen, Qt draws into memory.
Playback is stepped, so that the pictures do not depend on the speed of the machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from livefan.gui.app import has_screen, leave_qt_to_pyqt

leave_qt_to_pyqt()
if not has_screen():
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PyQt6.QtCore import QEventLoop, QSettings, QTimer  # noqa: E402
from PyQt6.QtGui import QImage  # noqa: E402

from livefan.core.errors import LivefanError  # noqa: E402
from livefan.core.files import atomic_write  # noqa: E402
from livefan.core.resources import bundled_clip  # noqa: E402
from livefan.gui.app import make_application  # noqa: E402
from livefan.gui.picture_state import PictureState  # noqa: E402
from livefan.gui.session_config import CliOverrides  # noqa: E402
from livefan.gui.window import MainWindow  # noqa: E402
from livefan.live.view_state import Layout  # noqa: E402
from livefan.tracking.model_spec import ModelChoice  # noqa: E402

_SIZE = (1180, 720)
_SMALL_SIZE = (900, 560)
_PATIENCE_S = 300.0
_COMPARED = {"first": ModelChoice("mobilefan-half-300w"), "second": ModelChoice("mobilefan-300w")}
_EVERY = 3
"""The animation shows each third frame."""
_QUALITY = 55
_LET_UPDATE_MS = 40


def make_pictures(folder: Path, *, seconds: float = 15.0) -> list[Path]:
    """Write ``window.png``, ``comparing.png`` and the animation ``comparing.webp``.

    Args:
        folder: existing folder; files of these names are replaced.
        seconds: length of the animation.

    Raises:
        LivefanError: if the window cannot be opened, or shows no picture in time.
    """
    application = make_application()
    made = []
    with _window(_SIZE, panels=("expressions",)) as window:
        _play_to(window, 150)
        made.append(_save(_grab(window), folder / "window.png"))
    options: dict[str, Any] = {**_COMPARED, "panels": ("models",), "theme": "dark"}
    with _window(_SIZE, layout=Layout.DIFFERENCE, **options) as window:
        _play_to(window, 120)
        made.append(_save(_grab(window), folder / "comparing.png"))
    with _window(_SMALL_SIZE, layout=Layout.SIDE_BY_SIDE, **{**options, "panels": ()}) as window:
        rate = _frame_rate(window)
        frames = []
        for index in range(0, round(seconds * rate), _EVERY):
            _play_to(window, index)
            frames.append(_grab(window))
        made.append(_save_animation(frames, rate / _EVERY, folder / "comparing.webp"))
    application.processEvents()
    return made


@contextmanager
def _window(size: tuple[int, int], **options: Any) -> Iterator[MainWindow]:
    """Open a window of this size on the bundled clip, held at its first frame."""
    with tempfile.TemporaryDirectory(prefix="livefan-pictures-") as name:
        settings = QSettings(str(Path(name) / "settings.ini"), QSettings.Format.IniFormat)
        overrides = CliOverrides(source=str(bundled_clip()), hold=True, **options)
        window = MainWindow(overrides, settings=settings, pictures=Path(name), videos=Path(name))
        window.setFixedSize(*size)  # a window manager may give another size
        window.show()
        try:
            _wait(window, lambda: _index(window) == 0)
            yield window
        finally:
            window.close()


def _wait(window: MainWindow, condition: Callable[[], bool]) -> None:
    """Run the event loop until a condition is true."""
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end or not window.player.running:
            raise LivefanError(f"the window shows no picture: {window.status_bar.message.text()}")
        _run_for(5)


def _run_for(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def _index(window: MainWindow) -> int:
    """Return the index of the frame on the screen, in the requested layout; -1 without one."""
    painted = window.view.painted
    if window.view.result is None or painted is None or painted.picture.layout is not painted.view.layout:
        return -1
    return window.view.result.frame.index


def _play_to(window: MainWindow, index: int) -> None:
    """Step through all frames up to one."""
    for each in range(_index(window), index):
        window.player.step(1)
        _wait(window, lambda each=each: _index(window) == each + 1)  # type: ignore[misc]


def _frame_rate(window: MainWindow) -> float:
    session = window.player.session
    assert session is not None
    assert session.n_frames is not None
    assert session.duration is not None
    return session.n_frames / session.duration


def _grab(window: MainWindow) -> Image.Image:
    """Return the window as a picture, without the label of a pause."""
    _run_for(_LET_UPDATE_MS)
    window.updates.show_figures()
    window.updates.show_distances()
    window.updates.show_along_recording()
    window.updates.show_position()
    window.view.show_state(PictureState())
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    rows = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8).reshape(image.height(), -1)
    return Image.fromarray(rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3))


def _save(picture: Image.Image, path: Path) -> Path:
    with atomic_write(path) as temporary:
        picture.save(temporary, "PNG", optimize=True)
    return path


def _save_animation(frames: list[Image.Image], rate: float, path: Path) -> Path:
    first, *rest = frames
    with atomic_write(path) as temporary:
        first.save(
            temporary,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=round(1000 / rate),
            loop=0,
            quality=_QUALITY,
            method=4,
        )
    return path


def main() -> None:
    """Write the pictures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs"), metavar="DIR")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of the animation")
    given = parser.parse_args()
    for path in make_pictures(given.output, seconds=given.seconds):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
