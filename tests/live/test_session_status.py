"""Messages of a session to the user."""

from types import SimpleNamespace
from typing import cast

from livefan.io.capture_thread import CaptureThread
from livefan.live.session_status import SessionStatus


def test_problems_of_a_recording_are_reported_at_its_end_and_after_a_restart():
    source = SimpleNamespace(photographs=False, warnings=["cut.mp4: ends early"])
    capture = SimpleNamespace(source=source, at_end=False, restarted=False)
    messages: list[str] = []
    status = SessionStatus(messages.append)
    status.report_state(cast(CaptureThread, capture))
    assert messages == []
    capture.restarted = True
    status.report_state(cast(CaptureThread, capture))
    assert messages[-1] == "cut.mp4: ends early"
    capture.at_end, source.warnings = True, []
    status.report_state(cast(CaptureThread, capture))
    assert messages[-1] == "Playback has ended."
