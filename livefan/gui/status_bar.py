"""The status bar: a message for the user, and frame rates and latency."""

from __future__ import annotations

from html import escape

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QLabel, QProgressBar, QSizePolicy, QStatusBar, QToolButton, QWidget

from livefan.gui.messages import Kind, Message
from livefan.gui.picture_labels import speed_text
from livefan.gui.picture_state import shown_speed
from livefan.gui.player import Player
from livefan.gui.space_key import PressedBySpace
from livefan.gui.view import FrameView
from livefan.live.result import Result
from livefan.live.session import LiveSession

_GAP_PX = 50
"""Room for the margins, and for the handle that resizes the window."""
_SPACE_PX = 6
"""Space between two parts."""
_PROGRESS_PX = 190


class _MessageLabel(QLabel):
    """Shows a text; where there is no room for it, its start and its end, which says what to do."""

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the text."""
        room = self.contentsRect()
        metrics = self.fontMetrics()
        if metrics.horizontalAdvance(self.text()) <= room.width():
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        text = metrics.elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class StatusBar(QStatusBar):
    """Shows a message, figures and outputs; where there is no room for all, the message alone.

    An error has a button that dismisses it; a saved file has one that opens its folder.

    Args:
        outputs: the state of the outputs; empty without any.
    """

    def __init__(self, outputs: QLabel) -> None:
        super().__init__()
        self.message = _MessageLabel()
        self.outputs = outputs
        self.figures = QLabel()
        self.show_in_folder = _button(self.tr("Show in folder"))
        self.dismiss = _button(self.tr("Dismiss"))
        self.progress = QProgressBar()
        self.progress.setFixedWidth(_PROGRESS_PX)  # else its text may be cut
        self.progress.hide()
        self.cancel = _button(self.tr("Cancel"))
        for label in (self.message, self.figures):
            label.setTextFormat(Qt.TextFormat.PlainText)  # a file name may look like HTML
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A long message must not widen the window.
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.addWidget(self.message, stretch=1)
        self.addWidget(self.show_in_folder)
        self.addWidget(self.dismiss)
        self.addPermanentWidget(self.progress)
        self.addPermanentWidget(self.cancel)
        self.addPermanentWidget(self.figures)
        self.addPermanentWidget(self.outputs)

    def show_message(self, message: Message) -> None:
        """Show a message and the button of its kind."""
        self.message.setText(message.text)
        self.message.setToolTip(
            f"<qt>{escape(message.text)}</qt>" if message.text else ""
        )  # in several lines
        self.show_in_folder.setVisible(message.kind is Kind.SAVED)
        self.dismiss.setVisible(message.kind is Kind.ERROR)
        self._make_room()

    def show_figures(self, player: Player, view: FrameView) -> None:
        """Show the frame rates of a camera, the position of a recording, or the size of a photograph."""
        self._show_progress(player)
        session, result = player.session, view.result
        if session is None or result is None:
            self.figures.setText("")
        elif result.photographs:
            self.figures.setText(self._photograph_text(result))
        elif session.live:
            self.figures.setText(self._live_text(session, player, view))
        else:
            self.figures.setText(self._recording_text(session, player, result))
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
        """Show outputs and figures if they have room beside the message and its buttons."""
        shown = (self.message, self.show_in_folder, self.dismiss, self.progress, self.cancel)
        room = self.width() - _GAP_PX - sum(_width(each) for each in shown if not each.isHidden())
        for label in (self.outputs, self.figures):
            room -= _width(label)
            label.setVisible(bool(label.text()) and room > 0)


def _width(widget: QWidget) -> int:
    """Return the width that a widget needs in a row."""
    return min(widget.sizeHint().width(), widget.maximumWidth()) + _SPACE_PX


def _button(text: str) -> QToolButton:
    """Return a flat button, hidden."""
    button = QToolButton()
    button.setText(text)
    button.setAutoRaise(True)
    PressedBySpace(button)
    button.hide()
    return button
