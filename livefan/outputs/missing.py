"""The error for a library that is not installed."""

from __future__ import annotations

from livefan.core.errors import LivefanError
from livefan.outputs.address import Address


def missing_library(address: Address, library: str, extra: str) -> LivefanError:
    """Return the error for an output whose library is missing.

    Args:
        library: name of the package.
        extra: the extra of livefan that installs it.
    """
    return LivefanError(
        f'{address}: needs the package {library}, which is missing; run: pip install "livefan[{extra}]"'
    )
