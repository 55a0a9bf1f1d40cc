"""Times and scales as text."""

from __future__ import annotations

import math


def clock_text(seconds: float) -> str:
    """Return a time in seconds as text, such as ``1:02:03.4``.

    >>> clock_text(62.34)
    '1:02.3'
    """
    tenths = int(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{clock}:{rest // 10:02}.{rest % 10}"


def round_up(value: float) -> float:
    """Return the value rounded up to 1, 2 or 5 times a power of ten.

    >>> [round_up(value) for value in (0.03, 7.0, 10.0, 130.0)]
    [0.05, 10.0, 10.0, 200.0]
    """
    if value <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if value <= step * power * (1 + 1e-9))
