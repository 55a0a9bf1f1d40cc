"""Messages for the user: status of the session, errors, and files that were saved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal


class Kind(Enum):
    """Kind of a message."""

    NOTICE = auto()
    """Shown while there is no other message."""
    STATUS = auto()
    """State of the session, such as ``opening clip.mp4``. The next status replaces it."""
    SAVED = auto()
    """Names a new file. Stays until the next file, an error, or an action of the user."""
    ERROR = auto()
    """Stays until it is dismissed, a recording starts, a file is saved, or a later source plays."""


@dataclass(frozen=True)
class Message:
    """A message and its kind."""

    text: str
    kind: Kind


class Messages(QObject):
    """Keeps the latest message of each kind, and chooses the one to show.

    The signals :attr:`status`, :attr:`error` and :attr:`saved` take new messages from any thread.
    """

    status = pyqtSignal(str)
    """Emit with the status of the session; empty to clear it."""
    error = pyqtSignal(str)
    """Emit with an error."""
    saved = pyqtSignal(object, str)
    """Emit with the path of a new file, and a message that names it."""
    changed = pyqtSignal()
    """Emitted when there may be another message to show."""

    def __init__(self) -> None:
        super().__init__()
        self._texts = dict.fromkeys(Kind, "")
        self._error_is_old = False  # the user has started a session since
        self.saved_file: Path | None = None
        self.status.connect(self._on_status)
        self.error.connect(self._on_error)
        self.saved.connect(self._on_saved)

    @property
    def shown(self) -> Message:
        """The message to show: an error before a saved file, a status and a notice; empty for none."""
        for kind in (Kind.ERROR, Kind.SAVED, Kind.STATUS):
            if self._texts[kind]:
                return Message(self._texts[kind], kind)
        return Message(self._texts[Kind.NOTICE], Kind.NOTICE)

    def show_notice(self, text: str) -> None:
        """Show a text while there is no other message; empty to clear it."""
        self._put(Kind.NOTICE, text)

    def dismiss_error(self) -> None:
        """Forget the error."""
        self._put(Kind.ERROR, "")

    def session_starting(self) -> None:
        """Take note that the user starts a session."""
        self._error_is_old = True

    def session_opened(self) -> None:
        """Forget an error from before the start of the session, which now plays."""
        if self._error_is_old:
            self.dismiss_error()

    def forget_saved(self) -> None:
        """Forget the message that names a new file."""
        self._put(Kind.SAVED, "")

    def _on_status(self, text: str) -> None:
        self._put(Kind.STATUS, text)

    def _on_error(self, text: str) -> None:
        self._error_is_old = False
        self._texts[Kind.SAVED] = ""
        self._put(Kind.ERROR, text)

    def _on_saved(self, path: Path, text: str) -> None:
        self.saved_file = path
        self._texts[Kind.ERROR] = ""
        self._put(Kind.SAVED, text)

    def _put(self, kind: Kind, text: str) -> None:
        self._texts[kind] = text
        self.changed.emit()
