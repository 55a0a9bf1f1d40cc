"""Controls to choose a model: weight file, runtime, precision, smoothed or raw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QComboBox, QFrame, QGridLayout, QHBoxLayout, QLabel

from livefan.core.resources import shipped_models
from livefan.external_models.open import available_programs
from livefan.gui.drop_down import DropDown
from livefan.gui.model_card import ModelCard
from livefan.gui.space_key import PressedBySpace
from livefan.gui.theme import small_label, with_mark
from livefan.runtimes.base import AUTO, PRECISIONS, RUNTIMES
from livefan.tracking.model_spec import ModelChoice

_BROWSE = object()
_SPACING_PX = 6


class ModelPicker(QFrame):
    """Chooses a model, its runtime, precision and smoothing; external models have no runtimes.

    Args:
        title: heading.
        choice: the chosen model.
        colour: colour of the model's landmarks.
        ask: asks for the path of a model; empty if cancelled.
    """

    chosen = pyqtSignal(object)
    """Emitted with a :class:`~livefan.tracking.model_spec.ModelChoice`."""

    def __init__(self, title: str, choice: ModelChoice, colour: str, ask: Callable[[], str]) -> None:
        super().__init__()
        self._ask = ask
        self._choice = choice
        heading = QLabel(with_mark(colour, f"<b>{title}</b>"))
        heading.setMinimumWidth(heading.fontMetrics().horizontalAdvance("■ compared"))
        self.weights = DropDown()
        self.weights.setAccessibleName(self.tr("weights"))
        self.weights.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        names = shipped_models()
        self.weights.setMinimumContentsLength(max(10, *map(len, names)))
        for name in names:
            self.weights.addItem(name, name)
        self.weights.insertSeparator(self.weights.count())
        for name in available_programs():
            self.weights.addItem(name, name)
        self.weights.addItem(self.tr("Open model …"), _BROWSE)
        self.runtime = DropDown()
        self.runtime.setAccessibleName(self.tr("runtime"))
        self.runtime.addItem(self.tr("fastest runtime"), AUTO)
        for name in RUNTIMES:
            self.runtime.addItem(name, name)
        self.precision = DropDown()
        self.precision.setAccessibleName(self.tr("precision"))
        self.precision.addItem(self.tr("fastest precision"), AUTO)
        for name in PRECISIONS:
            self.precision.addItem(name, name)
        self.raw = QCheckBox(self.tr("raw"))
        PressedBySpace(self.raw)
        self.raw.setToolTip(self.tr("Landmarks without smoothing"))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        first = QHBoxLayout()
        first.setSpacing(_SPACING_PX)
        first.addWidget(heading)
        first.addWidget(self.weights, stretch=1)
        first.addWidget(self.raw)
        grid.addLayout(first, 0, 0, 1, 2)
        grid.addWidget(self.runtime, 1, 0)
        grid.addWidget(self.precision, 1, 1)
        self.figures = small_label()
        self.figures.setWordWrap(True)
        grid.addWidget(self.figures, 2, 0, 1, 2)
        self.weights.activated.connect(self._weights_chosen)
        for box in (self.runtime, self.precision):
            box.activated.connect(self._choose)
        self.raw.clicked.connect(self._choose)
        self.show_choice(choice)

    def show_choice(self, choice: ModelChoice) -> None:
        """Show a model as chosen."""
        self._choice = choice
        index = self.weights.findData(choice.weights)
        if index < 0:
            self.weights.insertItem(0, replace(choice, runtime=AUTO, precision=AUTO, raw=False).label)
            self.weights.setItemData(0, choice.weights)
            index = 0
        self.weights.setCurrentIndex(index)
        self.weights.setToolTip(choice.weights)
        self.runtime.setCurrentIndex(max(0, self.runtime.findData(choice.runtime)))
        self.precision.setCurrentIndex(max(0, self.precision.findData(choice.precision)))
        self.raw.setChecked(choice.raw)
        for box in (self.runtime, self.precision):
            box.setEnabled(not choice.is_external)

    def show_card(self, card: ModelCard | None) -> None:
        """Disable the runtimes and precisions that cannot run the model here; None enables all."""
        runtime, precision = self._choice.runtime, self._choice.precision
        for row in range(self.runtime.count()):
            name = self.runtime.itemData(row)
            self.runtime.enable(row, card is None or card.allows(name, precision))
        for row in range(self.precision.count()):
            name = self.precision.itemData(row)
            self.precision.enable(row, card is None or card.allows(runtime, name))

    def _weights_chosen(self) -> None:
        if self.weights.currentData() is not _BROWSE:
            self._choose()
            return
        path = self._ask()
        self.show_choice(self._choice.having_weights(path) if path else self._choice)
        if path:
            self.chosen.emit(self._choice)

    def _choose(self) -> None:
        settings = replace(
            self._choice,
            runtime=self.runtime.currentData(),
            precision=self.precision.currentData(),
            raw=self.raw.isChecked(),
        )
        self.show_choice(settings.having_weights(self.weights.currentData()))
        self.chosen.emit(self._choice)
