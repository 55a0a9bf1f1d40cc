"""The window, without a screen and on real frames: each control does what it says."""

import itertools
import math
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QMimeData, QPointF, QSettings, Qt, QTranslator, QUrl
from PyQt6.QtGui import QDropEvent, QMouseEvent, QWheelEvent
from PyQt6.QtWidgets import QApplication, QComboBox, QFileDialog, QInputDialog, QMenu, QMessageBox
from pytestqt.qtbot import QtBot

import livefan
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.gui.actions.saving import Snapshot
from livefan.gui.app import show_internal_errors
from livefan.gui.help import shortcut_sheet
from livefan.gui.recordings import RecordingKind
from livefan.gui.session_config import CliOverrides
from livefan.gui.window import MainWindow
from livefan.io.camera import CameraInfo
from livefan.io.open import open_source
from livefan.live.render import Pane
from livefan.live.view_state import Layout, Spot
from livefan.live.worker import Model
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline

RAW = ModelChoice(raw=True)
LONG = 90_000


@pytest.fixture
def images(tmp_path: Path, photo: np.ndarray) -> Path:
    """A recording of six pictures, one face each."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), photo)
    return folder


@dataclass
class Driven:
    """A window under test, and what is needed to drive it."""

    qtbot: QtBot
    settings: QSettings
    pictures: Path
    windows: list[MainWindow]

    def open(self, *, sequence: bool = True, **asked) -> MainWindow:
        """A window; images of a folder are the frames of a recording, where nothing else is said."""
        wanted = CliOverrides(sequence=sequence, **asked)
        window = MainWindow(wanted, settings=self.settings, pictures=self.pictures)
        self.qtbot.addWidget(window)
        self.windows.append(window)
        window.show()
        return window

    def until(self, condition: Callable[[], object], timeout: int = LONG) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)


@pytest.fixture
def drive(qtbot: QtBot, tmp_path: Path) -> Iterator[Driven]:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    driven = Driven(qtbot, settings, tmp_path / "pictures", [])
    yield driven
    for window in driven.windows:
        window.close()


def pane(window: MainWindow) -> Pane:
    assert window.view.painted is not None
    return window.view.painted.picture.panes[0]


def shows(window: MainWindow) -> bool:
    return window.view.painted is not None and bool(window.view.painted.picture.panes)


def index(window: MainWindow) -> float:
    """Of the frame that is shown; of none, as while a source opens, nan, which is no index's match."""
    return pane(window).result.frame.index if shows(window) else math.nan


def place_of(window: MainWindow, point: int) -> QPointF:
    """Where a landmark of the first face is in the picture, as the mouse has it."""
    shown = pane(window)
    x, y = shown.matrix @ [*shown.result.faces[0].points_px[point], 1.0]
    ratio = window.view.devicePixelRatioF()
    return QPointF((x + shown.left) / ratio, y / ratio)


def mouse(window: MainWindow, kind: QEvent.Type, place: QPointF, button=Qt.MouseButton.LeftButton) -> None:
    moving = kind is QEvent.Type.MouseMove
    held = button if kind is not QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton
    event = QMouseEvent(
        kind,
        place,
        window.view.mapToGlobal(place),
        Qt.MouseButton.NoButton if moving else button,
        held,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window.view, event)


