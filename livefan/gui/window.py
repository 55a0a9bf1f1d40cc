"""The main window: layout, regular updates of the figures, and events of Qt."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QEvent, QSettings, QSize, QStandardPaths, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QImage, QShortcut
from PyQt6.QtWidgets import QApplication, QDockWidget, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from livefan.gui.action_context import ActionContext, Part
from livefan.gui.actions.application import ShowFullScreen
from livefan.gui.actions.saving import CopyPicture, Record, ShowSavedFiles, Snapshot
from livefan.gui.actions.sources import open_dropped
from livefan.gui.controls import Controls
from livefan.gui.dialogs import WindowDialogs
from livefan.gui.model_panel import ModelPanel
from livefan.gui.picture_state import picture_state
from livefan.gui.player import Player
from livefan.gui.plots import PlotsPanel
from livefan.gui.preferences import Preferences
from livefan.gui.recordings import RecordingKind
from livefan.gui.session_config import CliOverrides
from livefan.gui.start_page import StartPage
from livefan.gui.status_bar import StatusBar
from livefan.gui.theme import apply_theme
from livefan.gui.tool_bar import ToolBar
from livefan.gui.transport import Transport
from livefan.gui.view import FrameView

_FIGURES_MS = 250
_PLOT_MS = 70
_POSITION_MS = 50
_NOTICE_MS = 15_000
_LET_DRAW_MS = 10
"""Delay before a panel opens: the change that opened it is drawn first, so neither delays the other."""
_DEFAULT_SIZE = QSize(1100, 720)
_SYSTEM_FRAME = QSize(8, 40)
"""Room for the system's window frame, which is absent until the window is shown."""


