"""The panel of expressions: bars, gaze, and the button for a neutral face."""

from __future__ import annotations

from PyQt6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from livefan.gui.expression_bars import ExpressionBars
from livefan.gui.player import Player
from livefan.gui.space_key import PressedBySpace
from livefan.live.result import Result


class ExpressionPanel(QWidget):
    """Shows the expressions of the face with the lowest id.

    Args:
        player: plays the source.
    """

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self._shown: Result | None = None
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.bars = ExpressionBars()
        self.gaze = QLabel()
        self.neutral = QPushButton(self.tr("&Neutral face"))
        PressedBySpace(self.neutral)
        self.neutral.setToolTip(
            self.tr("Take the expressions of the next second for neutral, for each face by its number")
        )
        self.neutral.clicked.connect(self._take_neutral)
        column = QVBoxLayout(self)
        column.addWidget(self.message)
        column.addWidget(self.gaze)
        column.addWidget(self.bars, stretch=1)
        column.addWidget(self.neutral)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)  # room for other panels

    def show_result(self, result: Result | None) -> None:
        """Show a result of the first model; None for no picture."""
        if result is self._shown and result is not None:
            return
        before, self._shown = self._shown, result
        faces = [] if result is None else sorted(result.faces, key=lambda face: face.track_id)
        face = next((each for each in faces if each.expressions is not None), None)
        self.neutral.setEnabled(face is not None)
        if result is None or face is None or face.expressions is None:
            self.message.setText(self._missing(bool(faces)))
            self.gaze.clear()
            self.bars.show_values(None)
            return
        text = self.tr("Face {}, measured from neutral") if result.neutral else self.tr("Face {}")
        self.message.setText(text.format(face.track_id))
        if result.photographs or (before is not None and before.epoch != result.epoch):
            self.bars.show_values(None)  # a new order for a photograph, and after a jump
        self.bars.show_values(face.expressions, result.frame.source_time)
        if face.gaze is None:
            self.gaze.clear()
        else:
            yaw = (face.gaze.right_yaw + face.gaze.left_yaw) / 2
            pitch = (face.gaze.right_pitch + face.gaze.left_pitch) / 2
            self.gaze.setText(self.tr("gaze: {:+.0f}° across, {:+.0f}° up").format(yaw, pitch))

    def _missing(self, has_faces: bool) -> str:
        """Return the reason why there are no expressions; none while the head for them may be loading."""
        if not has_faces:
            return self.tr("No face.")
        session = self._player.session
        if session is None or not session.lacks("expressions"):
            return ""
        return self.tr("These weights measure no expressions.")

    def _take_neutral(self) -> None:
        session = self._player.session
        if session is not None:
            session.neutral.request()
