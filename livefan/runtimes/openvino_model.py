"""Models of OpenVINO before they are compiled: read, written and cut."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.quiet import quiet_stderr
from livefan.networks.checkpoint_info import Head, WeightFile, outputs_of
from livefan.runtimes.openvino_core import core, openvino


def from_onnx(model: Path | bytes) -> Any:
    """Return an OpenVINO model of an ONNX file, given by its path or its content."""
    return core().read_model(io.BytesIO(model) if isinstance(model, bytes) else str(model))


def from_file(path: Path) -> Any:
    """Return an OpenVINO model of an ONNX (.onnx), OpenVINO (.xml) or TensorFlow Lite (.tflite) file.

    Raises:
        LivefanError: if OpenVINO cannot read the file.
    """
    reader = core()
    try:
        with quiet_stderr():  # of a damaged file, one of the formats that OpenVINO tries writes an error
            return reader.read_model(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise LivefanError(f"{path}: OpenVINO cannot read the network ({reason}); copy it again") from error


def save_model(model: Any, path: Path, metadata: dict[str, str]) -> None:
    """Write an OpenVINO model: its graph as ``path`` (.xml) and its weights beside it (.bin).

    An interruption leaves no graph; a graph never lies beside the weights of another one.
    """
    model.set_rt_info(json.dumps(metadata), ["livefan"])
    with atomic_write(path) as description, atomic_write(path.with_suffix(".bin")) as weights:
        openvino().save_model(model, str(description), compress_to_fp16=False)
        description.with_suffix(".bin").replace(weights)
        path.unlink(missing_ok=True)


def read_model(path: Path) -> Any:
    """Return an OpenVINO model.

    Raises:
        LivefanError: if it is damaged.
    """
    try:
        return core().read_model(str(path), str(path.with_suffix(".bin")))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise LivefanError(f"{path}: not a whole OpenVINO model ({reason}); write it again") from error


def read_metadata(model: Any) -> dict[str, str]:
    """Return the metadata that :func:`save_model` wrote into a model; empty if there is none."""
    if not model.has_rt_info(["livefan"]):
        return {}
    return json.loads(model.get_rt_info(["livefan"]).astype(str))


def for_one_crop(model: Any, weights: WeightFile) -> Any:
    """Set the model's batch size to one, and return it."""
    size = weights.info.input_size
    model.reshape({0: [1, size, size, 3]})
    return model


def with_outputs_of(heads: Collection[Head], model: Any, weights: WeightFile) -> Any:
    """Remove the outputs of all other heads from a model, and return it."""
    wanted = outputs_of(heads)
    of_heads = model.get_results()[1:]
    for name, result in zip(weights.info.further_outputs, of_heads, strict=True):
        if name not in wanted:
            model.remove_result(result)
    return model


def without_decoder(model: Any) -> Any:
    """Return the model of :func:`from_onnx` up to its heatmaps, before the softmax."""
    # The order of independent operations is not fixed: constants of the encoder may come last.
    layers = [
        each for each in model.get_ordered_ops() if each.get_friendly_name().startswith("/network/head/")
    ]
    heatmaps = next(layer for layer in reversed(layers) if len(layer.output(0).partial_shape) == 4)
    return openvino().Model([heatmaps.output(0)], model.get_parameters())


def simplified(model: Any) -> Any:
    """Return the model with constants computed and operations fused, as compiling does.

    Quantisation must start from the fused model. Otherwise ranges are measured, and values rounded, between
    operations that compiling fuses.
    """
    openvino()
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(model, cf=True)
    return model