class MainWindow(QMainWindow):
    """Shows one source live.

    Args:
        overrides: source and settings from the command line; without a source the window waits for one.
        settings: where preferences are kept; by default the user's settings.
        pictures: folder of snapshots; by default the user's folder of pictures.
        videos: folder of recordings; by default the user's folder of videos.
    """

    _copied = pyqtSignal(QImage)

    def __init__(
        self,
        overrides: CliOverrides | None = None,
        *,
        settings: QSettings | None = None,
        pictures: Path | None = None,
        videos: Path | None = None,
    ) -> None:
        super().__init__()
        overrides = overrides or CliOverrides()
        self.setWindowTitle("livefan")
        self.setAcceptDrops(True)
        preferences = Preferences(settings or QSettings("livefan", "livefan"))
        config = preferences.session_config(overrides)
        self.player = Player(config, preferences.view(overrides, comparing=config.second is not None))
        self.view = FrameView(self.player)
        self.start_page = StartPage()
        self.context = ActionContext(
            player=self.player,
            preferences=preferences,
            pictures=pictures or _folder(QStandardPaths.StandardLocation.PicturesLocation),
            videos=videos or _folder(QStandardPaths.StandardLocation.MoviesLocation),
            theme=preferences.theme(overrides),
            window=self,
            picture=self.view,
            dialogs=WindowDialogs(self, preferences),
        )
        self.controls = Controls(self, self.context)
        self.tool_bar = ToolBar(self.controls, self.context)
        self.transport = Transport(self.controls)
        self.models = ModelPanel(self.player)
        self.plots = PlotsPanel(self.player)
        self.status_bar = StatusBar(overrides.notice)
        self._first_picture: list[Snapshot | CopyPicture] = []
        self._hidden_docks: list[QDockWidget] = []
        self._updates = itertools.cycle((self._show_figures, self._show_disagreement))
        self._lay_out()
        self._connect()
        self._start_timers()
        self._restore(overrides)
        self.redraw(Part.THEME | Part.CONTROLS)
        self._start(overrides)

    # Layout.

    def _lay_out(self) -> None:
        self.addToolBar(self.tool_bar)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.view)
        self._pages.addWidget(self.start_page)
        column.addWidget(self._pages, stretch=1)
        column.addWidget(self.transport)
        self.setCentralWidget(centre)
        area = Qt.DockWidgetArea
        self.models_dock = self._dock(self.tr("Models"), "models", self.models, area.RightDockWidgetArea)
        self.plots_dock = self._dock(self.tr("Plots"), "plots", self.plots, area.BottomDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
        bar = self.menuBar()
        assert bar is not None
        toggles = [self._toggle(self.models_dock, "F2"), self._toggle(self.plots_dock, "F3")]
        self.controls.fill_menu_bar(bar, toggles)
        self.tool_bar.set_drawing_menu(self.controls.drawing)
        self.setStatusBar(self.status_bar)

    def _dock(self, title: str, name: str, inside: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(inside)
        self.addDockWidget(area, dock)
        dock.hide()
        return dock

    def _toggle(self, dock: QDockWidget, keys: str) -> QAction:
        toggle = dock.toggleViewAction()
        assert toggle is not None
        toggle.setShortcut(keys)
        self.addAction(toggle)
        return toggle

    def _connect(self) -> None:
        self.player.status.connect(self._show_message)
        self.player.file_saved.connect(self._show_saved)
        self.player.changed.connect(self._show_state)
        self.player.opened.connect(self._remember_source)
        self.start_page.chosen.connect(self.context.run)
        self.status_bar.show_in_folder.clicked.connect(lambda: self.context.run(ShowSavedFiles()))
        self.transport.sought.connect(self.player.seek)
        self._copied.connect(self._copy)
        QShortcut(Qt.Key.Key_Escape, self, self._leave_full_screen)

    def _start_timers(self) -> None:
        for interval, effect in (
            (_FIGURES_MS // 2, self._show_in_turn),
            (_PLOT_MS, self._show_plots),
            (_POSITION_MS, self._show_position),
        ):
            timer = QTimer(self)
            timer.setInterval(interval)
            timer.timeout.connect(effect)
            timer.start()

    def _restore(self, overrides: CliOverrides) -> None:
        screen = self.screen()
        assert screen is not None
        self.resize(_DEFAULT_SIZE.boundedTo(screen.availableSize() - _SYSTEM_FRAME))
        preferences = self.context.preferences
        if (geometry := preferences.geometry) is not None:
            self.restoreGeometry(geometry)
        if (docks := preferences.docks) is not None:
            self.restoreState(docks)
        if self.player.config.second is not None:
            self.models_dock.show()
        if overrides.panels is not None:
            for dock in (self.models_dock, self.plots_dock):
                dock.setVisible(dock.objectName() in overrides.panels)

    def _start(self, overrides: CliOverrides) -> None:
        if overrides.full_screen:
            self.context.run(ShowFullScreen(True))
        if overrides.source is None:
            return
        self.player.start()
        if overrides.snapshot is not None:
            self._first_picture.append(Snapshot(overrides.snapshot))
        if overrides.copy:
            self._first_picture.append(CopyPicture())
        QTimer.singleShot(_NOTICE_MS, self._clear_notice)
        for path, kind in (
            (overrides.record, RecordingKind.SHOWN),
            (overrides.record_clean, RecordingKind.CLEAN),
        ):
            if path is not None:
                self.context.run(Record(kind, path=path))

    # Effects of actions, see livefan.gui.action_context.Window.

    def redraw(self, parts: Part) -> None:
        """Show the state of the context in these parts."""
        if Part.FRAME in parts:
            self._show_frame(self.context.full_screen)
        if Part.THEME in parts:
            application = QApplication.instance()
            assert isinstance(application, QApplication)
            apply_theme(application, self.context.theme)
        if Part.CONTROLS in parts:
            self._show_state()

    def _show_frame(self, full_screen: bool) -> None:
        """Show the picture alone on the whole screen, or in the window with bars and panels."""
        if full_screen:
            self._hidden_docks = [dock for dock in (self.models_dock, self.plots_dock) if dock.isVisible()]
            self.showFullScreen()
        else:
            self.showNormal()
        bars: tuple[QWidget | None, ...] = (
            *(self.menuBar(), self.tool_bar, self.status_bar, self.transport),
            *self._hidden_docks,
        )
        for bar in bars:
            if bar is not None:
                bar.setVisible(not full_screen)

    def _leave_full_screen(self) -> None:
        if self.isFullScreen():
            self.context.run(ShowFullScreen(False))

    def show_models_panel(self) -> None:
        """Open the panel that compares two models."""
        QTimer.singleShot(_LET_DRAW_MS, self.models_dock.show)

    def put_on_clipboard(self, pixels: np.ndarray) -> None:
        """Copy a picture, ``(height, width, 3)`` uint8 BGR; callable from any thread."""
        self._copied.emit(_to_image(pixels))

    def _copy(self, image: QImage) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setImage(image)
            self._show_message(self.tr("Copied the picture."))

    # State shown.

    def _show_message(self, text: str) -> None:
        text = self.status_bar.show_text(text)
        self.view.show_message(text)
        self.start_page.message.setText(text)

    def _show_saved(self, text: str) -> None:
        self.view.show_message(text)
        self.status_bar.show_saved(text)

    def _clear_notice(self) -> None:
        if self.status_bar.clear_notice():
            self._show_message("")

    def _show_state(self) -> None:
        name = self.tool_bar.sources.sources.currentText()
        self.setWindowTitle(f"{name} - livefan" if name else "livefan")
        self.controls.show_state()
        self.tool_bar.show_state()
        idle = not self.player.running and not self.player.has_picture
        page = self.start_page if idle else self.view
        if page is not self._pages.currentWidget():
            self.start_page.show_recent(self.context.preferences.recent_sources)
            self._pages.setCurrentWidget(page)

    def _remember_source(self) -> None:
        if self.player.config.source is not None:
            self.context.preferences.add_recent(self.player.config.source)
            self._show_state()

    def _show_in_turn(self) -> None:
        """Show figures and disagreement alternately, so that no handler does both."""
        next(self._updates)()

    def _show_figures(self) -> None:
        if self._first_picture and self._shows_wanted_layout:
            self.context.run(self._first_picture.pop(0))
        self.controls.enable_saving(self.view.result is not None)
        if self.models.isVisible():
            self.models.show_figures()
        self.status_bar.show_figures(self.player, self.view)

    @property
    def _shows_wanted_layout(self) -> bool:
        return self.view.result is not None and self.view.layout_shown is self.player.view.layout

    def _show_disagreement(self) -> None:
        if self.models.isVisible() and self.player.config.second is not None:
            self.models.show_plot()

    def _show_plots(self) -> None:
        if self.plots.isVisible():
            self.plots.show_figures()

    def _show_position(self) -> None:
        session, result = self.player.session, self.view.result
        seekable = session is not None and session.seekable
        if not self.isFullScreen():
            self.transport.setVisible(self._pages.currentWidget() is self.view)
        self.transport.show_seekable(seekable)
        self.view.show_state(picture_state(session, result))
        if session is None or not seekable:
            return
        if result is None:
            self.transport.show_nothing()
        elif result.photographs:
            self.transport.show_photograph(result.frame.index, len(result.photographs))
        else:
            self.transport.show_time(result.frame.source_time, session.duration)

    # Qt events.

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Use the colours of a new theme, chosen here or by the platform."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self.plots.apply_palette()
            self.models.apply_palette()
            self.controls.apply_palette()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Accept files and addresses."""
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and data.hasUrls():
            event.acceptProposedAction()
            self.view.highlight_drop(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent | None) -> None:  # noqa: N802
        """Remove the highlight."""
        self.view.highlight_drop(False)

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Play dropped files or addresses; a weight file becomes the model."""
        self.view.highlight_drop(False)
        data = event.mimeData() if event is not None else None
        urls = data.urls() if data is not None else []
        if urls:
            self.context.run(open_dropped([url.toLocalFile() or url.toString() for url in urls]))

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Save the preferences and end all threads."""
        preferences = self.context.preferences
        preferences.save_session(self.player.config, self.player.view, self.context.theme)
        if not self.isFullScreen():
            preferences.save_window(self.saveGeometry(), self.saveState())
        self.player.close()
        super().closeEvent(event)


def _folder(location: QStandardPaths.StandardLocation) -> Path:
    return Path(QStandardPaths.writableLocation(location))


def _to_image(pixels: np.ndarray) -> QImage:
    """Return ``(height, width, 3)`` uint8 BGR as an image that owns its memory."""
    height, width = pixels.shape[:2]
    image = QImage(
        np.ascontiguousarray(pixels).data,  # type: ignore[call-overload]  # any buffer will do
        width,
        height,
        3 * width,
        QImage.Format.Format_BGR888,
    )
    return image.copy()
