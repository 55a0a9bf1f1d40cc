"""Compiled networks that all tests, test processes and runs share."""

import os
import tempfile
from pathlib import Path

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.selection import open_runtime

TESTED = ("openvino", "float32")
"""Runtime and precision of all tests that choose none."""

_WEIGHTS = (DEFAULT_WEIGHTS, "mobilefan-half-300w", "teacher-300w")


def shared_folder() -> Path:
    """Return the cache folder of all runs of the tests by this user."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Path(tempfile.gettempdir()) / f"livefan-test-cache-{user}"


def compile_networks() -> None:
    """Compile the bundled networks into the cache folder.

    ``LIVEFAN_RUNTIME`` makes :data:`TESTED` the runtime of every test that names none, also in a subprocess.
    """
    for name in _WEIGHTS:
        open_runtime(read_weight_file(name))
