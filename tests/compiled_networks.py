"""Compiled networks that all tests, test processes and runs share."""

import os
import tempfile
from pathlib import Path

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import AUTO, RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.selection import open_runtime

TESTED = ("openvino", "float32")
"""Runtime and precision of all tests that choose none."""

_WEIGHTS = (DEFAULT_WEIGHTS, "mobilefan-half-300w", "teacher-300w")


def shared_folder() -> Path:
    """Return the cache folder of all runs of the tests by this user."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Path(tempfile.gettempdir()) / f"livefan-test-cache-{user}"


def compile_networks() -> None:
    """Compile the bundled networks into the cache folder and record :data:`TESTED` as the fastest runtime.

    Otherwise a measurement of speed would choose the network under test.
    """
    for name in _WEIGHTS:
        weights = read_weight_file(name)
        open_runtime(weights)  # records a choice
        store = Store(weights.sha256, RuntimeChoice().threads)
        choices = store.read().get("choices", {})
        free = [question for question in choices if question.startswith(f"{AUTO} {AUTO} ")]
        store.write(choices=choices | {question: list(TESTED) for question in free})
