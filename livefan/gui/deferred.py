"""Effects that run once for several changes."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, QTimer


class Deferred(QTimer):
    """Runs an effect once, some time after the first of several calls of :meth:`request`.

    Args:
        owner: ends the timer with itself.
        effect: the effect.
        delay_ms: time from the first request to the effect, in milliseconds; 0 for the next turn of the
            event loop.
    """

    def __init__(self, owner: QObject, effect: Callable[[], object], delay_ms: int = 0) -> None:
        super().__init__(owner)
        self.setSingleShot(True)
        self.setInterval(delay_ms)
        self.timeout.connect(effect)

    def request(self) -> None:
        """Run the effect later, unless it is already requested."""
        if not self.isActive():
            self.start()
