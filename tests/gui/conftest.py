"""Fixtures of the window tests."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from windows import Driven


@pytest.fixture(autouse=True)
def equal_priorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the priority of all threads; one of low priority takes too long on a busy machine."""
    monkeypatch.setattr(os, "setpriority", lambda *arguments: None, raising=False)


@pytest.fixture(autouse=True)
def collections_in_this_thread(qapp: QApplication) -> Iterator[None]:
    """Collect garbage in this thread only; a collection in another may delete widgets there."""
    gc.disable()
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def drive(qtbot: QtBot, tmp_path: Path) -> Iterator[Driven]:
    """Opens windows with settings of their own and closes them after the test."""
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    driven = Driven(qtbot, settings, tmp_path / "pictures", tmp_path / "videos", [])
    yield driven
    for window in driven.windows:
        window.close()


@pytest.fixture
def photographs(tmp_path: Path, photo: np.ndarray) -> Path:
    """A folder of two photographs of a face, one without a face, and a file that is no image."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    cv2.imwrite(str(folder / "anna.png"), photo)
    cv2.imwrite(str(folder / "bert.png"), np.roll(photo[:, ::-1], 90, axis=1))
    (folder / "broken.png").write_text("no image")
    cv2.imwrite(str(folder / "wall.png"), np.full((300, 400, 3), 127, np.uint8))
    return folder
