"""Quantise a network to int8 after training, by the range of its activations on real faces.

Post-training quantisation as NNCF does it for OpenVINO: weights per output channel, activations per tensor,
with fast bias correction. The decoder stays in float32.
"""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write, check_folder
from livefan.datasets import FaceSet, print_skipped, read_images
from livefan.evaluation.evaluate import Evaluation, evaluate
from livefan.io.image_file import read_image
from livefan.io.images import images_below
from livefan.networks.checkpoint import load_weights
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.onnx_graph import as_onnx
from livefan.runtimes.openvino_core import has_bfloat16, without_telemetry
from livefan.runtimes.openvino_model import for_one_crop, from_onnx, save_model, simplified
from livefan.runtimes.precisions import int8_path, precisions_path, read_precisions
from livefan.runtimes.selection import open_runtime
from livefan.tracking.pipeline import Pipeline

FACES = 300
"""Number of faces that the ranges are measured on."""
_SEED = 0
_FEWEST = 10


@dataclass(frozen=True)
class Quantised:
    """A quantised network.

    Attributes:
        path: the OpenVINO model; its numbers lie beside it as ``.bin``.
        faces: number of faces that the ranges were measured on.
        nme: validation NME in percent by precision; empty without labelled faces.
    """

    path: Path
    faces: int
    nme: dict[str, float]


def labelled_crops(faces: FaceSet, size: int) -> list[np.ndarray]:
    """Return crops of labelled faces drawn with a fixed seed, ``(size, size, 3)`` uint8 BGR each.

    Skipped and unreadable faces are printed.
    """
    order = np.random.default_rng(_SEED).permutation(len(faces.faces))
    skipped = list(faces.skipped)
    readable = islice(read_images((faces.faces[number] for number in order), skipped), FACES)
    crops = [crop_from_landmarks(face.points_px).sized(size).cut(image) for face, image in readable]
    print_skipped(skipped)
    return crops


def found_crops(folder: Path, weights: str | Path) -> list[np.ndarray]:
    """Return crops of the detected faces in a folder of images, ``(size, size, 3)`` uint8 BGR each.

    Raises:
        LivefanError: if there is no such folder, or it holds no image.
    """
    paths = images_below(folder, "pictures of faces")
    crops: list[np.ndarray] = []
    with Pipeline(weights, smoothing=0.0, runtime=RuntimeChoice("openvino", "float32")) as pipeline:
        size = pipeline.runtime.input_size
        for path in paths:
            with suppress(LivefanError):
                image = read_image(path)
                for face in pipeline.process_image(image):
                    crops.append(crop_from_landmarks(face.points_px).sized(size).cut(image))
            if len(crops) >= FACES:
                break
    return crops[:FACES]


def quantise(
    name_or_path: str | Path, crops: list[np.ndarray], validation: FaceSet | None = None
) -> Quantised:
    """Write int8 weights beside a weight file, and their measured accuracy.

    Files of an earlier quantisation are replaced at the end.

    Args:
        name_or_path: the weight file, or the name of a bundled one.
        crops: faces to measure ranges on, ``(size, size, 3)`` uint8 BGR each.
        validation: labelled faces that were not trained on. The accuracy on them decides whether int8 and
            bfloat16 are chosen automatically.

    Raises:
        LivefanError: if NNCF is not installed, there are too few faces, the validation faces are of another
            scheme or none can be read, or the weight file's folder cannot be written to.
    """
    weights = read_weight_file(name_or_path)
    check_folder(weights.path.parent)
    if validation and validation.scheme != weights.scheme:
        raise LivefanError(
            f"{weights.path}: of scheme {weights.scheme.name}, {validation.title} of "
            f"{validation.scheme.name}; name a data set of the weights' scheme"
        )
    if validation:
        validation.check_readable()
    if len(crops) < _FEWEST:
        raise LivefanError(f"only {len(crops)} faces to measure ranges on; give at least {_FEWEST}")
    # The heads stay in float32; livefan adds them when it loads the int8 network.
    landmarks_only = replace(load_weights(weights.path), expression_head=None, reliability_head=None)
    graph = simplified(for_one_crop(from_onnx(as_onnx(landmarks_only)), weights))
    model = _quantised(graph, crops)
    metadata = {"weights_sha256": weights.sha256, "precision": "int8", "calibration_faces": str(len(crops))}
    measured = _measure(weights, model, metadata, validation) if validation else {}
    nme = {name: round(each.accuracy.nme_inter_ocular, 4) for name, each in measured.items()}
    earlier = read_precisions(weights)
    _forget_int8(weights)
    save_model(model, int8_path(weights), metadata)
    if validation:
        kept = {"weights_sha256": weights.sha256, "validation": validation.title}
        of_int8 = measured["int8"]
        print_skipped(of_int8.skipped)
        if earlier.nme.get("float32") == nme["float32"]:  # the same faces
            nme = earlier.nme | nme  # bfloat16 may have been measured on another CPU
        _write_precisions(weights, kept | {"faces": len(of_int8.faces), "nme": nme})
    return Quantised(int8_path(weights), len(crops), nme)


def _forget_int8(weights: WeightFile) -> None:
    """Remove the measured accuracy of the int8 weights that are about to be replaced."""
    if "int8" in read_precisions(weights).nme:
        kept = json.loads(precisions_path(weights).read_text(encoding="utf-8"))
        del kept["nme"]["int8"]
        _write_precisions(weights, kept)


def _write_precisions(weights: WeightFile, kept: dict[str, Any]) -> None:
    with atomic_write(precisions_path(weights)) as partial:
        partial.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _quantised(model: Any, crops: list[np.ndarray]) -> Any:
    try:
        with without_telemetry():
            import nncf
            from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
    except ImportError as error:
        raise LivefanError(f"NNCF cannot be loaded ({error}); run: pip install nncf") from error
    # Not nncf.set_log_level, which also sets the level of handlers that other loggers share.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    ordered = model.get_ordered_ops()
    last = max(number for number, op in enumerate(ordered) if op.get_type_name() == "Convolution")
    decoder = [op.get_friendly_name() for op in ordered[last + 1 :] if op.get_type_name() != "Constant"]
    return nncf.quantize(
        model,
        nncf.Dataset([crop[None] for crop in crops]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(crops),
        ignored_scope=nncf.IgnoredScope(names=decoder, validate=False),
        # Weights of seven bits: with eight, sums of two products overflow on CPUs without VNNI.
        advanced_parameters=AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE),
    )


def _measure(
    weights: WeightFile, model: Any, metadata: dict[str, str], validation: FaceSet
) -> dict[str, Evaluation]:
    """Evaluate every precision that runs on this machine on the validation faces; int8 is ``model``."""
    precisions = ["float32", *(["bfloat16"] if has_bfloat16() else []), "int8"]
    measured = {}
    # Windows does not remove files that a network maps into memory.
    with TemporaryDirectory(prefix="livefan-", ignore_cleanup_errors=True) as folder:
        copy = read_weight_file(shutil.copy(weights.path, folder))
        save_model(model, int8_path(copy), metadata)
        for precision in precisions:
            runtime = open_runtime(copy, RuntimeChoice("openvino", precision))
            measured[precision] = evaluate(runtime, validation)
    return measured
