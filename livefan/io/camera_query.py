"""Print the cameras that Qt knows, as JSON; run as a program of its own by :mod:`livefan.io.camera_list`.

Qt's list needs an event loop and takes some tenths of a second, so the window does not load it. This file
imports nothing of livefan, so that the program starts quickly.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def describe(devices: Iterable[Any]) -> list[dict[str, Any]]:
    """Return id, name and formats of each camera.

    Args:
        devices: objects with the methods of Qt's ``QCameraDevice``.

    Returns:
        For each camera a dict with ``id``, ``name``, and ``formats``: width, height and the largest frame
        rate of each resolution, by increasing number of pixels.
    """
    cameras = []
    for device in devices:
        rates: dict[tuple[int, int], float] = {}
        for each in device.videoFormats():
            size = each.resolution().width(), each.resolution().height()
            rates[size] = max(rates.get(size, 0.0), float(each.maxFrameRate()))
        formats = [[width, height, rates[width, height]] for width, height in sorted(rates, key=_area)]
        identity = bytes(device.id()).decode(errors="replace")
        cameras.append({"id": identity, "name": device.description(), "formats": formats})
    return cameras


def _area(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * size[1], size[0]


def main() -> int:
    """Print the cameras; return 1 without QtMultimedia."""
    try:
        from PyQt6.QtCore import QCoreApplication, QLoggingCategory
        from PyQt6.QtMultimedia import QMediaDevices
    except ImportError as error:
        print(error, file=sys.stderr)
        return 1
    application = QCoreApplication(sys.argv[:1])
    QLoggingCategory.setFilterRules("qt.multimedia.*=false")
    print(json.dumps(describe(QMediaDevices.videoInputs())), flush=True)
    del application
    return 0


if __name__ == "__main__":
    sys.exit(main())
