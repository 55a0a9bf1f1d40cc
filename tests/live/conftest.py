"""Fixtures of the tests of live sessions."""

import os

import pytest


@pytest.fixture(autouse=True)
def equal_priorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the priority of all threads; one of low priority takes too long on a busy machine."""
    monkeypatch.setattr(os, "setpriority", lambda *arguments: None, raising=False)
