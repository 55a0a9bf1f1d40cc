"""The main window: its parts, effects of actions, and events of Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QEvent, QSettings, QSize, QStandardPaths, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QImage, QResizeEvent, QShortcut
from PyQt6.QtWidgets import QApplication, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from livefan.gui.action_context import ActionContext, Part
from livefan.gui.actions.application import DismissError, ShowFullScreen
from livefan.gui.actions.models import CancelReport
from livefan.gui.actions.playback import MeasureAll, SetSpeed
from livefan.gui.actions.saving import ShowSavedFiles
from livefan.gui.actions.sources import open_dropped
from livefan.gui.controls import Controls
from livefan.gui.deferred import Deferred
from livefan.gui.dialogs import WindowDialogs
from livefan.gui.early_start import new_player
from livefan.gui.expression_panel import ExpressionPanel
from livefan.gui.file_drop import FileDrop
from livefan.gui.full_screen_controller import FullScreenController
from livefan.gui.menus import fill_menu_bar
from livefan.gui.messages import Kind
from livefan.gui.model_panel import ModelPanel
from livefan.gui.output_menu import OutputIndicator, OutputMenu
from livefan.gui.panels import LET_DRAW_MS, Panels
from livefan.gui.photograph_strip import PhotographStrip
from livefan.gui.player import Player
from livefan.gui.plots import PlotsPanel
from livefan.gui.preferences import Preferences
from livefan.gui.session_config import CliOverrides
from livefan.gui.start_page import StartPage
from livefan.gui.start_up import StartUp
from livefan.gui.status_bar import StatusBar
from livefan.gui.theme import apply_theme, show_edges_of_check_boxes
from livefan.gui.tool_bar import ToolBar
from livefan.gui.transport import Transport
from livefan.gui.updates import Updates
from livefan.gui.view import FrameView

_DEFAULT_SIZE = QSize(1100, 720)
_SAVED_MS = 8000
"""Time for which the name of a saved file covers a full-screen picture."""
_SETTLE_MS = 200
"""Time in which the window manager carries out a request to enter or leave full screen."""
_SYSTEM_FRAME = QSize(8, 40)
"""Room for the system's window frame, which is absent until the window is shown."""


