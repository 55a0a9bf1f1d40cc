"""Write the calibration of sigma to a weight file, and adapt the files beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from livefan.core.files import atomic_write, check_folder
from livefan.export.export import export_graph
from livefan.networks.checkpoint import write_info
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.networks.sigma_calibration import SigmaCalibration
from livefan.runtimes.precisions import int8_path, precisions_path


def write_calibration(weights: WeightFile, calibration: SigmaCalibration) -> None:
    """Write a calibration to the metadata of a weight file.

    The tensors stay as they are. The graph beside the file is written anew, and int8 weights and measured
    precisions get the new hash of the file.

    Raises:
        LivefanError: if a file cannot be written, or a package for the graph is missing.
    """
    check_folder(weights.path.parent)
    before = weights.sha256
    beside = [path for path in (int8_path(weights), precisions_path(weights)) if _names(path, before)]
    write_info(weights.path, replace(weights.info, sigma=calibration.described()))
    after = read_weight_file(weights.path).sha256
    for path in beside:
        text = path.read_text()
        with atomic_write(path) as partial:
            partial.write_text(text.replace(before, after))
    export_graph(weights.path)


def _names(path: Path, sha256: str) -> bool:
    """Return whether a file belongs to the weights of a hash."""
    return path.is_file() and sha256 in path.read_text()
