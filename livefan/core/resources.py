"""The files that ship with livefan: weights and assets, found from anywhere."""

from __future__ import annotations

from pathlib import Path

from livefan.core.errors import LivefanError

DEFAULT_WEIGHTS = "mobilefan-300w"
IMAGENET_ENCODER = "mobilenetv2-imagenet"
CLIP_NAME = "expressions.mp4"


def bundled_folder(name: str) -> Path:
    """The folder of files that ship with livefan: ``"weights"`` or ``"assets"``.

    In a checkout it lies beside the package, in an installation inside it.
    """
    package = Path(__file__).parent.parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def bundled_clip() -> Path:
    """A short clip of a face, to try things on."""
    return bundled_folder("assets") / CLIP_NAME


def find_weights(name_or_path: str | Path) -> Path:
    """A weight file by path, or by the name of one that ships with livefan.

    Raises:
        LivefanError: if there is neither.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    bundled = bundled_folder("weights") / f"{name_or_path}.safetensors"
    if path.name == str(name_or_path) and bundled.is_file():
        return bundled
    shipped = ", ".join(shipped_models()) or "none shipped"
    raise LivefanError(f"{name_or_path}: no such weight file; give a path, or one of: {shipped}")


def shipped_models() -> list[str]:
    """Names of the landmark networks that ship with livefan, the default first."""
    names = {file.stem for file in bundled_folder("weights").glob("*.safetensors")} - {IMAGENET_ENCODER}
    return sorted(names, key=lambda name: (name != DEFAULT_WEIGHTS, name))
