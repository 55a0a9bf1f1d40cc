"""Run a trained network on crops, and get the inputs of one of its heads beside the landmarks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
from torch import Tensor, nn

from livefan.core.crop import Crop
from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write, name_bytes
from livefan.networks.checkpoint import Weights, landmark_digest
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.onnx_graph import LandmarkGraph, export_module
from livefan.runtimes.openvino_model import for_one_crop, from_onnx
from livefan.runtimes.openvino_network import load_network

_SHIFT, _SCALE, _TURN = 0.02, 0.05, 0.05
"""Standard deviations of the disturbances of a crop: in sides, logarithm of the side, and radians."""


class _Sampler(nn.Module):
    """Stands for a head in a graph, and returns the head's inputs.

    Args:
        head: has a method ``samples``, which returns one tensor or several.
    """

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.head = head

    def forward(self, maps: Sequence[Tensor], landmarks: Tensor) -> tuple[Tensor, ...]:
        samples = self.head.samples(maps, landmarks)
        return samples if isinstance(samples, tuple) else (samples,)


def sampling_network(
    weights: Weights, head: Any, n_outputs: int = 1
) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return a function from a crop to its landmarks and the inputs of a head.

    The function takes ``(size, size, 3)`` uint8 BGR pixels. It returns the ``(n, 4)`` landmarks and the
    ``n_outputs`` results of ``head.samples``, without batch axis, valid until the next call.

    Args:
        weights: the network.
        head: a head for it, fitted or not.
        n_outputs: number of tensors that ``head.samples`` returns.
    """
    file = read_weight_file(weights.path)
    graph = LandmarkGraph(weights)
    graph.expressions, graph.reliability = _Sampler(head), None
    names = ["landmarks", *(f"samples_{number}" for number in range(n_outputs))]
    exported = export_module(graph.eval(), names, file.info.input_size)
    network = load_network("samples", lambda: for_one_crop(from_onnx(exported), file), "float32", 1)
    request = network.create_infer_request()

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        request.infer({0: pixels[None]})
        return [request.get_output_tensor(number).data[0] for number in range(len(names))]

    return run


def samples_digest(weights: Weights, described: str) -> str:
    """Return twelve digits for samples that depend on a landmark network, but not on its heads.

    Args:
        weights: the network.
        described: everything else that the samples depend on.
    """
    return landmark_digest(weights, name_bytes(described))[:12]


def save_samples(path: Path, samples: Any) -> None:
    """Write the fields of a dataclass, arrays or tensors, as a NumPy file; it appears whole or not at all."""
    arrays: dict[str, Any] = {
        field.name: np.asarray(getattr(samples, field.name)) for field in fields(samples)
    }
    with atomic_write(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def read_samples(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file of :func:`save_samples`, by name.

    Raises:
        LivefanError: if it is damaged.
    """
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise LivefanError(f"{path}: not whole samples of faces ({error}); remove the file") from error


def file_stamp(path: Path) -> str:
    """Return a text that changes with a file, or with any file of a folder: paths, sizes and times."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    facts = ((each.resolve(), each.stat()) for each in files if each.exists())
    return "\n".join(f"{place} {stat.st_size} {stat.st_mtime_ns}" for place, stat in facts)


def disturbed_crop(crop: Crop, rng: np.random.Generator) -> Crop:
    """Return a crop that is shifted, scaled and rotated a little, as those of a tracked face are."""
    x, y = (float(centre + rng.normal(0, _SHIFT) * crop.side_px) for centre in crop.centre_px)
    side = crop.side_px * math.exp(rng.normal(0, _SCALE))
    return Crop((x, y), side, crop.angle + rng.normal(0, _TURN), crop.size)


def disturbed_colours(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``(size, size, 3)`` uint8 pixels with another light, and perhaps grey, blurred or noisy."""
    values: np.ndarray = pixels.astype(np.float32)
    if rng.random() < 0.6:
        values = 255 * (values / 255) ** np.float32(math.exp(rng.normal(0, 0.25)))
        values = values * math.exp(rng.normal(0, 0.15)) + rng.normal(0, 10)
        values = values * np.exp(rng.normal(0, 0.06, 3))
    if rng.random() < 0.1:
        values = np.repeat(values.mean(axis=-1, keepdims=True), 3, axis=-1)
    if rng.random() < 0.2:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.5, 1.5))
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(1, 8), values.shape)
    return np.clip(values, 0, 255).astype(np.uint8)
