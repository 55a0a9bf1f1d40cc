"""The main window: what is watched, how it is shown, and how fast it goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import cv2
from PyQt6.QtCore import QStandardPaths, Qt, QTimer
from PyQt6.QtGui import QAction, QCloseEvent, QKeySequence
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMainWindow,
    QStyle,
    QToolBar,
    QWidget,
)

from livefan.atomic import whole_file
from livefan.capture import display_name, list_cameras
from livefan.errors import LivefanError
from livefan.gui.session import QtSession
from livefan.gui.view import FrameView
from livefan.overlay import draw_faces
from livefan.runtimes.base import RuntimeChoice
from livefan.smooth import DEFAULT_STRENGTH

_OPEN_FILE, _OPEN_FOLDER, _OPEN_STREAM = "file", "folder", "stream"


class MainWindow(QMainWindow):
    """Shows one source live.

    Args:
        weights: name or path of the weight file.
        source: what to watch first; without one the window waits.
        smoothing: how strongly landmarks are filtered, from 0 to 1; 0 leaves the box unticked.
        max_faces: follow at most this many faces.
        runtime: what runs the network; by default the fastest.
        snapshots: folder for snapshots; by default the user's folder of pictures.
    """

    def __init__(
        self,
        weights: str | Path,
        source: str | int | None = None,
        *,
        smoothing: float = DEFAULT_STRENGTH,
        max_faces: int = 5,
        runtime: RuntimeChoice | None = None,
        snapshots: Path | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("livefan")
        self._weights = weights
        self._max_faces = max_faces
        self._runtime = runtime
        self._snapshots = snapshots
        self._source: str | int | None = source
        self._session: QtSession | None = None
        self._ending: QtSession | None = None
        self._start_next = False
        self.view = FrameView()
        self.setCentralWidget(self.view)
        self.sources = QComboBox()
        self.smoothing = QCheckBox(self.tr("Smoothing"))
        self.smoothing.setChecked(smoothing > 0)
        self._strength = smoothing or DEFAULT_STRENGTH
        self._build_toolbar()
        self.figures = QLabel()
        self.message = QLabel()
        self._build_status_bar()
        self._fill_sources()
        self._refresh = QTimer(self)
        self._refresh.setInterval(250)
        self._refresh.timeout.connect(self._show_figures)
        self._refresh.start()
        self._show_state()
        if source is not None:
            self.start()
        else:
            self.view.show_message(self.tr("Choose a camera or a file above, then press Start."))

    @property
    def running(self) -> bool:
        """Whether a source is being watched, or about to be."""
        return self._session is not None or self._start_next

    def start(self) -> None:
        """Watch the chosen source from its beginning."""
        self.stop()
        if self._source is None:
            self._say(self.tr("Nothing to watch: choose a camera or a file first."))
            return
        if self._ending is not None:
            # It may still hold the camera that is wanted now.
            self._start_next = True
            self._show_state()
            return
        self.view.clear()
        session = QtSession(
            self._source,
            self._weights,
            smoothing=self._wanted_smoothing(),
            max_faces=self._max_faces,
            runtime=self._runtime,
        )
        session.result_ready.connect(self._show_result)
        session.status.connect(self._say)
        session.ended.connect(self._ended)
        self._session = session
        session.session.start()
        self._show_state()

    def stop(self) -> None:
        """Stop watching; the last frame stays."""
        session, self._session = self._session, None
        self._start_next = False
        if session is not None:
            session.result_ready.disconnect()
            session.status.disconnect()
            self._ending = session
            session.session.stop(timeout=0.0)
            self._say("")
        self._show_state()

    def watch(self, source: str | int) -> None:
        """Watch another source: a camera's index, a path or an address."""
        self._source = source
        self._select(source)
        self.start()

    def snapshot(self) -> Path | None:
        """Save the picture as it is shown, with its overlay; returns where."""
        if self.view.pixels is None:
            self._say(self.tr("Nothing to save: no picture is shown."))
            return None
        folder = self._snapshots or Path(
            QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        )
        path = folder / f"livefan-{datetime.now():%Y-%m-%d-%H%M%S-%f}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial:
                partial.write_bytes(cv2.imencode(".png", self.view.pixels)[1].tobytes())
        except (OSError, LivefanError) as error:
            self._say(self.tr("Snapshot not saved: {}").format(error))
            return None
        self._say(self.tr("Saved {}").format(path))
        return path

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """End the session's threads with the window."""
        self.stop()
        if self._ending is not None:
            self._ending.session.stop(timeout=1.0)
        super().closeEvent(event)

    def _build_toolbar(self) -> None:
        bar = QToolBar(self.tr("Controls"))
        bar.setMovable(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.addToolBar(bar)
        self.sources.setMinimumWidth(260)
        self.sources.setToolTip(self.tr("What to watch"))
        self.sources.activated.connect(self._source_chosen)
        bar.addWidget(self.sources)
        icons = QStyle.StandardPixmap
        self.start_action = self._action("Start", icons.SP_MediaPlay, "Ctrl+R", self.start)
        self.stop_action = self._action("Stop", icons.SP_MediaStop, "Ctrl+.", self.stop)
        self.snapshot_action = self._action("Snapshot", icons.SP_DialogSaveButton, "Ctrl+S", self.snapshot)
        bar.addActions([self.start_action, self.stop_action])
        bar.addSeparator()
        self.smoothing.setToolTip(self.tr("Kalman filtering of the landmarks over time"))
        self.smoothing.toggled.connect(self._smoothing_toggled)
        bar.addWidget(self.smoothing)
        spacer = QWidget()
        spacer.setSizePolicy(self.view.sizePolicy().horizontalPolicy(), spacer.sizePolicy().verticalPolicy())
        bar.addWidget(spacer)
        bar.addAction(self.snapshot_action)

    def _action(
        self, text: str, icon: QStyle.StandardPixmap, keys: str, effect: Callable[[], object]
    ) -> QAction:
        style = self.style()
        assert style is not None
        action = QAction(style.standardIcon(icon), self.tr(text), self)
        action.setShortcut(QKeySequence(keys))
        action.setToolTip(f"{self.tr(text)} ({keys})")
        action.triggered.connect(lambda checked: effect())
        return action

    def _build_status_bar(self) -> None:
        bar = self.statusBar()
        assert bar is not None
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        bar.addWidget(self.message, stretch=1)
        bar.addPermanentWidget(self.figures)

    def _fill_sources(self) -> None:
        for camera in list_cameras():
            self.sources.addItem(camera.name, camera.index)
        self.sources.insertSeparator(self.sources.count())
        self.sources.addItem(self.tr("Open file …"), _OPEN_FILE)
        self.sources.addItem(self.tr("Open folder of images …"), _OPEN_FOLDER)
        self.sources.addItem(self.tr("Open stream …"), _OPEN_STREAM)
        self.sources.setCurrentIndex(-1)
        self.sources.setPlaceholderText(self.tr("Camera or file"))
        if self._source is not None:
            self._select(self._source)

    def _select(self, source: str | int) -> None:
        """Show a source as the chosen one, adding it to the list if it is new."""
        index = self.sources.findData(source)
        if index < 0:
            if isinstance(source, int):
                name = self.tr("Camera {}").format(source)
            else:
                name = (Path(source).name if Path(source).exists() else "") or display_name(source)
            self.sources.insertItem(0, name, source)
            index = 0
        self.sources.setCurrentIndex(index)

    def _source_chosen(self, index: int) -> None:
        chosen = self.sources.itemData(index)
        if chosen not in (_OPEN_FILE, _OPEN_FOLDER, _OPEN_STREAM):
            self.watch(chosen)
            return
        if self._source is not None:
            self._select(self._source)
        else:
            self.sources.setCurrentIndex(-1)
        if picked := self._ask(chosen):
            self.watch(picked)

    def _ask(self, kind: str) -> str:
        """Let the user name a file, folder or stream; empty if they think better of it."""
        if kind == _OPEN_FILE:
            return QFileDialog.getOpenFileName(self, self.tr("Open a video or an image"))[0]
        if kind == _OPEN_FOLDER:
            return QFileDialog.getExistingDirectory(self, self.tr("Open a folder of images"))
        return QInputDialog.getText(self, self.tr("Open stream"), self.tr("Address (rtsp:// or http://):"))[0]

    def _wanted_smoothing(self) -> float:
        return self._strength if self.smoothing.isChecked() else 0.0

    def _smoothing_toggled(self) -> None:
        if self._session is not None:
            self._session.session.smoothing = self._wanted_smoothing()

    def _show_result(self) -> None:
        result = self._session.take() if self._session else None
        if result is None:
            return
        pixels = result.frame.image.copy()
        draw_faces(pixels, result.faces, result.scheme)
        self.view.show_frame(pixels, result.frame.captured_at)
        self.snapshot_action.setEnabled(True)

    def _ended(self, session: QtSession, error: str) -> None:
        """A session has let go of its source: one that was stopped, or the current one by itself."""
        if session is self._ending:
            self._ending = None
            if self._start_next:
                self.start()
            return
        self._session = None
        self._show_state()
        if error:
            self._say(error)
            if self.view.pixels is None:
                self.view.show_message(error)
        else:
            self._say(self.tr("The recording has ended; press Start to see it again."))

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.setToolTip(text)

    def _show_state(self) -> None:
        self.start_action.setEnabled(not self.running)
        self.stop_action.setEnabled(self.running)
        self.snapshot_action.setEnabled(self.view.pixels is not None)
        self._show_figures()

    def _show_figures(self) -> None:
        if self._session is None:
            self.figures.setText("")
            return
        session = self._session.session
        self.figures.setText(
            self.tr(
                "FPS: capture {:.0f}, worker {:.0f}, display {:.0f}    latency {:.0f} ms    dropped {}"
            ).format(
                session.capture_fps,
                session.worker_fps,
                self.view.fps,
                1000 * self.view.latency,
                session.dropped,
            )
        )
