"""Fingerprints of an annotation: of the recording, the settings and the code that decide its result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

from livefan.annotation.outputs import Outputs
from livefan.annotation.recordings import STANDARD_INPUT, Recording
from livefan.annotation.settings import AnnotationSettings
from livefan.core.errors import LivefanError
from livefan.core.resources import bundled_folder
from livefan.core.version import __version__
from livefan.io.open import recorded_files
from livefan.io.stream import is_url
from livefan.networks.checkpoint_info import WeightFile
from livefan.runtimes.base import RUNTIMES, Runtime
from livefan.runtimes.cache import installed_version

_CODE = (
    *("annotation", "core", "detection", "drawing", "formats", "io"),
    *("measures", "networks", "runtimes", "tracking"),
)
"""The packages whose code decides the content of an output."""


def journal_identity(
    recording: Recording,
    content: str,
    settings: AnnotationSettings,
    weights: WeightFile,
    runtime: Runtime,
) -> str:
    """Return a text that changes with everything that decides the content of a journal.

    Args:
        content: hash of the recording if it has no file of its own, else empty.
        runtime: the runtime that ``settings`` led to on this machine.
    """
    return json.dumps(
        {
            **_request(recording, content, settings, weights),
            "executed_by": runtime.label,
            "heads": sorted(runtime.heads),
            "code": code_revision(),
        }
    )


def runtime_of(identity: str) -> str:
    """Return the runtime that a journal's identity names; empty if it names none."""
    try:
        return str(json.loads(identity).get("executed_by", ""))
    except (ValueError, AttributeError):
        return ""


def request_digest(
    recording: Recording, content: str, outputs: Outputs, settings: AnnotationSettings, weights: WeightFile
) -> str:
    """Return a digest of recording, settings, weights, version and names of the outputs.

    Unlike :func:`journal_identity` it does not change with the code: a batch that continues after a change
    keeps the recordings that are complete.
    """
    names = [path.name for path in outputs]
    text = json.dumps([_request(recording, content, settings, weights), asdict(settings), names])
    return hashlib.sha256(text.encode()).hexdigest()


def _request(
    recording: Recording, content: str, settings: AnnotationSettings, weights: WeightFile
) -> dict[str, object]:
    return {
        "livefan": __version__,
        "recording": content or _state(recording),
        "weights": weights.sha256,
        "runtime": asdict(settings.runtime),
        "max_faces": settings.max_faces,
        "sequence": settings.sequence,
    }


@cache
def code_revision() -> str:
    """Return a hash of the sources, bundled detectors and library versions that decide the result.

    Raises:
        LivefanError: if sources are missing.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for package in _CODE:
        files = sorted((root / package).rglob("*.py"))
        if not files:
            raise LivefanError(f"{root / package}: no source files; install livefan again")
        for file in files:
            digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    assets = bundled_folder("assets")
    for file in sorted([*assets.glob("*.tflite"), *assets.glob("*.json")]):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    libraries = {name: installed_version(name) for name in RUNTIMES}
    libraries |= {"av": av.__version__, "cv2": cv2.__version__, "numpy": np.__version__}
    digest.update(json.dumps(libraries).encode())
    return digest.hexdigest()


def files_of(recording: Recording) -> list[Path]:
    """Return the files of a recording that exist; none for standard input, a URL or a missing path."""
    if isinstance(recording, tuple):
        return [file for file in recording if file.exists()]
    if recording == STANDARD_INPUT or (isinstance(recording, str) and is_url(recording)):
        return []
    try:
        return [file for file in recorded_files(recording) if file.exists()]
    except LivefanError:  # reported when the recording is opened
        return []


def _state(recording: Recording) -> object:
    """Return values that change if the recording is replaced: name, size and time of each file."""
    states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files_of(recording)]
    return states or str(recording)
