"""Names of outputs that are made from the names of inputs, none of them twice."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """The names for some paths; where several have the same one, each with a number too.

    It follows from the path alone, so that files that come in between overwrite nothing. Case does not tell
    names apart: for Windows and macOS it is one file.
    """
    alike = Counter(name.lower() for name in names.values())
    return {
        path: name if alike[name.lower()] == 1 else f"{name}-{zlib.crc32(os.fsencode(path)):08x}"
        for path, name in names.items()
    }


def stems_of(paths: Sequence[str]) -> dict[str, str]:
    """What is made of each picture is named after: its path without the suffix, with dashes.

    That may be the same for several: ``a.jpg`` and ``a.png``, ``a/b.jpg`` and ``a-b.jpg``.
    """
    return told_apart({path: "-".join(Path(path).with_suffix("").parts) for path in paths})
