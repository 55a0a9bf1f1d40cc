"""The status bar: a message for the user, and frame rates and latency."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLabel, QSizePolicy, QStatusBar, QToolButton

from livefan.gui.player import Player
from livefan.gui.transport import clock_text
from livefan.gui.view import FrameView
from livefan.live.result import Result
from livefan.live.session import LiveSession

_GAP_PX = 40
_RECORDING_COLOUR = "#d73232"


class StatusBar(QStatusBar):
    """Shows a message and figures; where there is no room for both, the message alone.

    Args:
        notice: the message while there is no other, until :meth:`clear_notice`.
    """

    def __init__(self, notice: str = "") -> None:
        super().__init__()
        self.message = QLabel()
        self.figures = QLabel()
        self.recording = QLabel()
        self.recording.setStyleSheet(f"color: {_RECORDING_COLOUR}; font-weight: bold")
        self.recording.setToolTip(self.tr("Length of the recording so far"))
        self.recording.hide()
        self.show_in_folder = QToolButton()
        self.show_in_folder.setText(self.tr("Show in folder"))
        self.show_in_folder.setAutoRaise(True)
        self.show_in_folder.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.show_in_folder.hide()
        self._notice = notice
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A long message must not widen the window.
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.addWidget(self.message, stretch=1)
        self.addWidget(self.show_in_folder)
        self.addPermanentWidget(self.recording)
        self.addPermanentWidget(self.figures)

    def show_text(self, text: str) -> str:
        """Show a message, or the notice for an empty one; return the translated text."""
        # Packages below the window know no Qt: their messages are translated here.
        text = QApplication.translate("live", text or self._notice)
        self.message.setText(text)
        self.message.setToolTip(text)
        self.show_in_folder.hide()
        self._make_room()
        return text

    def show_saved(self, text: str) -> None:
        """Show a message that names a new file, and the button that opens its folder."""
        self.show_text(text)
        self.show_in_folder.show()
        self._make_room()

    def clear_notice(self) -> bool:
        """Drop the notice; return whether it was the message shown."""
        notice, self._notice = self._notice, ""
        return self.message.text() == notice

    def show_figures(self, player: Player, view: FrameView) -> None:
        """Show the frame rates of a camera, the position of a recording, or the size of a photograph."""
        seconds = player.recorded_seconds
        self.recording.setVisible(seconds is not None)
        if seconds is not None:
            self.recording.setText(self.tr("● {}").format(clock_text(seconds)))
        session = player.session
        if session is None:
            self.figures.setText("")
            return
        result = view.result
        if result is not None and result.photographs:
            self.figures.setText(self._photograph_text(result))
        elif result is not None and session.seekable:
            self.figures.setText(self._recording_text(session, player, result))
        else:
            self.figures.setText(self._live_text(session, player, view))
        self._make_room()

    def _photograph_text(self, result: Result) -> str:
        height, width = result.frame.image.shape[:2]
        text = self.tr("{}    {} x {}    faces: {}    {:.0f} ms")
        name = result.photographs[result.frame.index]
        return text.format(name, width, height, len(result.faces), 1000 * result.seconds)

    def _recording_text(self, session: LiveSession, player: Player, result: Result) -> str:
        """Return the number of the frame, and while the recording plays the frame rate and latency."""
        number, total = result.frame.index + 1, session.n_frames
        text = self.tr("frame {}").format(number)
        if total is not None and total >= number:
            text = self.tr("frame {} of {}").format(number, total)
        if player.paused:
            return text
        figures = self.tr("{:.0f} fps    latency {:.0f} ms")
        return f"{text}    {figures.format(session.worker_fps, 1000 * player.gauges.latency)}"

    def _live_text(self, session: LiveSession, player: Player, view: FrameView) -> str:
        text = self.tr("FPS: capture {:.0f}, model {:.0f}, display {:.0f}    latency {:.0f} ms    dropped {}")
        return text.format(
            session.capture_fps,
            session.worker_fps,
            view.fps,
            1000 * player.gauges.latency,
            session.dropped,
        )

    def _make_room(self) -> None:
        needed = self.message.sizeHint().width() + self.figures.sizeHint().width() + _GAP_PX
        if not self.show_in_folder.isHidden():
            needed += self.show_in_folder.sizeHint().width()
        self.figures.setVisible(needed < self.width())
