"""The menu of outputs to other programs, and their indicator in the status bar."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QCoreApplication, QTimer
from PyQt6.QtWidgets import QLabel, QMenu, QWidget

from livefan.gui.action_context import ActionContext
from livefan.gui.actions.outputs import AddOutput, SwitchOutput
from livefan.gui.head_preview import HeadPreview
from livefan.outputs.address import KINDS, parse_address
from livefan.outputs.sender import Statistics

_UPDATE_MS = 500


class OutputMenu(QMenu):
    """An entry for each usual address and each output that was opened; a checked one is open."""

    def __init__(self, context: ActionContext, parent: QWidget | None = None) -> None:
        super().__init__(_tr("&Output"), parent)
        self._context = context
        self._used: list[str] = []  # addresses that were open
        context.player.outputs.changed.connect(self._remember)
        self.head = HeadPreview(context.player, parent)
        self.aboutToShow.connect(self.fill)
        self.fill()

    def fill(self) -> None:
        """Show which outputs are open."""
        self.clear()
        names = _names()
        opened = self._remember()
        for address in dict.fromkeys((*names, *self._used)):
            entry = self.addAction(f"{names[address]}: {address}" if address in names else address)
            assert entry is not None
            entry.setCheckable(True)
            entry.setChecked(address in opened)
            entry.triggered.connect(lambda on, address=address: self._context.run(SwitchOutput(address, on)))
        self.addSeparator()
        other = self.addAction(_tr("Other &address …"))
        assert other is not None
        other.triggered.connect(lambda: self._context.run(AddOutput()))
        head = self.addAction(_tr("Show the &head as sent"))
        assert head is not None
        head.setCheckable(True)
        head.setChecked(self.head.isVisible())
        head.triggered.connect(self.head.setVisible)

    def _remember(self) -> list[str]:
        """Remember and return the addresses that are open."""
        opened = [each.address for each in self._context.player.outputs.statistics()]
        self._used = list(dict.fromkeys((*self._used, *opened)))
        return opened


class OutputIndicator(QLabel):
    """Shows the packets a second of each output, and names other machines; empty without outputs."""

    def __init__(self, context: ActionContext) -> None:
        super().__init__()
        self._outputs = context.player.outputs
        self.hide()
        self._timer = QTimer(self)
        self._timer.setInterval(_UPDATE_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()

    def refresh(self) -> None:
        """Show the present state."""
        self._outputs.report_ended()
        statistics = self._outputs.statistics()
        self.setText(indicator_text(statistics))
        self.setToolTip("\n".join(each.line() for each in statistics))


def indicator_text(statistics: Sequence[Statistics]) -> str:
    """Return the indicator: kind, and packets a second or error.

    Two outputs of a kind have their ports; an output that other machines receive has its address.
    """
    shown = []
    kinds = [parse_address(each.address).kind for each in statistics]
    for each in statistics:
        address = parse_address(each.address)
        name = address.kind
        if each.leaves_machine:
            name = each.address
        elif kinds.count(name) > 1:
            name = f"{name}:{address.port}" if address.port else each.address
        state = each.error or _tr("{:.0f}/s").format(each.packets_per_s)
        shown.append(f"{name} {state}")
    return _tr("→ {}").format("   ".join(shown)) if shown else ""


def _names() -> dict[str, str]:
    """Return the name of each usual address."""
    names = {
        "openseeface": _tr("OpenSeeFace"),
        "vmc": _tr("VMC (avatars)"),
        "udp+json": _tr("JSON by UDP"),
        "ws": _tr("WebSocket"),
        "lsl": _tr("Lab Streaming Layer"),
        "camera": _tr("Virtual camera"),
    }
    return {kind.example: names.get(name, name) for name, kind in KINDS.items()}


def _tr(text: str) -> str:
    return QCoreApplication.translate("outputs", text)
