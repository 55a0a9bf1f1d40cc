"""Paths of the files that ship with livefan: weights and assets."""

from __future__ import annotations

import os
from pathlib import Path

from livefan.core.arguments import checked_type
from livefan.core.errors import LivefanError

DEFAULT_WEIGHTS = "mobilefan-300w"
IMAGENET_ENCODER = "mobilenetv2-imagenet"
TEACHER_ENCODER = "efficientnet-lite2-imagenet"
SHORT_NAMES = {"fast": "mobilefan-fast-300w"}
"""Short names of shipped weights, see :func:`full_name`."""
CLIP_NAME = "expressions.mp4"


def bundled_folder(name: str) -> Path:
    """Return the folder ``"weights"`` or ``"assets"``: beside or, if installed, inside the package."""
    package = Path(__file__).parent.parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def bundled_asset(name: str) -> Path:
    """Return the path of a bundled file in ``assets``.

    Raises:
        LivefanError: if it is missing.
    """
    path = bundled_folder("assets") / name
    if not path.is_file():
        raise LivefanError(f"{path}: no such file; install livefan again, or restore its assets folder")
    return path


def bundled_clip() -> Path:
    """Return the path of the bundled clip, which shows one face."""
    return bundled_folder("assets") / CLIP_NAME


def find_weights(name_or_path: str | Path) -> Path:
    """Return the path of a weight file, given by path, or by the name or short name of a shipped file.

    Raises:
        LivefanError: if neither exists.
    """
    checked_type("name_or_path", name_or_path, str, os.PathLike)
    path = Path(name_or_path)
    if path.is_file():
        return path
    bundled = bundled_folder("weights") / f"{full_name(str(name_or_path))}.safetensors"
    if path.name == str(name_or_path) and bundled.is_file():
        return bundled
    shipped = ", ".join(shipped_models()) or "none shipped"
    raise LivefanError(f"{name_or_path}: no such weight file; give a path, or one of: {shipped}")


def full_name(name_or_path: str) -> str:
    """Return the name of shipped weights for their short name; else the argument, as for an existing file."""
    return name_or_path if Path(name_or_path).is_file() else SHORT_NAMES.get(name_or_path, name_or_path)


def shipped_models() -> list[str]:
    """Return the names of the shipped landmark networks, the default first."""
    names = {file.stem for file in bundled_folder("weights").glob("*.safetensors")}
    names -= {IMAGENET_ENCODER, TEACHER_ENCODER}
    return sorted(names, key=lambda name: (name != DEFAULT_WEIGHTS, name))
