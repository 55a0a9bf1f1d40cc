"""The status bar: a message for the user, and frame rates and latency."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLabel, QStatusBar

from livefan.gui.player import Player
from livefan.gui.view import FrameView
from livefan.live.result import Result
from livefan.live.session import LiveSession

_GAP_PX = 40


class StatusBar(QStatusBar):
    """Shows a message and figures; where there is no room for both, the message alone.

    Args:
        notice: the message while there is no other, until :meth:`clear_notice`.
    """

    def __init__(self, notice: str = "") -> None:
        super().__init__()
        self.message = QLabel()
        self.figures = QLabel()
        self._notice = notice
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.addWidget(self.message, stretch=1)
        self.addPermanentWidget(self.figures)

    def show_text(self, text: str) -> str:
        """Show a message, or the notice for an empty one; return the translated text."""
        # Packages below the window know no Qt: their messages are translated here.
        text = QApplication.translate("live", text or self._notice)
        self.message.setText(text)
        self.message.setToolTip(text)
        self._make_room()
        return text

    def clear_notice(self) -> bool:
        """Drop the notice; return whether it was the message shown."""
        notice, self._notice = self._notice, ""
        return self.message.text() == notice

    def show_figures(self, player: Player, view: FrameView) -> None:
        """Show the frame rates of a camera, the position of a recording, or the size of a photograph."""
        session = player.session
        if session is None:
            self.figures.setText("")
            return
        recording = self.tr("● recording    ") if player.recording else ""
        result = view.result
        if result is not None and result.photographs:
            self.figures.setText(recording + self._photograph_text(result))
        elif result is not None and session.seekable:
            self.figures.setText(recording + self._recording_text(session, player, result))
        else:
            self.figures.setText(recording + self._live_text(session, player, view))
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
        self.figures.setVisible(needed < self.width())
