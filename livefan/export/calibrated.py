"""Write the calibration of a weight file, and adapt the files beside a weight file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write, check_folder
from livefan.export.export import export_graph
from livefan.networks.checkpoint import landmark_digest, load_weights, write_info
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.networks.confidence_calibration import ConfidenceCalibration
from livefan.networks.sigma_calibration import SigmaCalibration
from livefan.runtimes.precisions import int8_path, precisions_path


@dataclass(frozen=True)
class Original:
    """A weight file as it is before another one is written, perhaps in its place.

    Attributes:
        file: the weight file.
        sha256: hash of the whole file.
        landmarks: hash of its landmark network; see :func:`livefan.networks.checkpoint.landmark_digest`.
    """

    file: WeightFile
    sha256: str
    landmarks: str

    @classmethod
    def read(cls, name_or_path: str | Path) -> Original:
        """Read a weight file, by its path or the name of a bundled one.

        Raises:
            LivefanError: if it cannot be read.
        """
        file = read_weight_file(name_or_path)
        return cls(file, file.sha256, landmark_digest(load_weights(file.path)))


def write_calibration(
    weights: WeightFile, sigma: SigmaCalibration, confidence: ConfidenceCalibration
) -> None:
    """Write both calibrations to the metadata of a weight file.

    The tensors stay as they are. The graph beside the file is written anew, and int8 weights and measured
    precisions get the new hash of the file.

    Raises:
        LivefanError: if a calibration cannot be read again, and then nothing is written; if a file cannot be
            written, or a package for the graph is missing.
    """
    check_folder(weights.path.parent)
    of_sigma, of_confidence = sigma.described(), confidence.described()
    try:
        SigmaCalibration.read(of_sigma, weights.scheme.n_points)
    except ValueError as error:
        raise LivefanError(f"{weights.path}: not written: {error}; train the network further") from error
    try:
        ConfidenceCalibration.read(of_confidence)
    except ValueError as error:
        raise LivefanError(
            f"{weights.path}: not written: confidences of faces are not above those of crops without a face; "
            "train the network further"
        ) from error
    sha256 = weights.sha256
    write_info(weights.path, replace(weights.info, sigma=of_sigma, confidence=of_confidence))
    _take_over(weights, sha256, weights.path)
    export_graph(weights.path)


def adapt_files(original: Original, out: Path) -> None:
    """Write the files that belong beside a weight file that was made of another one.

    The graph is written anew. If the landmark networks are equal, int8 weights and measured precisions are
    those of the other file, with the hash of the new one. They differ if float32 was rounded to float16.

    Args:
        original: the other weight file.
        out: the new weight file; it may have the path of the other one.

    Raises:
        LivefanError: if a file cannot be written, or a package for the graph is missing.
    """
    if landmark_digest(load_weights(out)) == original.landmarks:
        _take_over(original.file, original.sha256, out)
    export_graph(out)


def _take_over(before: WeightFile, sha256: str, out: Path) -> None:
    """Write int8 weights and measured precisions of a file, whose hash is given, for another one."""
    after = read_weight_file(out)
    for place in (int8_path, precisions_path):
        path, target = place(before), place(after)
        if not path.is_file() or sha256 not in (text := path.read_text(encoding="utf-8")):
            continue  # there is none, or it belongs to other weights
        numbers, copy = (each.with_suffix(".bin") for each in (path, target))
        if place is int8_path and numbers.resolve() != copy.resolve():
            shutil.copyfile(numbers, copy)
        with atomic_write(target) as partial:
            partial.write_text(text.replace(sha256, after.sha256), encoding="utf-8")
