"""Messages of a session to the user."""

from __future__ import annotations

import threading
from collections.abc import Callable

from livefan.io.capture_thread import CaptureThread


class SessionStatus:
    """Reports messages of source and models, advice, and the end of a recording; for use from any thread.

    Args:
        on_status: receives a message for the user; empty to clear it.

    Attributes:
        advice: message about the last frame; empty while nothing is wrong.
        end_reported: whether the end of the recording was reported and the recording is still there.
    """

    def __init__(self, on_status: Callable[[str], None]) -> None:
        self.advice = ""
        self.end_reported = False
        self._on_status = on_status
        self._reported = ""
        self._lock = threading.Lock()

    def report(self, text: str) -> None:
        """Pass on a message; the state is reported anew once the message is cleared."""
        with self._lock:
            self._on_status(text)
            if not text:
                self._reported = ""

    def report_state(self, capture: CaptureThread) -> None:
        """Report the end of the recording, its problems or the advice, if changed."""
        text = self.advice
        if capture.at_end and not capture.source.photographs:
            text = "Playback has ended."
        if capture.at_end or capture.restarted:
            text = "; ".join(capture.source.warnings) or text
        with self._lock:
            before = self._reported, self.end_reported
            self._reported, self.end_reported = text, capture.at_end
            if before != (text, self.end_reported):
                self._on_status(text)