class MainWindow(QMainWindow):
    """Shows one source live.

    Args:
        overrides: source and settings from the command line; without a source the window waits for one.
        settings: where preferences are kept; by default the user's settings.
        pictures: folder of snapshots; by default the user's folder of pictures.
        videos: folder of recordings; by default the user's folder of videos.
        player: a player that may play already; by default a new one.
    """

    _copied = pyqtSignal(QImage)

    def __init__(
        self,
        overrides: CliOverrides | None = None,
        *,
        settings: QSettings | None = None,
        pictures: Path | None = None,
        videos: Path | None = None,
        player: Player | None = None,
    ) -> None:
        super().__init__()
        overrides = overrides or CliOverrides()
        self.setWindowTitle("livefan")
        preferences = Preferences(settings or QSettings("livefan", "livefan"))
        self.player = player or new_player(overrides, preferences)
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
        self._changed = False  # within the present action
        self._hide_saved = Deferred(self, self._hide_saved_message, _SAVED_MS)
        self._recolour = Deferred(self, self._apply_palette, LET_DRAW_MS)
        self._repaint = Deferred(self, self._paint_again)
        self._settle = Deferred(self, self._settle_frame, _SETTLE_MS)
        self.controls = Controls(self, self.context)
        self.tool_bar = ToolBar(self.controls, self.context)
        self.transport = Transport(self.controls)
        self.strip = PhotographStrip(self.player.photographs)
        self.models = ModelPanel(self.player, self.controls, self.context.dialogs.choose_model)
        self.plots = PlotsPanel(self.player)
        self.expressions = ExpressionPanel(self.player)
        self.status_bar = StatusBar(OutputIndicator(self.context))
        self.start_up = StartUp(self.context, self.view, overrides)
        self._lay_out()
        self._connect()
        self.updates = Updates(
            self,
            self.player,
            self.view,
            controls=self.controls,
            transport=self.transport,
            strip=self.strip,
            models=self.models,
            plots=self.plots,
            expressions=self.expressions,
            status_bar=self.status_bar,
        )
        self._restore(overrides)
        self.redraw(Part.THEME | Part.CONTROLS)
        self._recolour.request()  # a dark platform sends no event
        self.start_up.run()
        self._show_message()
        if self.player.pictures.has_frame:
            self._remember_source()

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
        column.addWidget(self.strip)
        column.addWidget(self.transport)
        self._floating = FullScreenController(self.view, self.transport, column)
        self.setCentralWidget(centre)
        self.panels = Panels(self, self.models, self.plots, self.expressions)
        bar = self.menuBar()
        assert bar is not None
        self.outputs = OutputMenu(self.context, bar)
        self.tool_bar.set_drawing_menu(
            fill_menu_bar(bar, self.controls, self.panels.toggles, outputs=self.outputs)
        )
        self.setStatusBar(self.status_bar)
        self._bars: tuple[QWidget, ...] = (bar, self.tool_bar, self.status_bar)
        self._returning = QTimer(self)
        self._returning.setInterval(LET_DRAW_MS)
        self._returning.timeout.connect(self._show_next_bar)

    def _connect(self) -> None:
        self.player.messages.changed.connect(self._show_message)
        self.player.changed.connect(self._show_change)
        self.player.opened.connect(self._remember_source)
        self.player.found.connect(self._remember)
        self.player.opened.connect(self.panels.prepare)
        self.start_page.chosen.connect(self.context.run)
        for bar in (self.status_bar, self.transport):
            bar.show_in_folder.clicked.connect(lambda: self.context.run(ShowSavedFiles()))
        self.status_bar.dismiss.clicked.connect(lambda: self.context.run(DismissError()))
        self.status_bar.cancel.clicked.connect(lambda: self.context.run(CancelReport()))
        self.transport.sought.connect(self.player.seek)
        self.transport.speed.chosen.connect(lambda speed: self.context.run(SetSpeed(speed)))
        self.strip.sought.connect(self.player.seek)
        self.strip.measure_all.connect(lambda on: self.context.run(MeasureAll(on)))
        self._copied.connect(self._copy)
        QShortcut(Qt.Key.Key_Escape, self, self._leave_full_screen)
        self.file_drop = FileDrop(
            self, self.view.highlight_drop, lambda paths: self.context.run(open_dropped(paths))
        )

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
            self.panels.models.show()
        if overrides.panels is not None:
            self.panels.show_only(overrides.panels)

    # Effects of actions, see livefan.gui.action_context.Window.

    def redraw(self, parts: Part) -> None:
        """Show the state of the context in these parts."""
        if Part.FRAME in parts:
            self._show_frame(self.context.full_screen)
        if Part.THEME in parts:
            application = QApplication.instance()
            assert isinstance(application, QApplication)
            apply_theme(application, self.context.theme)
        if Part.CONTROLS in parts or self._changed:
            self._show_state()

    def _show_frame(self, full_screen: bool) -> None:
        """Show the picture alone on the whole screen, or in the window with bars and panels.

        The window is painted again at its new size, in a turn of its own: the new memory takes long to fill.
        """
        self.setUpdatesEnabled(False)
        self._settle.start()
        if full_screen:
            self._returning.stop()
            self.panels.hide_all()
            for bar in self._bars:
                bar.hide()
        else:
            self._returning.start()
        self._request_frame()
        self._floating.show_full_screen(full_screen)
        self._show_transport()
        self._show_message()

    def _request_frame(self) -> None:
        """Ask the window manager for full screen, or for the former state, which may be maximised."""
        full_screen = Qt.WindowState.WindowFullScreen
        state = self.windowState() & ~full_screen
        self.setWindowState(state | full_screen if self.context.full_screen else state)

    def _settle_frame(self) -> None:
        """Paint the window once the window manager has carried out the last of several requests.

        A report on an earlier request makes Qt take the last one for carried out already: it is repeated.
        """
        if self.isFullScreen() is not self.context.full_screen:
            self._request_frame()
        self._repaint.request()

    def _follow_window_manager(self) -> None:
        """Show or hide the bars after the user has used the window manager's own key for full screen."""
        settled = not self._settle.isActive() and not self.isMinimized()
        if settled and self.isFullScreen() is not self.context.full_screen:
            self.context.run(ShowFullScreen(self.isFullScreen()))

    def _show_next_bar(self) -> None:
        """Show one bar that full screen has hidden, or at last the panels: no handler does it all."""
        hidden = [bar for bar in self._bars if bar.isHidden()]
        if hidden:
            hidden[0].show()
        else:
            self._returning.stop()
            self.panels.restore()

    def _show_transport(self) -> None:
        """Show the controller below a picture; over a full-screen picture it shows itself."""
        if not self.context.full_screen:
            self.transport.setVisible(self._pages.currentWidget() is self.view)

    def _leave_full_screen(self) -> None:
        if self.context.full_screen:
            self.context.run(ShowFullScreen(False))

    def show_models_panel(self) -> None:
        """Open the panel that compares two models."""
        self.panels.show_models()

    def put_on_clipboard(self, pixels: np.ndarray) -> None:
        """Copy a picture, ``(height, width, 3)`` uint8 BGR; callable from any thread."""
        self._copied.emit(_to_image(pixels))

    def _copy(self, image: QImage) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setImage(image)
            self.player.messages.status.emit(self.tr("Copied the picture."))

    # State shown.

    def _show_message(self) -> None:
        message = self.player.messages.shown
        # Packages below the window know no Qt: their messages are translated here.
        message = replace(message, text=QApplication.translate("live", message.text))
        self.status_bar.show_message(message)
        self.view.show_message(message.text)
        self.start_page.message.setText(message.text)
        saved = message.kind is Kind.SAVED
        if saved:
            self._hide_saved.start()
        self.transport.show_in_folder.setVisible(saved and self.context.full_screen)  # no status bar there

    def _hide_saved_message(self) -> None:
        if self.player.messages.shown.kind is Kind.SAVED:
            self.view.show_message("")

    def _show_change(self) -> None:
        """Show the state; an action, which can change it several times, shows it once at its end."""
        self._changed = self.context.acting
        if not self._changed:
            self._show_state()

    def _show_state(self) -> None:
        self._changed = False
        name = self.tool_bar.sources.sources.currentText()
        self.setWindowTitle(f"{name} - livefan" if name else "livefan")
        self.controls.show_state()
        self.tool_bar.show_state()
        idle = not self.player.running and not self.player.pictures.has_frame
        page = self.start_page if idle else self.view
        if page is not self._pages.currentWidget():
            self.start_page.show_recent(self.context.preferences.recent_sources)
            self._pages.setCurrentWidget(page)
        self._show_transport()

    def _remember_source(self) -> None:
        if self.player.config.source is not None:
            self._remember([self.player.config.source])

    def _remember(self, sources: Sequence[str | int]) -> None:
        for source in reversed(sources):
            self.context.preferences.add_recent(source)
        self._show_state()

    # Qt events.

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Use the colours of a new theme step by step; show the bars that belong to a new state."""
        super().changeEvent(event)
        kind = event.type() if event is not None else QEvent.Type.None_
        if kind == QEvent.Type.PaletteChange:
            self.setUpdatesEnabled(False)
            self._recolour.request()
        elif kind == QEvent.Type.WindowStateChange:
            self._follow_window_manager()

    def _apply_palette(self) -> None:
        show_edges_of_check_boxes(self)
        self.controls.apply_palette()
        self.panels.apply_palette()
        self._repaint.request()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Paint the window again after it has entered or left full screen."""
        super().resizeEvent(event)
        if not self.updatesEnabled():
            self._repaint.request()

    def _paint_again(self) -> None:
        """Paint the window after its updates were disabled.

        Qt drops a request to paint while updates are disabled, and sends no other for the same area: enabling
        the updates is not enough if the whole window was to be painted, as at the start.
        """
        self.setUpdatesEnabled(True)
        self.repaint()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Save the preferences and end all threads."""
        preferences = self.context.preferences
        preferences.save_session(self.player.config, self.player.view, self.context.theme)
        if not self.isFullScreen():
            preferences.save_window(self.saveGeometry(), self.saveState())
        self.player.close()
        preferences.finish()
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
