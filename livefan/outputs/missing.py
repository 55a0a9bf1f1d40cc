"""The error for a library that is not installed."""

from __future__ import annotations

import sys

from livefan.core.errors import LivefanError
from livefan.outputs.address import Address


def missing_library(address: Address, package: str) -> LivefanError:
    """Return the error for an output whose package is missing."""
    return LivefanError(
        f"{address}: needs the package {package}, which is missing; "
        f"run: {sys.executable} -m pip install {package}"
    )
