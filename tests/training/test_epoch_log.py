"""Tests of the log of a run's epochs."""

import errno
from pathlib import Path

import numpy as np
import pytest

from livefan.training import epoch_log
from livefan.training.epoch_log import EpochLog
from livefan.training.state import Progress

HISTORY = {"loss": 1.0, "learning_rate": 1e-3, "images_per_second": 9.0}


class _FullBoard:
    """A TensorBoard writer on a full disk, whose errors name no file."""

    def add_image(self, *_: object, **__: object) -> None:
        pass

    def add_scalar(self, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_of_tensorboard_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(epoch_log, "_tensorboard", lambda _: _FullBoard())
    monkeypatch.setattr(epoch_log, "read_image", lambda _: np.zeros((2, 2, 3), np.uint8))
    progress = Progress(history=[HISTORY])
    with EpochLog(tmp_path, 2, progress, quiet=False) as log:
        progress.epoch = 1
        log.write()
    assert capsys.readouterr().out.startswith("epoch   1/2  loss 1.0000")