def wheel(window: MainWindow, place: QPointF, notches: int) -> None:
    from PyQt6.QtCore import QPoint

    event = QWheelEvent(
        place,
        window.view.mapToGlobal(place),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(window.view, event)


def open_files() -> int:
    """Files that the process holds open, where the system says; else 0."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def memory_mib() -> float:
    """What the process has in memory, where the system says; else 0."""
    status = Path("/proc/self/statm")
    return (
        int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if status.is_file() else 0.0
    )


def full_size(window: MainWindow) -> np.ndarray:
    """What is shown, drawn at the frame's own size."""
    drawn: queue.Queue[np.ndarray] = queue.Queue()
    assert window.player.draw_full_size(drawn.put)
    return drawn.get(timeout=30)


def held_at_end(drive: Driven, images: Path, **asked) -> MainWindow:
    window = drive.open(source=str(images), **asked)
    drive.until(lambda: index(window) == 5 and window.player.paused)
    return window


class TestWatching:
    def test_a_clip_is_shown_with_its_figures(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window) and window.view.fps > 0)
        drive.until(lambda: "capture" in window.status_bar.figures.text())
        assert window.player.gauges.latency > 0
        assert window.tool_bar.sources.sources.currentText() == clip.name
        assert not window.controls.start.isEnabled()
        window.controls.stop.trigger()
        assert not window.player.running
        assert window.controls.start.isEnabled()
        assert shows(window)  # the last frame stays
        window.controls.start.trigger()
        drive.until(lambda: index(window) < 5)

    def test_without_a_source_it_says_what_to_do(self, drive: Driven):
        window = drive.open()
        assert "drop a video" in window.view._message
        window.controls.start.trigger()
        assert "choose" in window.status_bar.message.text()
        window.controls.play.trigger()
        assert not window.player.running

    def test_what_is_to_be_known_first_stays_for_a_while(
        self, drive: Driven, clip: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("livefan.gui.window._NOTICE_MS", 10 * LONG)
        window = drive.open(source=str(clip), notice="No webcam found; playing the bundled clip.")
        drive.until(lambda: index(window) > 3)
        assert window.status_bar.message.text() == "No webcam found; playing the bundled clip."
        window._clear_notice()
        assert window.status_bar.message.text() == ""

    def test_it_fits_on_the_screen(self, drive: Driven):
        window = drive.open()
        assert window.screen().availableGeometry().contains(window.rect())
        assert window.minimumSizeHint().width() <= 1024
        assert window.minimumSizeHint().height() <= 600

    def test_a_recording_ends_and_can_be_played_again(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        for _ in range(2):
            drive.until(lambda: "ended" in window.status_bar.message.text())
            seen = window.player.session.worker_fps
            assert seen >= 0
            window.controls.play.trigger()
            drive.until(lambda: not window.player.paused)
            drive.until(lambda: window.player.paused and index(window) == 5)

    def test_play_step_start_and_scrubber(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: index(window) > 2)
        window.controls.play.trigger()
        drive.qtbot.wait(400)
        at = index(window)
        window.controls.forward.trigger()
        drive.until(lambda: index(window) == at + 1)
        window.controls.back.trigger()
        drive.until(lambda: index(window) == at)
        window.controls.home.trigger()
        drive.until(lambda: index(window) == 0)
        assert window.player.paused
        slider = window.transport.slider
        drive.until(lambda: slider.isVisible() and slider.maximum() > 1000)
        drive.qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=slider.rect().center())
        middle = window.player.session.duration / 2
        drive.until(lambda: abs(pane(window).result.frame.source_time - middle) < 0.2)
        window.controls.play.trigger()
        at = index(window)
        drive.until(lambda: index(window) > at + 3)

    def test_a_loop_goes_on_at_the_start(self, drive: Driven, images: Path):
        window = drive.open(source=str(images))
        window.controls.loop.trigger()
        drive.until(lambda: index(window) >= 4)
        drive.until(lambda: index(window) <= 1)
        drive.until(lambda: index(window) >= 4)
        assert not window.player.paused

    def test_a_place_to_begin_at(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), start_at=2.0)
        drive.until(lambda: shows(window))
        assert pane(window).result.frame.source_time == pytest.approx(2.0, abs=0.05)

    def test_files_are_dropped_on_it(self, drive: Driven, images: Path, clip: Path):
        window = held_at_end(drive, images)
        self.drop(window, clip)
        drive.until(lambda: index(window) > 6)
        assert window.player.config.source == str(clip)
        self.drop(window, images / "3.png")
        drive.until(lambda: "ended" in window.status_bar.message.text())

    def test_a_dropped_weight_file_becomes_the_model(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        path = ModelChoice().file.path
        self.drop(window, path)
        drive.until(lambda: window.player.session.first.weights == str(path))
        assert index(window) == 5

    def drop(self, window: MainWindow, path: Path) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        event = QDropEvent(
            QPointF(50, 50),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        window.dropEvent(event)

    def test_sources_are_picked(
        self, drive: Driven, images: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
    ):
        cameras = [CameraInfo(0, "Front camera"), CameraInfo(2, "USB camera")]
        monkeypatch.setattr("livefan.gui.source_picker.list_cameras", lambda: cameras)
        window = held_at_end(drive, images)
        box = window.tool_bar.sources.sources
        box.opened.emit()
        drive.until(lambda: box.itemText(0) == "Front camera")
        names = [box.itemText(row) for row in range(box.count())]
        assert names[:2] == ["Front camera", "USB camera"]
        assert box.currentText() == images.name
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args, **more: (str(clip), ""))
        box.activated.emit(box.findText("Open file …"))
        assert window.player.config.source == str(clip)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args, **more: str(images))
        window.controls.open_folder.trigger()
        assert window.player.config.source == str(images)
        monkeypatch.setattr(QInputDialog, "getText", lambda *args, **more: ("http://127.0.0.1:9/none", True))
        window.controls.open_stream.trigger()
        assert window.player.config.source == "http://127.0.0.1:9/none"
        drive.until(lambda: "127.0.0.1" in window.status_bar.message.text())
        window.tool_bar.sources.sources.activated.emit(1)
        assert window.player.config.source == 2
        window.tool_bar.sources.sizes.activated.emit(window.tool_bar.sources.sizes.findText("1280 x 720"))
        window.tool_bar.sources.sizes.setCurrentIndex(window.tool_bar.sources.sizes.findText("1280 x 720"))
        window.tool_bar.sources.sizes.activated.emit(window.tool_bar.sources.sizes.currentIndex())
        assert window.player.config.size == (1280, 720)

    @pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "empty.mp4", "emptyfolder"])
    def test_what_cannot_be_watched_is_said_and_the_window_stays(
        self, drive: Driven, tmp_path: Path, name: str
    ):
        (tmp_path / "text.mp4").write_text("this is no video")
        (tmp_path / "empty.mp4").touch()
        (tmp_path / "emptyfolder").mkdir()
        window = drive.open(source=str(tmp_path / name))
        drive.until(lambda: not window.player.running)
        assert name in window.status_bar.message.text()
        assert window.isVisible()
        assert window.controls.start.isEnabled()

    def test_a_long_address_is_no_file_name(self, drive: Driven):
        address = f"http://127.0.0.1:9/{'long' * 100}"
        window = drive.open(source=address)
        assert window.tool_bar.sources.sources.currentText() == address
        drive.until(lambda: not window.player.running)
        assert "127.0.0.1" in window.status_bar.message.text()

    @pytest.mark.parametrize("source", ["ftp://me:secret@host/x.mp4", "long" * 100, "~nobody-of-this-name/x"])
    def test_what_is_no_source_at_all_is_said_and_can_be_chosen_again(
        self, drive: Driven, images: Path, source: str, monkeypatch: pytest.MonkeyPatch
    ):
        window = held_at_end(drive, images)
        monkeypatch.setattr(QInputDialog, "getText", lambda *args, **more: (source, True))
        window.controls.open_stream.trigger()
        drive.until(lambda: not window.player.running)
        box, name = window.tool_bar.sources.sources, source.rpartition("/")[2]
        assert "secret" not in window.status_bar.message.text()
        if source.startswith("ftp"):
            name = "ftp://host/x.mp4"
            assert window.status_bar.message.text().startswith(
                "ftp://host/x.mp4: addresses of this kind are not supported"
            )
        assert box.currentText() == name
        assert {images.name, "Open stream …"} <= {box.itemText(row) for row in range(box.count())}
        box.activated.emit(box.findText(images.name))
        drive.until(lambda: index(window) == 5 and window.player.paused)

    def test_missing_weights_are_said_and_the_window_stays(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), first=ModelChoice(str(tmp_path / "none.safetensors")))
        drive.until(lambda: not window.player.running)
        assert "none.safetensors" in window.status_bar.message.text()
        assert window.isVisible()


class TestACamera:
    @pytest.fixture
    def camera(self, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch):
        """Stands for a device: it can be there, blocked by another program, or lost while it runs."""

        class Device:
            def __init__(self) -> None:
                self.state = "there"

            def open(self, spec, **asked):
                from numbered import Numbered

                device = self
                if device.state == "taken":
                    raise LivefanError("camera 0: is used by another program; close that one")

                class Source(Numbered):
                    def _read_frame(self) -> Frame | None:
                        while device.state == "lost":
                            self._say("camera 0 is away; waiting for it")
                            time.sleep(0.05)
                        if self.status:
                            self._say("")
                        time.sleep(0.03)
                        frame = super()._read_frame()
                        return frame and Frame(photo, frame.index, frame.captured_at, frame.captured_at)

                    status = ""
                    on_status = staticmethod(lambda text: None)

                    def _say(self, text: str) -> None:
                        if text != self.status:
                            self.status = text
                            self.on_status(text)

                source = Source(1_000_000, live=True)
                source.turns.release(1_000_000)
                return source

        device = Device()
        monkeypatch.setattr("livefan.live.session.open_source", device.open)
        monkeypatch.setattr("livefan.io.capture_thread.LiveSource", object)
        return device

    def test_its_loss_and_return_are_said_and_it_goes_on(self, drive: Driven, camera):
        window = drive.open(source=0)
        drive.until(lambda: index(window) > 3)
        assert not window.transport.isVisible()
        camera.state = "lost"
        drive.until(lambda: "away" in window.status_bar.message.text())
        at = index(window)
        camera.state = "there"
        drive.until(lambda: index(window) > at + 3)
        drive.until(lambda: window.status_bar.message.text() == "")

    def test_one_that_is_taken_is_said_and_can_be_tried_again(self, drive: Driven, camera):
        camera.state = "taken"
        window = drive.open(source=0)
        drive.until(lambda: not window.player.running)
        assert "another program" in window.status_bar.message.text()
        camera.state = "there"
        window.controls.start.trigger()
        drive.until(lambda: shows(window))

    def test_its_picture_can_be_held(self, drive: Driven, camera):
        window = drive.open(source=0)
        drive.until(lambda: index(window) > 3)
        window.controls.play.trigger()
        drive.qtbot.wait(400)
        at = index(window)
        drive.qtbot.wait(400)
        assert index(window) == at
        window.controls.play.trigger()
        drive.until(lambda: index(window) > at)

    def test_in_the_dark_it_says_so(self, drive: Driven, camera, photo: np.ndarray):
        before = photo.copy()
        try:
            photo[:] = 0
            window = drive.open(source=0)
            drive.until(
                lambda: (
                    "dark" in window.status_bar.message.text()
                    or "No face" in window.status_bar.message.text()
                )
            )
        finally:
            photo[:] = before


