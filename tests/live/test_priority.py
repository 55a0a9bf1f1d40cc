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


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads exist on Linux only")
@pytest.mark.parametrize(("present", "expected"), [(-10, -6), (0, 4), (10, 14), (18, 19)])
def test_niceness_is_added_to_that_of_the_process(
    present: int, expected: int, monkeypatch: pytest.MonkeyPatch
):
    given: list[int] = []
    monkeypatch.setattr(os, "getpriority", lambda which, who: present)
    monkeypatch.setattr(os, "setpriority", lambda which, who, niceness: given.append(niceness))
    lower_priority(4)
    assert given == [expected]
