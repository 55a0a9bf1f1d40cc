"""The tool bar: source, layout of two models, smoothing, and frequent actions."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QMenu, QSlider, QToolBar, QToolButton

from livefan.gui.action_context import ActionContext
from livefan.gui.actions.models import SetLayout
from livefan.gui.controls import Controls
from livefan.gui.drop_down import DropDown
from livefan.gui.source_picker import SourcePicker


class ToolBar(QToolBar):
    """Controls above the picture."""

    def __init__(self, controls: Controls, context: ActionContext) -> None:
        super().__init__()
        self._context = context
        self.setWindowTitle(self.tr("Controls"))
        self.setObjectName("controls")
        self.setMovable(False)
        self.sources = SourcePicker(context.player, context.preferences)
        self.sources.chosen.connect(context.run)
        self.layouts = self._make_layouts(controls)
        self.smoothing = self._make_smoothing()
        self.addWidget(self.sources)
        self.addSeparator()
        self.addAction(controls.compare)
        self.addWidget(self.layouts)
        self.addAction(controls.close_up)
        self.drawing = QToolButton()
        self.drawing.setText(self.tr("Drawing ▾"))
        self.drawing.setToolTip(self.tr("Parts of the drawing on the picture"))
        self.drawing.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.addWidget(self.drawing)
        self.addSeparator()
        self.addWidget(QLabel(self.tr(" Smoothing ")))
        self.addWidget(self.smoothing)

    def _make_layouts(self, controls: Controls) -> DropDown:
        box = DropDown()
        box.setToolTip(self.tr("Layout of two models"))
        box.setAccessibleName(self.tr("layout"))
        for layout, entry in controls.layouts.items():
            box.addItem(entry.text().replace("&", ""), layout)
        box.activated.connect(lambda index: self._context.run(SetLayout(box.itemData(index))))
        return box

    def _make_smoothing(self) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setValue(round(100 * self._context.player.config.smoothing))
        slider.setMinimumWidth(60)
        slider.setMaximumWidth(110)
        slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        slider.setAccessibleName(self.tr("smoothing"))
        slider.setToolTip(self.tr("Strength of the filter on landmarks; left: off"))
        slider.valueChanged.connect(lambda value: self._context.player.change(smoothing=value / 100))
        return slider

    def set_drawing_menu(self, menu: QMenu) -> None:
        """Give the button "Drawing" its menu, which the menu bar has too.

        The menu is no menu of the button itself: the arrow of the style would cover the text.
        """
        below = self.drawing.mapToGlobal
        self.drawing.clicked.connect(lambda: menu.popup(below(self.drawing.rect().bottomLeft())))

    def show_state(self) -> None:
        """Show the layout and whether smoothing applies."""
        player = self._context.player
        session = player.session
        self.smoothing.setEnabled(session is None or not session.photographs)
        self.layouts.setEnabled(player.config.second is not None)
        self.layouts.setCurrentIndex(self.layouts.findData(player.view.layout))
