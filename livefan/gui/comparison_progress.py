"""How far a comparison is: compared frames, speed of the recording, and the export of the report."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QLabel, QToolButton, QWidget

from livefan.gui.controls import Controls
from livefan.gui.drop_down import DropDown
from livefan.gui.picture_labels import speed_text
from livefan.gui.player import Player


class ComparisonProgress(QWidget):
    """Chooses which frames both models process, shows how many were compared, and exports the report."""

    def __init__(self, player: Player, controls: Controls) -> None:
        super().__init__()
        self._player, self._controls = player, controls
        self.mode = DropDown()
        self.mode.setAccessibleName(self.tr("compared frames"))
        self.mode.setToolTip(
            self.tr(
                "Every frame: both models process each frame, and a recording plays as slowly as it must. "
                "Real time: the second model leaves out frames."
            )
        )
        self.mode.addItem(self.tr("every frame"), True)
        self.mode.addItem(self.tr("real time"), False)
        self.mode.activated.connect(self._choose_mode)
        self.speed = QLabel()
        self.speed.setToolTip(self.tr("Speed of the recording; 1.0 x is real time"))
        self.coverage = QLabel()
        self.coverage.setToolTip(self.tr("Number of frames that both models processed"))
        self.export = QToolButton()
        self.export.setDefaultAction(controls.export_report)
        self.export.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.export.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.mode, 0, 0)
        grid.addWidget(self.speed, 0, 1)
        grid.addWidget(self.export, 0, 2)
        grid.addWidget(self.coverage, 1, 0, 1, 3)

    def show_state(self) -> None:
        """Show which frames are compared."""
        session = self._player.session
        every_frame = session is None or session.every_frame
        self.mode.setCurrentIndex(self.mode.findData(every_frame))
        self.mode.setEnabled(session is not None)

    def show_figures(self) -> None:
        """Show the number of compared frames and the speed."""
        session, gauges = self._player.session, self._player.gauges
        self.show_state()
        speed = session.speed if session is not None and not self._player.paused else None
        self.speed.setText("" if speed is None else speed_text(speed))
        coverage = gauges.coverage(session.n_frames if session is not None else None)
        self.coverage.setText(self.tr("compared: {}").format(coverage) if coverage.n_compared else "")
        self._controls.show_report()

    def _choose_mode(self) -> None:
        if self.mode.currentData() is not self._controls.every_frame.isChecked():
            self._controls.every_frame.trigger()
