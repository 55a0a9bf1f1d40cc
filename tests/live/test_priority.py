"""Thread priorities: a refusal of the system is logged, and does not end the thread."""

import logging
import os
import sys

import pytest

from livefan.live.priority import lower_priority


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads exist on Linux only")
def test_refused_priority_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    def refuse(which: int, who: int, niceness: int) -> None:
        raise PermissionError("not permitted")

    monkeypatch.setattr(os, "setpriority", refuse)
    with caplog.at_level(logging.WARNING):
        lower_priority(4)
    assert "not permitted" in caplog.text
