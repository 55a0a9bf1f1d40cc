"""The log of a run's epochs, on standard output and for TensorBoard."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from livefan.io.image_file import read_image
from livefan.training.preview import SHEET_NAME
from livefan.training.state import Progress

_OWN_FORMAT = ("epoch", "validation_nme", "learning_rate", "images_per_second")


class EpochLog:
    """Prints one line an epoch, and writes the figures for TensorBoard where that is installed.

    Args:
        folder: the run's folder, which has the sheet of augmented faces; gets TensorBoard's file.
        epochs: number of epochs of the whole run.
        progress: the run's progress, which this log reads after every epoch.
        quiet: print nothing.
    """

    def __init__(self, folder: Path, epochs: int, progress: Progress, *, quiet: bool) -> None:
        self._epochs, self._progress, self._quiet = epochs, progress, quiet
        self._started, self._first_epoch = time.monotonic(), progress.epoch
        self._board = _tensorboard(folder)
        if self._board is not None:
            sheet = read_image(folder / SHEET_NAME)[..., ::-1]
            self._board.add_image("augmented faces", sheet, progress.epoch, dataformats="HWC")

    def write(self) -> None:
        """Log the latest epoch."""
        latest = self._progress.history[-1]
        if self._board is not None:
            with suppress(OSError):  # see __exit__
                for name, value in latest.items():
                    if name != "epoch":
                        self._board.add_scalar(name, value, self._progress.epoch)
        if not self._quiet:
            print(self._line(latest), flush=True)

    def _line(self, latest: dict[str, float]) -> str:
        progress = self._progress
        seconds = (time.monotonic() - self._started) / (progress.epoch - self._first_epoch)
        minutes_left = seconds * (self._epochs - progress.epoch) / 60
        terms = "  ".join(f"{k} {v:.4f}" for k, v in latest.items() if k not in _OWN_FORMAT)
        nme = ""
        if "validation_nme" in latest:
            nme = f"  validation NME {latest['validation_nme']:.3f} %  best {progress.best_nme:.3f} %"
        return (
            f"epoch {progress.epoch:3d}/{self._epochs}  {terms}{nme}"
            f"  learning rate {latest['learning_rate']:.2g}, {latest['images_per_second']:.1f} images/s"
            f"  {seconds:.0f} s/epoch, {minutes_left:.0f} min left"
        )

    def __enter__(self) -> EpochLog:
        return self

    def __exit__(self, *error: object) -> None:
        if self._board is not None:
            # On a full disk TensorBoard's error names no file, and would hide that of the run's own files.
            with suppress(OSError):
                self._board.close()


def _tensorboard(folder: Path) -> Any:
    """Return a TensorBoard writer into a folder; None if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
