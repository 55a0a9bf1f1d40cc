"""Read the cards of the models in threads: a large weight file takes longer than an event handler may."""

from __future__ import annotations

import threading
from contextlib import suppress

from PyQt6.QtCore import QObject, pyqtSignal

from livefan.core.errors import LivefanError
from livefan.gui.model_card import ModelCard, read_card
from livefan.live.priority import WORKER_NICENESS, lower_priority
from livefan.tracking.model_spec import ModelChoice


class CardReader(QObject):
    """Reads the card of each of two models when another model is chosen."""

    read = pyqtSignal(int, object)
    """Emitted with the number of the model and its :class:`ModelCard`, or None for an unreadable file."""
    _done = pyqtSignal(int, object, object)

    def __init__(self) -> None:
        super().__init__()
        self._choices: list[ModelChoice | None] = [None, None]
        self._done.connect(self._on_done)

    def request(self, side: int, choice: ModelChoice | None) -> bool:
        """Read a card unless it is that of the last request; return whether the model is another."""
        if choice == self._choices[side]:
            return False
        self._choices[side] = choice
        if choice is not None:
            threading.Thread(target=self._read, args=(side, choice), name="livefan-card", daemon=True).start()
        return True

    def _read(self, side: int, choice: ModelChoice) -> None:
        lower_priority(WORKER_NICENESS)
        card: ModelCard | None = None
        with suppress(LivefanError, OSError):
            card = read_card(choice)
        with suppress(RuntimeError):  # the window is closed
            self._done.emit(side, choice, card)

    def _on_done(self, side: int, choice: ModelChoice, card: ModelCard | None) -> None:
        if choice == self._choices[side]:
            self.read.emit(side, card)
