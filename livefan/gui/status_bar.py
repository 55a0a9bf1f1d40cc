"""The status bar: a message for the user, and frame rates and latency."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QProgressBar, QSizePolicy, QStatusBar, QToolButton

from livefan.gui.messages import Kind, Message
from livefan.gui.picture_labels import speed_text
from livefan.gui.picture_state import shown_speed
from livefan.gui.player import Player
from livefan.gui.view import FrameView
from livefan.live.result import Result
from livefan.live.session import LiveSession

_GAP_PX = 40
_PROGRESS_PX = 190


class StatusBar(QStatusBar):
    """Shows a message and figures; where there is no room for both, the message alone.

    An error has a button that dismisses it; a saved file has one that opens its folder.
    """

    def __init__(self) -> None:
        super().__init__()
        self.message = QLabel()
        self.figures = QLabel()
        self.show_in_folder = _button(self.tr("Show in folder"))
        self.dismiss = _button(self.tr("Dismiss"))
        self.progress = QProgressBar()
        self.progress.setFixedWidth(_PROGRESS_PX)  # else its text may be cut
        self.progress.hide()
        self.cancel = _button(self.tr("Cancel"))
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A long message must not widen the window.
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.addWidget(self.message, stretch=1)
        self.addWidget(self.show_in_folder)
        self.addWidget(self.dismiss)
        self.addPermanentWidget(self.progress)
        self.addPermanentWidget(self.cancel)
        self.addPermanentWidget(self.figures)

    def show_message(self, message: Message) -> None:
        """Show a message and the button of its kind."""
        self.message.setText(message.text)
        self.message.setToolTip(message.text)
        self.show_in_folder.setVisible(message.kind is Kind.SAVED)
        self.dismiss.setVisible(message.kind is Kind.ERROR)
        self._make_room()

    def show_figures(self, player: Player, view: FrameView) -> None:
        """Show the frame rates of a camera, the position of a recording, or the size of a photograph."""
        self._show_progress(player)
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
            self.figures.setText(self._live_text(session, player, view) if result is not None else "")
        self._make_room()

    def _show_progress(self, player: Player) -> None:
        """Show the progress of a report, or of the preparation of the models."""
        report = player.reports.progress
        preparing = player.session.preparing if player.session is not None else None
        if report is not None:
            done, total = report
            self.progress.setRange(0, total)
            self.progress.setValue(done)
            self.progress.setFormat(self.tr("report: frame %v of %m"))
        elif preparing is not None:
            number, total = preparing
            self.progress.setRange(0, 2 * total)
            self.progress.setValue(2 * number - 1)  # half of the present model
            self.progress.setFormat(self.tr("model {} of {}").format(number, total))
        self.progress.setVisible(report is not None or preparing is not None)
        self.cancel.setVisible(report is not None)

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
        if (speed := shown_speed(session)) is not None:
            text += f"    {speed_text(speed)}"
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
        for button in (self.show_in_folder, self.dismiss):
            if not button.isHidden():
                needed += button.sizeHint().width()
        self.figures.setVisible(needed < self.width())


def _button(text: str) -> QToolButton:
    """Return a flat button, hidden."""
    button = QToolButton()
    button.setText(text)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.hide()
    return button
