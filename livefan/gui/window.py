"""The main window: what is watched, how it is shown, and how fast it goes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from PyQt6.QtCore import QEvent, QSettings, QSize, QStandardPaths, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QImage, QShortcut
from PyQt6.QtWidgets import (
    QApplication,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QSlider,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.gui import help as help_texts
from livefan.gui.actions import Actions
from livefan.gui.model_panel import ModelPanel
from livefan.gui.player import CLEAN, SEEN, Player
from livefan.gui.plots import PlotsPanel
from livefan.gui.preferences import CliOverrides, Preferences
from livefan.gui.source_picker import SourcePicker
from livefan.gui.theme import apply_theme
from livefan.gui.transport import Transport
from livefan.gui.view import FrameView
from livefan.live.recorder import data_beside
from livefan.live.result import Result
from livefan.live.session import LiveSession
from livefan.live.view_state import Layout
from livefan.tracking.model_spec import ModelChoice, rival

_FIGURES_MS = 250
_PLOT_MS = 70
_PLACE_MS = 50
_NOTICE_MS = 15_000
_LET_DRAW_MS = 10
"""A panel is opened once what led to it is drawn, so that the window is not held up by both at once."""
_BETWEEN_PX = 40


class MainWindow(QMainWindow):
    """Shows one source live.

    Args:
        asked: what to watch first and how; without a source the window waits.
        settings: where to remember how things are; by default the user's settings.
        pictures: folder for snapshots and recordings; by default the user's folder of pictures.
    """

    _drawn = pyqtSignal(QImage)

    def __init__(
        self,
        asked: CliOverrides | None = None,
        *,
        settings: QSettings | None = None,
        pictures: Path | None = None,
    ) -> None:
        super().__init__()
        asked = asked or CliOverrides()
        self.setWindowTitle("livefan")
        self.setAcceptDrops(True)
        self._pictures = pictures or Path(
            QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        )
        self._memory = Preferences(settings or QSettings("livefan", "livefan"))
        wanted = self._memory.wanted(asked)
        self.player = Player(wanted, self._memory.view(asked, comparing=wanted.second is not None))
        self.view = FrameView(self.player)
        self.sources = SourcePicker(self.player)
        self.acts = Actions(self)
        self.transport = Transport(
            [self.acts.home, self.acts.back, self.acts.play, self.acts.forward, self.acts.loop]
        )
        self.models = ModelPanel(self.player)
        self.plots = PlotsPanel(self.player)
        self.layout_box = QComboBox()
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.figures = QLabel()
        self.message = QLabel()
        self._theme = self._memory.theme(asked)
        self._notice = asked.notice
        self._snapshot_due: Path | None = None
        self._copy_due = False
        self._docked: list[QDockWidget] = []
        self._turns = itertools.cycle((self._show_figures, self._show_apart))
        self._build_centre()
        self._build_docks()
        self._build_menus()
        self._build_toolbar()
        self._build_status_bar()
        self._connect()
        self._begin_timers()
        self._restore(asked)
        self.choose_theme(self._theme)
        self._show_state()
        self._begin(asked)

    # How it is built.

    def _build_centre(self) -> None:
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.view, stretch=1)
        column.addWidget(self.transport)
        self.setCentralWidget(centre)

    def _build_docks(self) -> None:
        self.models_dock = self._dock(
            self.tr("Models"), "models", self.models, Qt.DockWidgetArea.RightDockWidgetArea
        )
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.plots_dock = self._dock(
            self.tr("Plots"), "plots", self.plots, Qt.DockWidgetArea.BottomDockWidgetArea
        )

    def _dock(self, title: str, name: str, inside: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(inside)
        self.addDockWidget(area, dock)
        dock.hide()
        return dock

    def _build_menus(self) -> None:
        bar = self.menuBar()
        assert bar is not None
        acts = self.acts
        self._menu(
            self.tr("&File"),
            [
                *(acts.open_file, acts.open_folder, acts.open_stream, None, acts.start, acts.stop, None),
                *(acts.snapshot, acts.copy, acts.record_seen, acts.record_clean, None, acts.quit),
            ],
        )
        self._menu(
            self.tr("&Play"), [acts.play, acts.home, acts.back, acts.forward, acts.loop, acts.sequence]
        )
        view = self._menu(
            self.tr("&View"),
            [
                *(acts.overlay, *acts.parts.values(), acts.heatmaps, None),
                *(acts.mirror, acts.close_up, acts.zoom_in, acts.zoom_out, acts.fit, acts.full_screen, None),
            ],
        )
        for dock, keys in ((self.models_dock, "F2"), (self.plots_dock, "F3")):
            toggle = dock.toggleViewAction()
            assert toggle is not None
            toggle.setShortcut(keys)
            self.addAction(toggle)
            view.addAction(toggle)
        themes = view.addMenu(self.tr("Th&eme"))
        assert themes is not None
        themes.addActions(list(acts.themes.values()))
        self._menu(self.tr("&Compare"), [acts.compare, None, *acts.layouts.values()])
        self._menu(self.tr("&Help"), [acts.shortcuts, acts.about])

    def _menu(self, title: str, entries: list[QAction | None]) -> QMenu:
        bar = self.menuBar()
        assert bar is not None
        menu = bar.addMenu(title)
        assert menu is not None
        for entry in entries:
            if entry is None:
                menu.addSeparator()
            else:
                menu.addAction(entry)
        return menu

    def _build_toolbar(self) -> None:
        bar = QToolBar(self.tr("Controls"))
        bar.setObjectName("controls")
        bar.setMovable(False)
        self.addToolBar(bar)
        self.toolbar = bar
        bar.addWidget(self.sources)
        bar.addActions([self.acts.start, self.acts.stop])
        bar.addSeparator()
        bar.addAction(self.acts.compare)
        self.layout_box.setToolTip(self.tr("How two models are shown"))
        self.layout_box.setAccessibleName(self.tr("layout"))
        for layout, action in self.acts.layouts.items():
            self.layout_box.addItem(action.text().replace("&", ""), layout)
        bar.addWidget(self.layout_box)
        bar.addAction(self.acts.close_up)
        bar.addSeparator()
        bar.addWidget(QLabel(self.tr(" Smoothing ")))
        self.smoothing.setRange(0, 100)
        self.smoothing.setValue(round(100 * self.player.wanted.smoothing))
        self.smoothing.setMinimumWidth(60)
        self.smoothing.setMaximumWidth(110)
        self.smoothing.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.smoothing.setAccessibleName(self.tr("smoothing"))
        self.smoothing.setToolTip(self.tr("How strongly landmarks are filtered over time; left: not at all"))
        bar.addWidget(self.smoothing)
        bar.addSeparator()
        bar.addActions([self.acts.snapshot, self.acts.record_seen])

    def _build_status_bar(self) -> None:
        bar = self.statusBar()
        assert bar is not None
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        bar.addWidget(self.message, stretch=1)
        bar.addPermanentWidget(self.figures)

    def _connect(self) -> None:
        self.player.status.connect(self._say)
        self.player.changed.connect(self._show_state)
        self.transport.sought.connect(self.player.seek)
        self.smoothing.valueChanged.connect(lambda value: self.player.smooth(value / 100))
        self.layout_box.activated.connect(
            lambda index: self.player.look(layout=self.layout_box.itemData(index))
        )
        self._drawn.connect(self._put_on_clipboard)
        QShortcut(Qt.Key.Key_Escape, self, self._leave_full_screen)

    def _begin_timers(self) -> None:
        for interval, effect in (
            (_FIGURES_MS // 2, self._show_in_turn),
            (_PLOT_MS, self._show_plots),
            (_PLACE_MS, self._show_place),
        ):
            timer = QTimer(self)
            timer.setInterval(interval)
            timer.timeout.connect(effect)
            timer.start()

    def _restore(self, asked: CliOverrides) -> None:
        screen = self.screen()
        assert screen is not None
        # The system's frame, which is not there yet, needs room too.
        room = screen.availableSize() - QSize(8, 40)
        self.resize(QSize(1100, 720).boundedTo(room))
        if (geometry := self._memory.geometry) is not None:
            self.restoreGeometry(geometry)
        if (docks := self._memory.docks) is not None:
            self.restoreState(docks)
        if self.player.wanted.second is not None:
            self.models_dock.show()
        if asked.panels is not None:
            for dock in (self.models_dock, self.plots_dock):
                dock.setVisible(dock.objectName() in asked.panels)

    def _begin(self, asked: CliOverrides) -> None:
        if asked.full_screen:
            self.acts.full_screen.trigger()
        if asked.source is None:
            self.view.show_message(
                self.tr("Choose a camera or a file above, or drop a video here. F1 shows all keys.")
            )
            return
        self.player.start()
        self._snapshot_due, self._copy_due = asked.snapshot, asked.copy
        QTimer.singleShot(_NOTICE_MS, self._forget_notice)
        for path, what in ((asked.record, SEEN), (asked.record_clean, CLEAN)):
            if path is not None:
                self._begin_recording(path, what)

    # What it does.

    def compare(self, on: bool) -> None:
        """Compare the model with another, as last time, or stop doing so."""
        if on:
            first = self.player.wanted.first
            remembered = self._memory.second
            second = remembered if remembered not in (None, first) else rival(first)
            self.player.choose_second(second)
            self.player.look(layout=self._memory.layout, close_up=self._memory.close_up)
            QTimer.singleShot(_LET_DRAW_MS, self.models_dock.show)
        else:
            self._memory.keep(self.player.wanted, self.player.view, self._theme)
            self.player.look(layout=Layout.SINGLE, close_up=False)
            self.player.choose_second(None)
        self._show_state()

    def snapshot(self, path: Path | None = None) -> Path | None:
        """Save the picture as it is shown, at the frame's own size; returns where it will be."""
        path = path or self._new_file(".png")
        if not self.player.draw_full_size(lambda pixels: self._save(pixels, path)):
            self._say(self.tr("Nothing to save: no picture is shown."))
            return None
        return path

    def _save(self, pixels: np.ndarray, path: Path) -> None:
        """Write a picture, from any thread."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as partial:
                partial.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        except (OSError, LivefanError) as error:
            self.player.status.emit(self.tr("Snapshot not saved: {}").format(error))
        else:
            self.player.status.emit(self.tr("Saved {}").format(path))

    def copy(self) -> None:
        """Put the picture as it is shown on the clipboard."""
        if not self.player.draw_full_size(lambda pixels: self._drawn.emit(_as_image(pixels))):
            self._say(self.tr("Nothing to copy: no picture is shown."))

    def _put_on_clipboard(self, image: QImage) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setImage(image)
            self._say(self.tr("Copied the picture."))

    def show_shortcuts(self) -> None:
        """Open the sheet of shortcuts."""
        bar = self.menuBar()
        assert bar is not None
        sheet = QMessageBox(self)
        sheet.setWindowTitle(self.tr("Keyboard and mouse"))
        sheet.setTextFormat(Qt.TextFormat.RichText)
        sheet.setText(help_texts.shortcut_sheet(bar))
        sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sheet.open()

    def show_about(self) -> None:
        """Say what livefan is."""
        QMessageBox.about(self, self.tr("About livefan"), help_texts.about())

    def record(self, what: str, on: bool) -> None:
        """Ask for a file and record into it, or stop doing so."""
        self.player.stop_recording()
        if not on:
            return
        suggested = self._new_file(".mp4")
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Record to"), str(suggested), self.tr("Video (*.mp4 *.mkv)")
        )
        if path and (what != CLEAN or self._may_replace(data_beside(Path(path)))):
            self._begin_recording(Path(path), what, overwrite=True)  # as was asked
        self._show_state()

    def _may_replace(self, paths: Iterable[Path]) -> bool:
        """Ask whether files may be lost that a dialog for another has not asked about."""
        there = [path.name for path in paths if path.exists()]
        if not there:
            return True
        question = self.tr("Beside the video, the recording writes its landmarks. Replace {} too?")
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        text = question.format(self.tr(" and ").join(there))
        return QMessageBox.question(self, self.tr("Record to"), text, yes | no, no) == yes

    def _begin_recording(self, path: Path, what: str, *, overwrite: bool = False) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.player.record(path, what, overwrite=overwrite)
        except (OSError, LivefanError) as error:
            self._say(self.tr("Not recording: {}").format(error))
        else:
            self._say(self.tr("Recording to {}").format(path))
        self._show_state()

    def _new_file(self, suffix: str) -> Path:
        return self._pictures / f"livefan-{datetime.now():%Y-%m-%d-%H%M%S-%f}{suffix}"

    def play_or_pause(self) -> None:
        """Hold what is watched, or let it go on; begin to watch where nothing is."""
        if self.player.session is None:
            self.player.start()
        else:
            self.player.pause(not self.player.paused)

    def show_alone(self, on: bool) -> None:
        """Show the picture alone on the whole screen, or the window again."""
        bars: tuple[QWidget | None, ...] = (self.menuBar(), self.toolbar, self.statusBar(), self.transport)
        if on:
            self._docked = [dock for dock in (self.models_dock, self.plots_dock) if dock.isVisible()]
            self.showFullScreen()
        else:
            self.showNormal()
        for bar in bars:
            if bar is not None:
                bar.setVisible(not on)
        for dock in self._docked:
            dock.setVisible(not on)
        self._show_state()

    def _leave_full_screen(self) -> None:
        if self.isFullScreen():
            self.acts.full_screen.trigger()

    def choose_theme(self, theme: str) -> None:
        """Take one of :data:`~livefan.gui.theme.THEMES`."""
        self._theme = theme
        self.acts.themes[theme].setChecked(True)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, theme)

    # What it shows.

    def _forget_notice(self) -> None:
        said, self._notice = self._notice, ""
        if self.message.text() == said:
            self._say("")

    def _say(self, text: str) -> None:
        # What is said below the widgets, without Qt, is translated here, by its own words.
        text = QApplication.translate("live", text or self._notice)
        self.message.setText(text)
        self.message.setToolTip(text)
        self._make_room()
        self.view.show_message(text)

    def _show_state(self) -> None:
        player, acts = self.player, self.acts
        session = player.session
        name = self.sources.sources.currentText()
        self.setWindowTitle(f"{name} - livefan" if name else "livefan")
        acts.start.setEnabled(not player.running)
        acts.stop.setEnabled(player.running)
        recorded = session is not None and session.seekable
        for action in (acts.home, acts.back, acts.forward):
            action.setEnabled(recorded)
        acts.sequence.setEnabled(player.folder)
        self.smoothing.setEnabled(session is None or not session.photographs)
        playing = player.running and not player.paused
        acts.show_playing(playing)
        acts.close_up.setChecked(player.view.close_up)
        comparing = player.wanted.second is not None
        acts.compare.setChecked(comparing)
        self.layout_box.setEnabled(comparing)
        for layout, action in acts.layouts.items():
            action.setEnabled(comparing)
            action.setChecked(layout is player.view.layout)
        self.layout_box.setCurrentIndex(self.layout_box.findData(player.view.layout))
        for action, what in ((acts.record_seen, SEEN), (acts.record_clean, CLEAN)):
            action.setEnabled(player.running)
            action.setChecked(player.recording == what)

    def _show_in_turn(self) -> None:
        """Figures and how far apart models are, one after the other, so that neither waits for both."""
        next(self._turns)()

    def _show_figures(self) -> None:
        session = self.player.session
        if self.view.result is not None and self.view.layout_shown is self.player.view.layout:
            if self._snapshot_due is not None:
                self.snapshot(self._snapshot_due)
                self._snapshot_due = None
            elif self._copy_due:
                self.copy()
                self._copy_due = False
        for action in (self.acts.snapshot, self.acts.copy):
            action.setEnabled(self.view.result is not None)
        if self.models.isVisible():
            self.models.show_figures()
        if session is None:
            self.figures.setText("")
            return
        recording = self.tr("● recording    ") if self.player.recording else ""
        result = self.view.result
        if result is not None and result.photographs:
            self.figures.setText(recording + self._of_photograph(result))
        else:
            self.figures.setText(recording + self._of_frames(session))
        self._make_room()

    def _of_photograph(self, result: Result) -> str:
        height, width = result.frame.image.shape[:2]
        text = self.tr("{}    {} x {}    faces: {}    {:.0f} ms")
        name = result.photographs[result.frame.index]
        return text.format(name, width, height, len(result.faces), 1000 * result.seconds)

    def _of_frames(self, session: LiveSession) -> str:
        text = self.tr("FPS: capture {:.0f}, model {:.0f}, display {:.0f}    latency {:.0f} ms    dropped {}")
        return text.format(
            session.capture_fps,
            session.worker_fps,
            self.view.fps,
            1000 * self.player.gauges.latency,
            session.dropped,
        )

    def _make_room(self) -> None:
        """What is said goes before figures, where there is no room for both."""
        needed = self.message.sizeHint().width() + self.figures.sizeHint().width() + _BETWEEN_PX
        self.figures.setVisible(needed < self.width())

    def _show_plots(self) -> None:
        if self.plots.isVisible():
            self.plots.show_figures()

    def _show_apart(self) -> None:
        if self.models.isVisible() and self.player.wanted.second is not None:
            self.models.show_plot()

    def _show_place(self) -> None:
        session, result = self.player.session, self.view.result
        recorded = session is not None and session.seekable
        if not self.isFullScreen():
            self.transport.setVisible(recorded)
        if session is None or not recorded:
            return
        if result is None:
            self.transport.show_nothing()
        elif result.photographs:
            self.transport.show_photograph(result.frame.index, len(result.photographs))
        else:
            self.transport.show_place(result.frame.source_time, session.duration)

    # Qt's own.

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme, the platform's too."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self.plots.take_palette()
            self.models.take_palette()
            self.acts.take_palette()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Take files and addresses."""
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and data.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Watch what is dropped; a weight file becomes the model."""
        data = event.mimeData() if event is not None else None
        urls = data.urls() if data is not None else []
        if not urls:
            return
        dropped = urls[0].toLocalFile() or urls[0].toString()
        if dropped.endswith(".safetensors"):
            self.player.choose_first(ModelChoice(dropped, threads=self.player.wanted.first.threads))
            self.player.changed.emit()
        else:
            self.player.watch(dropped)

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """End every thread, and remember how things are."""
        self._memory.keep(self.player.wanted, self.player.view, self._theme)
        if not self.isFullScreen():
            self._memory.keep_window(self.saveGeometry(), self.saveState())
        self.player.close()
        super().closeEvent(event)


def _as_image(pixels: np.ndarray) -> QImage:
    """``(height, width, 3)`` uint8 BGR as an image that owns its memory."""
    height, width = pixels.shape[:2]
    image = QImage(
        np.ascontiguousarray(pixels).data,  # type: ignore[call-overload]  # any buffer will do
        width,
        height,
        3 * width,
        QImage.Format.Format_BGR888,
    )
    return image.copy()
