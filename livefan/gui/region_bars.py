"""Bars of the distance between two models, one for each region of the face."""

from __future__ import annotations

from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QGridLayout, QLabel, QProgressBar, QWidget

from livefan.core.agreement import OTHER_REGION, REGIONS
from livefan.gui.theme import small_label

ALL_REGIONS = "all"
WORST_COLOUR = "#e04040"
_BAR_STEPS = 1000
_BAR_HEIGHT_PX = 12
_SMALLEST_SCALE = 3.0
"""Lower limit of the length of a full bar, in percent."""


class RegionBars(QWidget):
    """Shows the median distance of all landmarks and of each region; the bar of the worst region is red."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("distance by region"))
        self._worst = ""
        self.bars: dict[str, QProgressBar] = {}
        self.values: dict[str, QLabel] = {}
        names = {
            ALL_REGIONS: self.tr("all"),
            "jaw": self.tr("jaw"),
            "brows": self.tr("brows"),
            "nose": self.tr("nose"),
            "eyes": self.tr("eyes"),
            "mouth": self.tr("mouth"),
            OTHER_REGION: self.tr("other"),
        }
        self.scale = small_label()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for row, region in enumerate((ALL_REGIONS, *REGIONS)):
            bar, value = QProgressBar(), QLabel()
            bar.setMaximumHeight(_BAR_HEIGHT_PX)
            bar.setRange(0, _BAR_STEPS)
            bar.setTextVisible(False)
            value.setMinimumWidth(
                value.fontMetrics().horizontalAdvance(self.tr("{:.1f} %   now {:.1f}").format(10, 10))
            )
            self.bars[region], self.values[region] = bar, value
            parts = (QLabel(names[region]), bar, value)
            for column, part in enumerate(parts):
                grid.addWidget(part, row, column)
            if region == OTHER_REGION:
                self._other = parts
        grid.addWidget(self.scale, len(self.bars), 1)
        self.show_distances({}, {})

    def show_distances(self, medians: dict[str, float], newest: dict[str, float]) -> None:
        """Show distances in percent of the inter-ocular distance, by region; a missing region has none.

        Args:
            medians: lengths of the bars.
            newest: values of the newest frame.
        """
        for part in self._other:  # few schemes have landmarks there
            part.setVisible(OTHER_REGION in medians)
        scale = max(_SMALLEST_SCALE, *medians.values(), 0.0)
        self.setUpdatesEnabled(False)  # else each bar repaints the whole window
        for region, bar in self.bars.items():
            value = medians.get(region)
            bar.setValue(0 if value is None else round(_BAR_STEPS * value / scale))
            text = "-" if value is None else f"{value:.1f} %"
            if region in newest:
                text += self.tr("   now {:.1f}").format(newest[region])
            self.values[region].setText(text)
        self.scale.setText(self.tr("full bar: {:.1f} %").format(scale))
        by_region = {region: value for region, value in medians.items() if region != ALL_REGIONS}
        self._mark_worst(max(by_region, key=lambda region: by_region[region], default=""))
        self.setUpdatesEnabled(True)

    def _mark_worst(self, worst: str) -> None:
        if worst == self._worst:
            return
        red = QPalette()
        red.setColor(QPalette.ColorRole.Highlight, QColor(WORST_COLOUR))
        for region, palette in ((self._worst, QPalette()), (worst, red)):
            if region:
                self.bars[region].setPalette(palette)
        self._worst = worst
