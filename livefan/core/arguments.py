"""Checks of arguments that callers of the library pass."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from livefan.core.errors import LivefanError


def checked_number(name: str, value: Any, low: float, high: float = math.inf) -> float:
    """Return an argument as a float.

    Raises:
        LivefanError: if it is not a number from ``low`` to ``high``; the message names argument and range.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or math.isinf(value):
        limits = f"of at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise LivefanError(f"{name}={value!r}: pass a number {limits}")
    return float(value)


def checked_integer(name: str, value: Any, low: int) -> int:
    """Return an argument as an int.

    Raises:
        LivefanError: if it is not an integer of at least ``low``; the message names argument and range.
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or int(value) < low:
        raise LivefanError(f"{name}={value!r}: pass an integer of at least {low}")
    return int(value)


def checked_type(name: str, value: Any, *types: type) -> None:
    """Raise a LivefanError that names the argument and its types if it is an instance of none of them."""
    if not isinstance(value, types):
        expected = " or ".join("None" if each is type(None) else each.__name__ for each in types)
        raise LivefanError(f"{name}={value!r}: pass a {expected}")
