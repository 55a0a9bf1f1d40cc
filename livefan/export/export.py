"""Export networks for other programs: crops in, landmarks out, with metadata."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from livefan.core.crop import CROP_MARGIN, Crop
from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write, check_folder
from livefan.core.version import __version__
from livefan.networks.checkpoint import load_weights
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.networks.sigma_calibration import EXPECTED_ERROR
from livefan.runtimes.base import Runtime
from livefan.runtimes.graph_file import files_of, graph_path, parse_graph
from livefan.runtimes.onnx_graph import as_onnx, make_graph
from livefan.runtimes.precisions import int8_path
from livefan.runtimes.self_check import AGREEMENT_PX, check_crops, disagreement
from livefan.runtimes.torch_runtime import TorchRuntime

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
_OUTPUTS = {
    "expressions": "expressions: (batch, k) float32 coefficients in [0, 1]",
    "pupils": "pupils: (batch, 2, 2) float32 x, y of the irises in crop pixels, the person's right eye first",
    "occluded": "occluded: (batch, points) float32 probability that a landmark is covered",
    "presence": "presence: (batch,) float32 probability that the crop shows a face",
    "expected_error": "expected_error: (batch, points) float32 expected error of a landmark in crop pixels",
}
"""Descriptions of the outputs of the heads."""


def export(name_or_path: str | Path, out: Path, kind: str) -> float:
    """Write a network as ONNX or OpenVINO; the files appear only if their landmarks agree with torch.

    Args:
        name_or_path: the weight file, or the name of a bundled one.
        out: the file to write; OpenVINO writes ``.bin`` beside its ``.xml``.
        kind: ``"onnx"`` or ``"openvino"``.

    Returns:
        The distance of its landmarks from torch's on the faces of the self-check, in pixels of a crop.

    Raises:
        LivefanError: if a package is missing, ``out`` does not fit or cannot be written, or the check fails.
    """
    if out.suffix != SUFFIXES[kind]:
        raise LivefanError(f"{out}: end the name in {SUFFIXES[kind]} for {kind}")
    check_folder(out.parent)
    weights = read_weight_file(name_or_path)
    loaded = load_weights(weights.path)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"network{out.suffix}"
        write = _write_onnx if kind == "onnx" else _write_openvino
        runtime = write(weights, as_onnx(loaded), made)
        crops = check_crops(weights.info.input_size)
        apart = disagreement(runtime, TorchRuntime(loaded).run(crops), crops)
        if not apart <= AGREEMENT_PX["float32"]:
            raise LivefanError(f"{out}: not written, since its landmarks lie {apart:.3f} pixels from torch's")
        for suffix in (".bin", ".xml") if kind == "openvino" else (".onnx",):
            with atomic_write(out.with_suffix(suffix)) as partial:
                shutil.copyfile(made.with_suffix(suffix), partial)
    return apart


def export_int8(name_or_path: str | Path, out: Path) -> float:
    """Write the int8 network of a weight file for OpenVINO, for batches of any size.

    Returns:
        The distance of its landmarks from torch's on the faces of the self-check, in pixels of a crop.

    Raises:
        LivefanError: if the weight file was not quantised, ``out`` does not fit or cannot be written, or the
            check fails.
    """
    from livefan.runtimes.openvino_model import read_metadata, read_model, save_model
    from livefan.runtimes.openvino_network import load_network
    from livefan.runtimes.openvino_runtime import OpenVinoRuntime

    if out.suffix != SUFFIXES["openvino"]:
        raise LivefanError(f"{out}: end the name in {SUFFIXES['openvino']} for int8")
    check_folder(out.parent)
    weights = read_weight_file(name_or_path)
    path = int8_path(weights)
    if not path.is_file():
        raise LivefanError(f"{path}: no such file; run quantise first")
    model = read_model(path)
    if read_metadata(model).get("weights_sha256") != weights.sha256:
        raise LivefanError(f"{path}: was made from other weights; run quantise again")
    free_batch(model, weights)
    crops = check_crops(weights.info.input_size)
    network = load_network("int8", lambda: read_model(path), "int8", 1)
    runtime = OpenVinoRuntime(weights, network, "int8", heads=())
    apart = disagreement(runtime, TorchRuntime(load_weights(weights.path)).run(crops), crops)
    if not apart <= AGREEMENT_PX["int8"]:
        raise LivefanError(f"{out}: not written, since its landmarks lie {apart:.3f} pixels from torch's")
    # An int8 file holds no heads.
    sigma = weights.info.sigma if (weights.info.sigma or {}).get("of") != EXPECTED_ERROR else None
    info = replace(weights.info, expressions=None, reliability=None, sigma=sigma)
    metadata = describe(replace(weights, info=info)) | {"precision": "int8"}
    save_model(model, out, metadata)
    return apart


def free_batch(model: Any, weights: WeightFile) -> None:
    """Let a model with a batch size of one take batches of any size.

    Reshapes keep the batch size of their input, or compute it.
    """
    from openvino import opset8

    for operation in model.get_ordered_ops():
        if operation.get_type_name() != "Reshape" or operation.input_value(0).get_partial_shape()[0] != 1:
            continue
        target, source = operation.input_value(1).get_node(), operation.input_value(0).get_node()
        if "Constant" not in (source.get_type_name(), target.get_type_name()):
            continue
        if source.get_type_name() == "Constant" or target.get_data()[0] != 1:
            continue
        shape = target.get_data().copy()
        shape[0] = 0 if -1 in shape else -1
        operation.input(1).replace_source_output(opset8.constant(shape).output(0))
    size = weights.info.input_size
    model.reshape({0: [-1, size, size, 3]})


def export_graph(name_or_path: str | Path) -> tuple[Path, float]:
    """Write the graph of a weight file beside it; see :mod:`livefan.runtimes.graph_file`.

    Returns:
        The path of the graph, and the distance of its landmarks from torch's in pixels of a crop.

    Raises:
        LivefanError: if a package is missing, the folder cannot be written to, or the check fails.
    """
    from livefan.runtimes.openvino_model import for_one_crop, from_onnx
    from livefan.runtimes.openvino_network import load_network
    from livefan.runtimes.openvino_runtime import OpenVinoRuntime

    weights = read_weight_file(name_or_path)
    out = graph_path(weights.path)
    check_folder(out.parent)
    graph = parse_graph(make_graph(weights))
    with files_of(graph, weights) as path:
        network = load_network(out.name, lambda: for_one_crop(from_onnx(path), weights), "float32", 1)
    runtime = OpenVinoRuntime(weights, network, "float32")
    apart = disagreement(runtime, graph.reference, check_crops(weights.info.input_size))
    if not apart <= AGREEMENT_PX["float32"]:
        raise LivefanError(f"{out}: not written, since its landmarks lie {apart:.3f} pixels from torch's")
    with atomic_write(out) as partial:
        partial.write_bytes(graph.data)
    return out, apart


def describe(weights: WeightFile) -> dict[str, str]:
    """Return the metadata of an exported file, all as text."""
    info, size = asdict(weights.info), weights.info.input_size
    for inside in ("colour_order", "mean", "std"):  # the network normalises itself and takes BGR
        del info[inside]
    if weights.info.further_outputs:
        info["further_outputs"] = "; ".join(_OUTPUTS[name] for name in weights.info.further_outputs)
    margin = Crop((0.0, 0.0), CROP_MARGIN).sized(size).side_px
    return {
        "livefan": __version__,
        "weights": weights.path.name,
        "weights_sha256": weights.sha256,
        "input": f"(batch, {size}, {size}, 3) uint8 BGR crops, a face in each, not normalised",
        "crop": "a square around the middle of the box of a face's landmarks, both turned so that the head "
        f"is upright; its side is {margin:g} times the longer side of the box; black beyond the image",
        "output": "(batch, points, 4) float32: x, y in crop pixels, confidence, spread in crop pixels",
        "points": json.dumps(weights.scheme.point_names),
        **{key: value if isinstance(value, str) else json.dumps(value) for key, value in info.items()},
    }


def _write_onnx(weights: WeightFile, graph: bytes, path: Path) -> Runtime:
    import onnx

    from livefan.runtimes.onnx_runtime import OnnxRuntime

    model = onnx.load_from_string(graph)
    onnx.helper.set_model_props(model, describe(weights))
    onnx.save(model, path)
    return OnnxRuntime(weights, path)


def _write_openvino(weights: WeightFile, graph: bytes, path: Path) -> Runtime:
    from livefan.runtimes.openvino_model import for_one_crop, from_onnx, read_model, save_model
    from livefan.runtimes.openvino_network import load_network
    from livefan.runtimes.openvino_runtime import OpenVinoRuntime

    save_model(from_onnx(graph), path, describe(weights))
    network = load_network(path.name, lambda: for_one_crop(read_model(path), weights), "float32", 1)
    return OpenVinoRuntime(weights, network, "float32")