class TestComparing:
    def test_it_begins_and_ends(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        assert not window.tool_bar.layouts.isEnabled()
        window.controls.compare.trigger()
        assert window.player.config.second is not None
        assert not window.models.regions.isVisibleTo(window.models)  # but later than the second picker
        drive.until(window.models_dock.isVisible)
        drive.until(window.models.regions.isVisible)
        drive.until(lambda: window.view.painted.picture.layout is Layout.SIDE_BY_SIDE)
        assert len(window.view.painted.picture.panes) == 2
        window.controls.compare.trigger()
        drive.until(lambda: window.view.painted.picture.layout is Layout.SINGLE)
        assert window.player.session.second is None

    def test_a_student_is_compared_with_its_teacher_and_both_sizes_are_told(
        self, drive: Driven, images: Path
    ):
        window = held_at_end(drive, images)
        window.controls.compare.trigger()
        table = window.models.table
        drive.until(lambda: table.item(1, 0).text() == "8.06 M" and table.item(0, 0).text() == "2.20 M")
        assert [table.item(row, 1).text() for row in range(2)] == ["8.6 MiB", "16 MiB"]
        assert window.models.first.weights.currentText() == "mobilefan-300w"
        assert window.models.second.weights.currentText() == "teacher-300w"
        assert not table.isRowHidden(1)
        drive.until(lambda: window.view.painted.picture.layout is Layout.SIDE_BY_SIDE)
        drive.until(lambda: table.item(1, 2).text().endswith(" ms"))
        window.controls.compare.trigger()
        assert table.isRowHidden(1)

    @pytest.mark.parametrize("layout", list(Layout))
    def test_every_layout_shows_both_models_on_one_frame(self, drive: Driven, images: Path, layout: Layout):
        window = held_at_end(drive, images, second=RAW, layout=Layout.SINGLE)
        box = window.tool_bar.layouts
        box.setCurrentIndex(box.findData(layout))
        box.activated.emit(box.currentIndex())
        drive.until(lambda: window.view.painted.picture.layout is layout)
        drive.until(lambda: window.player.gauges.newest is not None)
        newest = window.player.gauges.newest
        assert newest.first.frame.index == newest.second.frame.index
        assert len({each.result.frame.index for each in window.view.painted.picture.panes}) == 1
        assert window.controls.layouts[layout].isChecked()

    def test_the_wipe_is_moved_by_the_mouse(self, drive: Driven, images: Path):
        window = held_at_end(drive, images, second=RAW, layout=Layout.WIPE)
        drive.until(lambda: window.view.painted.picture.layout is Layout.WIPE)
        width, height = window.view.width(), window.view.height()
        mouse(window, QEvent.Type.MouseButtonPress, QPointF(width / 2, height / 2))
        mouse(window, QEvent.Type.MouseMove, QPointF(width / 4, height / 2))
        mouse(window, QEvent.Type.MouseButtonRelease, QPointF(width / 4, height / 2))
        assert window.player.view.wipe == pytest.approx(0.25, abs=0.01)
        drive.until(lambda: window.view.painted.shown is not None)

    def test_figures_of_both_are_listed_with_where_they_differ(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), second=RAW)
        drive.until(lambda: len(window.player.gauges.worst) >= 2)
        drive.until(lambda: "Distance" in window.models.apart.text())
        scheme = window.player.gauges.newest.first.scheme
        bars, values = window.models.regions.bars, window.models.regions.values
        drive.until(lambda: all("now" in value.text() for value in values.values()))
        window.controls.play.trigger()
        drive.qtbot.wait(800)
        overall, by_region = window.player.gauges.usually_apart(scheme)
        assert overall == pytest.approx(window.player.gauges.apart.median(), rel=0.01)
        assert values["all"].text().startswith(f"{overall:.1f} %")
        assert {name: values[name].text().split(" ")[0] for name in by_region} == {
            name: f"{value:.1f}" for name, value in by_region.items()
        }
        longest = max(by_region, key=lambda name: by_region[name])
        assert max(by_region, key=lambda name: bars[name].value()) == longest
        assert bars[longest].palette().highlight().color().name() == "#e04040"
        x, y = window.models.over_time.curves[0].getData()
        assert len(x) == len(y) > 10
        assert np.all(np.diff(x) >= 0)
        drive.until(lambda: window.models.worst.count() >= 2)
        item = window.models.worst.item(0)
        window.models.worst.itemClicked.emit(item)
        at = item.data(Qt.ItemDataRole.UserRole)
        drive.until(lambda: abs(pane(window).result.frame.source_time - at) < 0.05)
        assert window.player.paused

    def test_models_and_runtimes_are_exchanged(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        window.player.choose_first(ModelChoice(runtime="torch"))
        drive.until(lambda: pane(window).result.runtime.startswith("torch"))
        window.player.choose_first(RAW)
        drive.until(lambda: pane(window).result.label == "mobilefan-300w@raw")

    def pick(self, box: QComboBox, data: object) -> None:
        box.setCurrentIndex(box.findData(data))
        box.activated.emit(box.currentIndex())

    def test_the_pickers_choose_models(self, drive: Driven, images: Path, monkeypatch: pytest.MonkeyPatch):
        window = held_at_end(drive, images, second=RAW, layout=Layout.OVERLAID)
        first, second = window.models.first, window.models.second
        self.pick(first.runtime, "torch")
        drive.until(lambda: pane(window).result.runtime.startswith("torch"))
        assert window.player.config.first == ModelChoice(runtime="torch")
        first.raw.click()
        drive.until(lambda: pane(window).result.smoothing == 0.0)
        assert second.raw.isChecked()
        second.raw.click()
        self.pick(second.weights, "mobilefan-half-300w")
        self.pick(second.runtime, "openvino")
        self.pick(second.precision, "float32")
        wanted = ModelChoice("mobilefan-half-300w", "openvino", "float32")
        assert window.player.config.second == wanted
        drive.until(lambda: window.player.gauges.newest is not None)
        assert window.player.gauges.newest.second.label == wanted.label
        assert window.player.gauges.newest.second.runtime == "openvino float32"
        path = str(ModelChoice("teacher-300w").file.path)
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args, **more: ("", ""))
        browse = second.weights.count() - 1
        second.weights.setCurrentIndex(browse)
        second.weights.activated.emit(browse)
        assert second.weights.currentData() == "mobilefan-half-300w"  # nothing was chosen
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args, **more: (path, ""))
        second.weights.setCurrentIndex(browse)
        second.weights.activated.emit(browse)
        assert window.player.config.second == replace(wanted, weights=path)
        assert second.weights.currentText() == "teacher-300w"

    def test_weights_that_cannot_be_read_are_said_and_the_model_stays(
        self, drive: Driven, images: Path, tmp_path: Path
    ):
        window = held_at_end(drive, images)
        (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
        window.player.choose_first(ModelChoice(str(tmp_path / "broken.safetensors")))
        drive.until(lambda: "broken.safetensors" in window.status_bar.message.text())
        assert window.player.running
        drive.until(lambda: window.models.first.weights.currentText() == "mobilefan-300w")
        window.controls.home.trigger()
        drive.until(lambda: index(window) == 0)
        window.controls.compare.trigger()
        drive.until(lambda: window.player.gauges.newest is not None)
        window.player.choose_second(ModelChoice(str(tmp_path / "broken.safetensors")))
        drive.until(lambda: not window.controls.compare.isChecked())
        assert window.player.session.second is None
        assert window.player.running


@pytest.fixture
def photographs(tmp_path: Path, photo: np.ndarray) -> Path:
    """Faces at several places, what is not an image, and a picture without a face."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    cv2.imwrite(str(folder / "anna.png"), photo)
    cv2.imwrite(str(folder / "bert.png"), np.roll(photo[:, ::-1], 90, axis=1))
    (folder / "broken.png").write_text("no image")
    cv2.imwrite(str(folder / "wall.png"), np.full((300, 400, 3), 127, np.uint8))
    return folder


class TestPhotographs:
    """A folder of images is looked at as in an image viewer: one by one, each held and by itself."""

    def test_the_first_is_held_and_keys_step_to_the_others(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False)
        drive.until(lambda: index(window) == 0)
        drive.until(lambda: window.transport.clock.text() == "1 / 4")
        drive.until(lambda: window.status_bar.figures.text().startswith("anna.png    640 x 360    faces: 1"))
        assert window.player.paused
        window.controls.forward.trigger()
        drive.until(lambda: window.status_bar.figures.text().startswith("bert.png"))
        window.controls.forward.trigger()  # over what is not an image
        drive.until(lambda: window.status_bar.figures.text().startswith("wall.png    400 x 300    faces: 0"))
        drive.until(lambda: window.transport.slider.value() == window.transport.slider.maximum())
        drive.until(lambda: "broken.png" in window.status_bar.message.text())
        window.controls.back.trigger()
        drive.until(lambda: index(window) == 1)
        window.controls.home.trigger()
        drive.until(lambda: index(window) == 0)
        assert window.player.paused

    def test_each_is_looked_at_by_itself_and_not_smoothed(
        self, drive: Driven, photographs: Path, pipeline: Pipeline
    ):
        window = drive.open(source=str(photographs), sequence=False, smoothing=1.0)
        for number in (0, 1, 0):
            drive.until(lambda number=number: index(window) == number)
            (face,) = pane(window).result.faces
            (alone,) = pipeline.process_image(pane(window).result.frame.image)
            assert np.allclose(face.points_px, alone.points_px, atol=1e-3)
            assert face.track_id == 1
            (window.controls.back if number else window.controls.forward).trigger()
        assert not window.tool_bar.smoothing.isEnabled()

    def test_one_without_a_face_says_so_at_once(self, drive: Driven, photographs: Path):
        (photographs / "broken.png").unlink()
        window = drive.open(source=str(photographs), sequence=False, start_at=4.0)
        drive.until(lambda: index(window) == 2)
        drive.until(lambda: window.status_bar.message.text() == "No face was found on this photograph.")
        window.controls.back.trigger()
        drive.until(lambda: index(window) == 1 and window.status_bar.message.text() == "")

    def test_played_each_stays_for_a_while(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False)
        drive.until(lambda: index(window) == 0)
        window.controls.play.trigger()
        drive.until(lambda: index(window) == 1)
        begun = time.monotonic()
        drive.until(lambda: index(window) == 3 and window.player.paused)
        assert time.monotonic() - begun > 1.0

    def test_two_models_are_compared_on_the_one_that_is_shown(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False)
        drive.until(lambda: index(window) == 0)
        window.player.choose_second(ModelChoice("mobilefan-half-300w"))
        worst = window.models.worst
        window.models_dock.show()
        drive.until(lambda: worst.count() == 1)
        window.controls.forward.trigger()
        drive.until(lambda: worst.count() == 2)
        assert {worst.item(row).text().split()[2] for row in range(2)} == {"anna.png", "bert.png"}
        row = next(row for row in range(2) if "anna.png" in worst.item(row).text())
        worst.itemClicked.emit(worst.item(row))
        drive.until(lambda: index(window) == 0)
        assert math.isnan(window.player.gauges.models[0].jitter.median())

    def test_another_folder_shows_nothing_of_the_one_before(
        self, drive: Driven, images: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
    ):
        window = drive.open(source=str(images), sequence=False, start_at=10.0)
        drive.until(lambda: window.transport.clock.text() == "6 / 6")
        drive.until(lambda: window.status_bar.figures.text().startswith("5.png"))
        go_on, prepare = threading.Event(), Model.prepare
        monkeypatch.setattr(Model, "prepare", lambda model: go_on.wait(60) and prepare(model))
        try:
            window.player.watch(str(photographs))
            drive.until(lambda: window.player.session is not None and window.player.session.photographs)
            drive.until(lambda: not shows(window))
            drive.until(lambda: window.transport.clock.text() == "")
            drive.until(lambda: "png" not in window.status_bar.figures.text())
            drive.until(lambda: not window.controls.snapshot.isEnabled())
            drive.until(lambda: "loading" in window.view._message)
        finally:
            go_on.set()
        drive.until(lambda: window.transport.clock.text() == "1 / 4")
        drive.until(lambda: window.status_bar.figures.text().startswith("anna.png"))
        window.controls.stop.trigger()
        drive.qtbot.wait(300)
        assert index(window) == 0  # the last picture stays

    def test_a_picture_is_named_as_in_the_folder_that_it_is_of(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False, start_at=6.0)
        drive.until(lambda: window.status_bar.figures.text().startswith("wall.png"))
        session = window.player.session
        session.photographs = ("other.png",)  # as of one that begins, whose picture is not there yet
        window._show_position()
        window._show_figures()
        assert window.transport.clock.text() == "4 / 4"
        assert window.status_bar.figures.text().startswith("wall.png")

    def test_they_may_be_the_frames_of_a_recording(self, drive: Driven, images: Path):
        window = drive.open(source=str(images), sequence=False)
        drive.until(lambda: window.transport.clock.text() == "1 / 6")
        window.controls.sequence.trigger()
        drive.until(lambda: "ended" in window.status_bar.message.text())
        drive.until(lambda: index(window) == 5)
        assert window.tool_bar.smoothing.isEnabled()


class TestWords:
    def test_figures_give_way_to_what_is_said(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        drive.until(lambda: window.status_bar.figures.isVisible() and window.status_bar.figures.text())
        window.player.status.emit("What is wrong, and what to do about it. " * 5)
        assert not window.status_bar.figures.isVisible()
        window.player.status.emit("")
        assert window.status_bar.figures.isVisible()

    def test_what_is_said_without_qt_is_translated_too(self, drive: Driven, images: Path):
        class German(QTranslator):
            def translate(self, context: str, text: str, *rest: object) -> str:  # type: ignore[override]
                known = {("live", "The recording has ended."): "Die Aufnahme ist zu Ende."}
                return known.get((context, text), "")

            def isEmpty(self) -> bool:  # noqa: N802
                return False

        translator = German()
        QApplication.installTranslator(translator)
        try:
            window = drive.open(source=str(images), sequence=True)
            drive.until(lambda: window.status_bar.message.text() == "Die Aufnahme ist zu Ende.")
        finally:
            QApplication.removeTranslator(translator)

    def test_a_defect_of_ours_is_said_and_the_window_stays(
        self, drive: Driven, images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        window = held_at_end(drive, images)
        show_internal_errors(window.player)
        try:
            raise RuntimeError("for a test")
        except RuntimeError as error:
            sys.excepthook(type(error), error, error.__traceback__)
        assert window.status_bar.message.text() == "internal error: RuntimeError: for a test"
        assert "Traceback" in capsys.readouterr().err
        assert window.isVisible()


class TestLooking:
    @pytest.mark.parametrize("part", ["outlines", "mesh", "points", "numbers", "boxes", "ids", "confidence"])
    def test_every_part_of_the_drawing_is_shown_and_hidden(self, drive: Driven, images: Path, part: str):
        window = held_at_end(drive, images, show=("points",))
        before = full_size(window)
        was = getattr(window.player.view.style, part)
        window.controls.parts[part].trigger()
        assert getattr(window.player.view.style, part) is not was
        assert not np.array_equal(before, full_size(window))
        window.controls.parts[part].trigger()
        assert np.array_equal(before, full_size(window))

    def test_the_overlay_as_a_whole(self, drive: Driven, images: Path, photo: np.ndarray):
        window = held_at_end(drive, images)
        assert not np.array_equal(full_size(window), photo)
        window.controls.overlay.trigger()
        assert np.array_equal(full_size(window), photo)

    def test_the_mirror(self, drive: Driven, images: Path, photo: np.ndarray):
        window = held_at_end(drive, images)
        window.controls.overlay.trigger()
        window.controls.mirror.trigger()
        assert np.array_equal(full_size(window), photo[:, ::-1])

    def test_heatmaps(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        window.controls.heatmaps.trigger()
        drive.until(lambda: pane(window).result.heatmaps)

    def test_the_heatmap_of_the_point_under_the_mouse_while_held(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        track = pane(window).result.faces[0].track_id
        mouse(window, QEvent.Type.MouseMove, place_of(window, 36), Qt.MouseButton.NoButton)
        assert window.player.view.spot == Spot(track, 36)
        drive.until(lambda: pane(window).result.heatmaps)
        mouse(window, QEvent.Type.MouseMove, QPointF(1, 1), Qt.MouseButton.NoButton)
        assert window.player.view.spot is None

    @pytest.mark.parametrize("layout", list(Layout))
    def test_and_while_two_models_are_compared(self, drive: Driven, images: Path, layout: Layout):
        window = held_at_end(drive, images, second=RAW, layout=layout, close_up=False)
        drive.until(lambda: window.view.painted.picture.layout is layout)
        before = window.view.painted.picture.image
        mouse(window, QEvent.Type.MouseMove, place_of(window, 36), Qt.MouseButton.NoButton)
        drive.until(lambda: pane(window).result.heatmaps)
        drive.until(lambda: not np.array_equal(window.view.painted.picture.image, before))

    def test_the_wheel_magnifies_about_the_mouse_and_dragging_moves(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        place, before = place_of(window, 30), abs(pane(window).matrix[0, 0])
        wheel(window, place, 4)
        drive.until(lambda: window.player.view.zoom > 2)
        drive.until(lambda: abs(pane(window).matrix[0, 0]) > 2 * before)
        after = place_of(window, 30)
        assert (after - place).manhattanLength() < 3
        mouse(window, QEvent.Type.MouseButtonPress, place)
        mouse(window, QEvent.Type.MouseMove, place + QPointF(20, 10))
        mouse(window, QEvent.Type.MouseButtonRelease, place + QPointF(20, 10))
        drive.until(lambda: (place_of(window, 30) - after - QPointF(20, 10)).manhattanLength() < 3)
        window.controls.fit.trigger()
        assert window.player.view.zoom == 1
        window.controls.zoom_in.trigger()
        assert window.player.view.zoom == pytest.approx(1.25)
        window.controls.zoom_out.trigger()
        assert window.player.view.zoom == 1
        mouse(window, QEvent.Type.MouseButtonDblClick, place)
        assert window.player.view.zoom == 1

    def test_a_close_up_follows_the_face_until_the_mouse_moves_it(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), loop=True)
        drive.until(lambda: index(window) > 3)

        def side() -> float:
            """Of the face, as a share of the shorter side of the picture."""
            shown = pane(window)
            box = shown.result.faces[0].box_px
            longer = max(box[2:] - box[:2]) * abs(shown.matrix[0, 0])
            return longer / min(shown.width, shown.height)

        before = side()
        window.controls.close_up.trigger()
        drive.until(lambda: window.view.painted.view.zoom > 1)
        assert before < side() == pytest.approx(0.72, abs=0.12)
        shown = pane(window)
        middle = shown.result.faces[0].box_px.reshape(2, 2).mean(axis=0)
        x = (shown.matrix @ [*middle, 1.0])[0]
        assert x == pytest.approx(shown.width / 2, abs=0.12 * shown.width)
        zoom = window.view.painted.view.zoom
        wheel(window, QPointF(window.view.width() / 2, window.view.height() / 2), 1)
        assert not window.controls.close_up.isChecked()
        assert window.player.view.zoom == pytest.approx(1.25 * zoom, rel=0.1)
        window.controls.fit.trigger()
        assert window.player.view.zoom == 1

    def test_smoothing_reaches_the_running_session(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.tool_bar.smoothing.setValue(90)
        drive.until(lambda: pane(window).result.smoothing == 0.9)

    def test_full_screen_shows_the_picture_alone(self, drive: Driven, images: Path):
        window = held_at_end(drive, images)
        window.controls.full_screen.trigger()
        assert window.isFullScreen()
        assert not window.tool_bar.isVisible()
        window.controls.full_screen.trigger()
        assert not window.isFullScreen()
        assert window.tool_bar.isVisible()

    def test_escape_leaves_full_screen_where_words_are_on_the_picture(self, drive: Driven, images: Path):
        window = held_at_end(drive, images, full_screen=True)
        assert window.isFullScreen()
        drive.until(lambda: "ended" in window.view._message)
        with drive.qtbot.waitActive(window):
            window.activateWindow()
        drive.qtbot.keyClick(window.view, Qt.Key.Key_Escape)
        assert not window.isFullScreen()
        drive.qtbot.keyClick(window.view, Qt.Key.Key_Escape)
        assert not window.isFullScreen()
        window.controls.home.trigger()
        drive.until(lambda: window.view._message == "")

    @pytest.mark.parametrize("theme", ["dark", "light", "system"])
    def test_themes(self, drive: Driven, images: Path, theme: str):
        window = held_at_end(drive, images)
        window.controls.themes[theme].trigger()
        if theme != "system":
            drive.until(lambda: (window.palette().window().color().lightness() < 128) is (theme == "dark"))
        assert window.controls.themes[theme].isChecked()

    def test_plots_are_drawn_from_what_is_measured(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        window.plots_dock.show()
        drive.until(lambda: len(window.player.gauges.journeys) > 30)
        drive.until(lambda: window.plots.jitter.curves[0].getData()[0] is not None)
        drive.until(lambda: window.plots.rate.curves[0].getData()[0] is not None)
        x, y = window.plots.latency.curves[-1].getData()
        assert len(x) > 20
        assert np.all(np.diff(x) >= 0)
        assert y[-1] > 0
        assert "ms" in window.plots.latency.caption.text()
        stages = [curve.getData()[1] for curve in window.plots.latency.curves]
        assert all(np.all(lower <= upper) for lower, upper in itertools.pairwise(stages))


@pytest.fixture
def keyboard(drive: Driven, images: Path) -> tuple[MainWindow, Callable[..., None]]:
    """A window that has the keyboard, held at the end of a recording, and what presses a key."""
    window = held_at_end(drive, images, second=RAW, close_up=False)
    with drive.qtbot.waitActive(window):
        window.activateWindow()

    def press(key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        drive.qtbot.keyClick(window.view, key, held)

    return window, press


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "layout"),
        [
            (Qt.Key.Key_1, Layout.SIDE_BY_SIDE),
            (Qt.Key.Key_2, Layout.OVERLAID),
            (Qt.Key.Key_3, Layout.WIPE),
            (Qt.Key.Key_4, Layout.DIFFERENCE),
            (Qt.Key.Key_5, Layout.SINGLE),
        ],
    )
    def test_of_the_layouts(self, keyboard, key: Qt.Key, layout: Layout):
        window, press = keyboard
        press(Qt.Key.Key_3 if layout is not Layout.WIPE else Qt.Key.Key_4)
        press(key)
        assert window.player.view.layout is layout

    def test_of_looking(self, keyboard):
        window, press = keyboard
        player, keys = window.player, Qt.Key
        press(keys.Key_M)
        assert player.view.mirror
        press(keys.Key_H)
        assert not player.view.overlay
        press(keys.Key_H, Qt.KeyboardModifier.ShiftModifier)
        assert player.view.heatmaps
        press(keys.Key_F)
        assert player.view.close_up
        press(keys.Key_0)
        assert not player.view.close_up
        press(keys.Key_Plus)
        assert player.view.zoom == pytest.approx(1.25)
        press(keys.Key_Minus)
        assert player.view.zoom == 1
        press(keys.Key_F2)
        assert not window.models_dock.isVisible()
        press(keys.Key_F3)
        assert window.plots_dock.isVisible()
        press(keys.Key_C)
        assert player.config.second is None

    def test_of_playing(self, drive: Driven, keyboard):
        window, press = keyboard
        keys = Qt.Key
        press(keys.Key_L)
        assert window.player.config.loop
        press(keys.Key_L)
        press(keys.Key_Left)
        drive.until(lambda: index(window) == 4)
        press(keys.Key_Home)
        drive.until(lambda: index(window) == 0)
        press(keys.Key_Right)
        drive.until(lambda: index(window) == 1)
        press(keys.Key_Left)
        drive.until(lambda: index(window) == 0)
        press(keys.Key_Space)
        drive.until(lambda: index(window) > 1)

    def test_of_the_window(self, drive: Driven, keyboard):
        window, press = keyboard
        control = Qt.KeyboardModifier.ControlModifier
        press(Qt.Key.Key_F11)
        assert window.isFullScreen()
        press(Qt.Key.Key_F11)
        assert not window.isFullScreen()
        drive.until(window.controls.snapshot.isEnabled)  # with the first picture
        press(Qt.Key.Key_S, control)
        drive.until(lambda: "Saved" in window.status_bar.message.text())
        press(Qt.Key.Key_Period, control)
        assert not window.player.running
        press(Qt.Key.Key_R, control)
        assert window.player.running
        press(Qt.Key.Key_Q, control)
        assert not window.isVisible()


class TestKeeping:
    def test_a_snapshot_is_the_picture_that_is_shown(self, drive: Driven, images: Path, photo: np.ndarray):
        window = drive.open()
        window.context.run(Snapshot())
        assert window.status_bar.message.text() == "Nothing to save: no picture is shown."
        window.player.watch(str(images))
        drive.until(lambda: shows(window) and window.player.paused)
        drive.until(window.controls.snapshot.isEnabled)
        window.controls.snapshot.trigger()
        drive.until(lambda: "Saved" in window.status_bar.message.text())
        (path,) = drive.pictures.iterdir()
        saved = cv2.imread(str(path))
        assert saved.shape == photo.shape
        assert np.array_equal(saved, full_size(window))
        assert str(path) in window.status_bar.message.text()

    def test_the_picture_goes_to_the_clipboard(self, drive: Driven, images: Path, photo: np.ndarray):
        window = held_at_end(drive, images)
        QApplication.clipboard().clear()
        drive.until(window.controls.copy.isEnabled)
        window.controls.copy.trigger()
        drive.until(lambda: not QApplication.clipboard().image().isNull())
        copied = QApplication.clipboard().image()
        assert (copied.width(), copied.height()) == (photo.shape[1], photo.shape[0])

    def test_what_is_seen_is_recorded(
        self, drive: Driven, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        path = tmp_path / "seen.mp4"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **more: (str(path), ""))
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.controls.record_shown.trigger()
        assert window.controls.record_shown.isChecked()
        at = index(window)
        drive.until(lambda: index(window) > at + 20)
        drive.until(lambda: "recording" in window.status_bar.figures.text())
        window.controls.record_shown.trigger()
        assert not window.controls.record_shown.isChecked()
        drive.until(lambda: "Recorded" in window.status_bar.message.text())
        with av.open(str(path)) as container:
            pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        assert len(pictures) > 10
        assert abs(pictures[0].shape[1] - window.view.width() * window.view.devicePixelRatioF()) <= 1

    def test_the_clean_video_is_recorded_with_its_landmarks(
        self, drive: Driven, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *args, **more: (str(tmp_path / "clean.mp4"), "")
        )
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.controls.record_clean.trigger()
        assert window.controls.record_clean.isChecked()
        at = index(window)
        drive.until(lambda: index(window) > at + 20)
        window.controls.stop.trigger()
        drive.until(lambda: "Recorded" in window.status_bar.message.text())
        table = livefan.load_annotations(tmp_path / "clean.csv").to_pydict()
        with av.open(str(tmp_path / "clean.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(set(table["frame"]))

    @pytest.mark.parametrize("there", [["a.csv"], ["a.livefan.json"], ["a.csv", "a.livefan.json"]])
    def test_data_beside_a_clean_video_are_replaced_only_when_asked(
        self, drive: Driven, clip: Path, tmp_path: Path, there: list[str], monkeypatch: pytest.MonkeyPatch
    ):
        answers = {"no": QMessageBox.StandardButton.No, "yes": QMessageBox.StandardButton.Yes}
        asked: list[str] = []
        video = tmp_path / "a.mp4"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **more: (str(video), ""))
        monkeypatch.setattr(
            QMessageBox, "question", lambda window, title, text, *more: asked.append(text) or answers[answer]
        )
        for name in there:
            (tmp_path / name).write_text("mine")
        window = drive.open(source=str(clip), loop=True)
        drive.until(lambda: shows(window))
        answer = "no"
        window.controls.record_clean.trigger()
        assert " and ".join(there) in asked[0]
        assert not window.player.recording
        assert not window.controls.record_clean.isChecked()
        answer = "yes"
        window.controls.record_clean.trigger()
        assert window.player.recording is RecordingKind.CLEAN
        assert len(asked) == 2
        video = tmp_path / "a.mkv"
        window.controls.record_shown.trigger()  # which writes no data
        assert window.player.recording is RecordingKind.SHOWN
        assert len(asked) == 2

    def test_a_recording_that_cannot_be_is_said(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), record=tmp_path / "seen.avi")
        assert "seen.avi" in window.status_bar.message.text()
        assert window.player.recording is None

    def test_closing_while_recording_keeps_the_recording(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), record=tmp_path / "seen.mp4")
        drive.until(lambda: index(window) > 10)
        window.close()
        with av.open(str(tmp_path / "seen.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) > 5


class TestRemembering:
    def test_settings_are_as_they_were_left(self, drive: Driven, images: Path):
        first = held_at_end(drive, images)
        first.tool_bar.smoothing.setValue(20)
        first.controls.mirror.trigger()
        first.controls.parts["numbers"].trigger()
        first.controls.loop.trigger()
        first.controls.themes["dark"].trigger()
        first.controls.compare.trigger()
        first.player.choose_second(RAW)
        first.player.choose_first(ModelChoice("mobilefan-half-300w", "openvino", "float32"))
        first.controls.layouts[Layout.OVERLAID].trigger()
        first.controls.close_up.trigger()
        first.plots_dock.show()
        first.close()
        second = drive.open()
        assert second.tool_bar.smoothing.value() == 20
        assert second.player.config.first == ModelChoice("mobilefan-half-300w", "openvino", "float32")
        assert second.player.view.mirror
        assert second.player.view.style.numbers
        assert second.player.config.loop
        assert second.controls.themes["dark"].isChecked()
        assert second.plots_dock.isVisible()
        second.controls.compare.trigger()
        assert second.player.config.second == RAW
        assert second.player.view.layout is Layout.OVERLAID
        assert not second.player.view.close_up  # as it was left; else the face is shown large

    def test_so_is_the_resolution_of_a_camera(self, drive: Driven, images: Path):
        first = drive.open()
        first.player.watch(7, (1280, 720))
        first.close()
        second = drive.open()
        assert second.player.config.size == (1280, 720)
        second.player.watch(str(images))  # which has none
        second.close()
        assert drive.open().tool_bar.sources.sizes.currentText() == "1280 x 720"

    def test_what_is_asked_for_goes_before_what_is_remembered(self, drive: Driven):
        first = drive.open()
        first.tool_bar.smoothing.setValue(20)
        first.close()
        assert drive.open(smoothing=0.7).player.config.smoothing == 0.7

    def test_settings_that_make_no_sense_count_as_absent(self, drive: Driven):
        for name in (
            "smoothing",
            "mirror",
            "layout",
            "theme",
            "first",
            "second",
            "size",
            "geometry",
            "docks",
            "style/points",
        ):
            drive.settings.setValue(name, "nonsense")
        window = drive.open()
        assert window.player.view.style.points
        assert not window.player.view.mirror


class TestAskedFor:
    """What can be done in the window can be asked for on the command line."""

    @pytest.fixture
    def ask(self, drive: Driven, monkeypatch: pytest.MonkeyPatch) -> Callable[..., MainWindow]:
        """Opens the window as the command line asks for it."""
        asked: list[CliOverrides] = []
        monkeypatch.setattr("livefan.gui.app.run_window", lambda wanted: asked.append(wanted) or 0)

        def ask(*arguments: str) -> MainWindow:
            assert main(["live", *arguments]) == 0
            return drive.open(**{each.name: getattr(asked[-1], each.name) for each in fields(asked[-1])})

        return ask

    def test_a_recording_that_is_held_and_magnified(self, drive: Driven, ask, clip: Path):
        window = ask(str(clip), "--hold", "--start-at", "2", "--zoom", "4", "--centre", "0.5,0.4")
        drive.until(lambda: shows(window) and window.player.paused)
        drive.qtbot.wait(300)
        assert pane(window).result.frame.source_time == pytest.approx(2.0, abs=0.05)
        shown = pane(window)
        assert abs(shown.matrix[0, 0]) == pytest.approx(4 * min(shown.width / 640, shown.height / 360))
        middle = shown.to_image(shown.width / 2, shown.height / 2)
        assert middle == pytest.approx([320, 144], abs=1)

    def test_panels_a_wipe_and_an_unsmoothed_model(self, drive: Driven, ask, clip: Path):
        options = ("--compare", "mobilefan-half-300w", "--layout", "wipe", "--wipe", "0.25")
        window = ask(str(clip), "--raw", *options, "--panels", "plots")
        assert window.player.view.wipe == 0.25
        assert window.plots_dock.isVisible()
        assert not window.models_dock.isVisible()
        drive.until(lambda: shows(window))
        assert pane(window).result.smoothing == 0.0
        assert window.player.config.second == ModelChoice("mobilefan-half-300w")

    def test_a_layout_of_two_models_brings_a_second(self, drive: Driven, ask, clip: Path):
        window = ask(str(clip), "--layout", "overlaid")
        assert window.player.config.second == ModelChoice("teacher-300w")
        assert window.models_dock.isVisible()
        drive.until(lambda: window.view.layout_shown is Layout.OVERLAID)

    def test_what_is_not_asked_for_is_as_it_was_left(self, drive: Driven, ask, clip: Path):
        half = ModelChoice("mobilefan-half-300w")
        window = ask(str(clip), "--weights", half.weights)
        assert window.player.config.first == half
        window.close()
        assert ask(str(clip)).player.config.first == half

    def test_a_remembered_model_may_be_run_otherwise(self, drive: Driven, ask):
        half = ModelChoice("mobilefan-half-300w", "onnxruntime", "float32")
        for options, wanted in (
            (["--raw"], replace(half, raw=True)),
            (["--runtime", "openvino"], replace(half, runtime="openvino")),
            (["--precision", "auto"], replace(half, precision="auto")),
            (["--threads", "2"], replace(half, threads=2)),
            (["--weights", "mobilefan-300w"], ModelChoice()),
            (["--weights", "mobilefan-300w", "--raw", "--runtime", "torch"], replace(RAW, runtime="torch")),
        ):
            drive.settings.setValue("first", half.spec)
            window = ask("none.mp4", *options)
            assert window.player.config.first == wanted
            window.close()

    def test_a_snapshot_of_both_models(self, drive: Driven, ask, clip: Path, tmp_path: Path):
        path = tmp_path / "both.png"
        ask(str(clip), "--layout", "side-by-side", "--compare", RAW.spec, "--snapshot", str(path))
        drive.until(path.exists)
        assert cv2.imread(str(path)).shape == (360, 2 * 640 + 4, 3)

    def test_a_picture_on_the_clipboard(self, drive: Driven, ask, clip: Path, tmp_path: Path):
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.clear()
        ask(str(clip), "--copy", "--snapshot", str(tmp_path / "too.png"))
        drive.until(lambda: clipboard.image().width() == 640)
        drive.until((tmp_path / "too.png").exists)

    @pytest.mark.parametrize(
        ("option", "there"),
        [
            ("--record", "a.mp4"),
            *(("--record-clean", name) for name in ("a.mp4", "a.csv", "a.livefan.json")),
        ],
    )
    def test_a_recording_that_would_replace_a_file_opens_no_window(
        self, ask, clip: Path, tmp_path: Path, option: str, there: str, capsys: pytest.CaptureFixture[str]
    ):
        (tmp_path / there).write_text("mine")
        assert main(["live", str(clip), option, str(tmp_path / "a.mp4")]) == 2
        error = f"{tmp_path / there}: exists already; choose another name for the recording, or remove it"
        assert capsys.readouterr().err == f"livefan: {error}\n"
        assert (tmp_path / there).read_text() == "mine"

    def test_what_is_seen_is_recorded_beside_data(self, ask, clip: Path, tmp_path: Path):
        (tmp_path / "a.csv").write_text("mine")
        window = ask(str(clip), "--record", str(tmp_path / "a.mp4"))
        assert window.player.recording is RecordingKind.SHOWN
        window.close()

    @pytest.mark.parametrize("option", ["--record", "--record-clean", "--snapshot"])
    def test_a_folder_that_is_not_there_is_not_made(
        self, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
    ):
        name = "a.png" if option == "--snapshot" else "a.mp4"
        assert main(["live", str(clip), option, str(tmp_path / "new" / name)]) == 2
        assert "new: no such folder; create it first" in capsys.readouterr().err
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--zoom", "0.5"],
            ["--zoom", "x"],
            ["--centre", "0.5"],
            ["--centre", "2,2"],
            ["--wipe", "2"],
            ["--panels", "all"],
        ],
    )
    def test_what_makes_no_sense_is_refused(self, arguments: list[str], capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit):
            main(["live", *arguments])
        assert arguments[0] in capsys.readouterr().err


class TestHelp:
    def test_the_sheet_names_every_key(self, drive: Driven, monkeypatch: pytest.MonkeyPatch):
        window = drive.open()
        sheet = shortcut_sheet(window.menuBar())
        for action in window.actions():
            if action.shortcut().toString():
                assert action.text().replace("&", "").removesuffix(" …") in sheet
        window.controls.shortcuts.trigger()
        (shown,) = window.findChildren(QMessageBox)
        assert shown.text() == sheet
        shown.close()

    def test_it_says_what_livefan_is(self, drive: Driven, monkeypatch: pytest.MonkeyPatch):
        said: list[str] = []
        monkeypatch.setattr(QMessageBox, "about", lambda window, title, text: said.append(text))
        drive.open().controls.about.trigger()
        assert livefan.__version__ in said[0]

    def test_no_two_actions_share_a_key(self, drive: Driven):
        window = drive.open()
        keys = [action.shortcut().toString() for action in window.actions() if action.shortcut().toString()]
        assert len(keys) == len(set(keys))

    def test_no_two_entries_of_a_menu_share_a_letter(self, drive: Driven):
        for top in drive.open().menuBar().actions():
            texts = [action.text() for action in top.menu().actions()]
            letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
            assert len(letters) == len(set(letters)), top.text()

    def test_every_action_is_in_a_menu(self, drive: Driven):
        window = drive.open()

        def within(menu: QMenu):
            for action in menu.actions():
                yield action
                if action.menu():
                    yield from within(action.menu())

        in_menus = {entry for top in window.menuBar().actions() for entry in within(top.menu())}
        assert set(window.actions()) <= in_menus


class TestEndurance:
    def test_the_window_answers_while_the_model_is_slow(
        self, drive: Driven, clip: Path, monkeypatch: pytest.MonkeyPatch
    ):
        process = Pipeline.process

        def slow(self: Pipeline, frame: Frame):
            time.sleep(0.5)
            return process(self, frame)

        monkeypatch.setattr(Pipeline, "process", slow)
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        turns, until = 0, time.monotonic() + 1.0
        while time.monotonic() < until:
            drive.qtbot.wait(1)
            turns += 1
        assert turns > 20  # the event loop turns many times while the worker handles two frames

    @pytest.mark.parametrize("how", ["nothing", "failed", "ended", "full screen"])
    def test_closing_where_nothing_moves_ends_every_thread_too(self, drive: Driven, images: Path, how: str):
        before = threading.active_count()
        source = {"nothing": None, "failed": str(images / "none.mp4")}
        window = drive.open(source=source.get(how, str(images)), full_screen=how == "full screen")
        if how in ("ended", "full screen"):
            drive.until(lambda: index(window) == 5 and window.player.paused)
        elif how == "failed":
            drive.until(lambda: not window.player.running)
        else:
            drive.qtbot.wait(300)
        window.close()
        drive.until(lambda: threading.active_count() <= before, 15_000)

    @pytest.mark.parametrize("delay", [0, 100, 1500])
    @pytest.mark.parametrize("how", ["single", "compared", "held", "heatmaps", "recording"])
    def test_closing_ends_every_thread_in_whatever_state(
        self, drive: Driven, clip: Path, tmp_path: Path, delay: int, how: str
    ):
        before = threading.active_count()
        window = drive.open(
            source=str(clip),
            second=RAW if how == "compared" else None,
            record=tmp_path / "a.mp4" if how == "recording" else None,
            heatmaps=how == "heatmaps",
        )
        if how == "held":
            window.controls.play.trigger()
        drive.qtbot.wait(delay)
        window.close()
        drive.until(lambda: threading.active_count() <= before, 15_000)

    @pytest.mark.parametrize("what", ["source", "model", "runtime"])
    def test_fifty_times_another_one_each_is_shown_and_none_stays_behind(
        self, drive: Driven, images: Path, what: str
    ):
        other = images.parent / "other"
        shutil.copytree(images, other)
        window = held_at_end(drive, images, second=RAW if what == "source" else None)
        choices = {
            "model": [ModelChoice("mobilefan-half-300w", "openvino"), ModelChoice(runtime="openvino")],
            "runtime": [ModelChoice(runtime="torch"), ModelChoice(runtime="openvino", precision="float32")],
        }

        def change(turn: int) -> None:
            if what == "source":
                path = str((images, other)[turn % 2])
                window.player.watch(path)
                drive.until(lambda: window.player.session is not None and window.player.config.source == path)
                session = window.player.session
                drive.until(lambda: session.worker_fps > 0 and shows(window))
                drive.until(lambda: window.player.gauges.newest is not None)  # the second has its threads too
                return
            choice = choices[what][turn % 2]
            window.player.choose_first(choice)
            drive.until(lambda: pane(window).result.label == choice.label)

        for turn in range(10):
            change(turn)
        drive.until(lambda: window.player._ending is None)
        before = threading.active_count(), open_files(), memory_mib()
        for turn in range(50):
            change(turn)
        drive.until(lambda: window.player._ending is None)
        drive.until(lambda: threading.active_count() <= before[0], 15_000)
        drive.until(lambda: open_files() <= before[1], 15_000)
        assert (
            memory_mib() - before[2] < 100
        )  # fifty networks, or fifty recordings, would be several times that

    def test_fifty_changes_of_source_model_and_runtime_leave_nothing_behind(
        self, drive: Driven, images: Path, clip: Path
    ):
        window = drive.open(source=str(clip), loop=True)
        drive.until(lambda: shows(window))
        before = threading.active_count()
        choices = [ModelChoice(), RAW, ModelChoice(runtime="torch"), ModelChoice(runtime="onnxruntime")]
        for turn in range(50):
            match turn % 3:
                case 0:
                    window.player.watch(str(images if turn % 2 else clip))
                case 1:
                    window.player.choose_first(choices[turn // 3 % len(choices)])
                case 2:
                    window.player.choose_second(choices[turn % len(choices)] if turn % 4 else None)
            drive.qtbot.wait(60)
        window.player.choose_first(ModelChoice())
        window.player.choose_second(None)
        window.player.watch(str(clip))
        drive.until(lambda: window.player.session is not None)
        session = window.player.session
        drive.until(lambda: session.worker_fps > 0 and shows(window))
        at = index(window)
        drive.until(lambda: index(window) > at)
        drive.until(lambda: threading.active_count() <= before, 15_000)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes otherwise")
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_recording_is_kept_where_the_system_ends_the_window(tmp_path: Path, clip: Path, ending: str):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path / "home")}
    # Where the tests run in the background of a shell some are ignored, which what they start would inherit.
    before = signal.signal(getattr(signal, ending), signal.SIG_DFL)
    running = subprocess.Popen(
        [sys.executable, "main.py", "live", clip, "--loop", "--record", tmp_path / "seen.mp4"],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    signal.signal(getattr(signal, ending), before)
    until = time.monotonic() + LONG / 1000
    while not any(path.stat().st_size for path in tmp_path.glob(".seen.*")) and running.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(getattr(signal, ending))
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert [path.name for path in tmp_path.glob("*seen*")] == ["seen.mp4"]
    with open_source(tmp_path / "seen.mp4") as source:
        assert next(iter(source)) is not None
