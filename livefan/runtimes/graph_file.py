"""Network graphs beside weight files: run a network without torch.

``NAME.graph.onnx`` lies beside ``NAME.safetensors``. It is an ONNX graph without weights. Each of its
initializers names a range of bytes in the weight file ("external data" in the ONNX specification). Its
metadata holds the hash of the weight file, and torch's landmarks for the crops of the self-check.
:func:`livefan.runtimes.onnx_graph.make_graph` makes it, and ``livefan export --format graph`` writes it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import WeightFile

WEIGHTS_NAME, WEIGHTS_SHA256, REFERENCE = "weights", "weights_sha256", "self_check"
"""Keys of the graph's metadata: name and hash of the weight file, and the reference landmarks as JSON."""

# ONNX files are protocol buffers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class NetworkGraph:
    """An ONNX graph whose weights lie in a weight file.

    Attributes:
        data: the ONNX file.
        weights_name: name of the weight file that the graph refers to, without folder.
        weights_sha256: hash of that file.
        reference: ``(faces, n, 4)`` float32, torch's output for the crops of
            :func:`livefan.runtimes.self_check.check_crops`.
    """

    data: bytes
    weights_name: str
    weights_sha256: str
    reference: np.ndarray


def graph_path(weights: Path) -> Path:
    """Return the path of the graph that belongs to a weight file."""
    return weights.with_suffix(".graph.onnx")


def parse_graph(data: bytes) -> NetworkGraph:
    """Return the graph in the bytes of a ``.graph.onnx`` file.

    Raises:
        ValueError: if the bytes are no such file, or cut off.
    """
    try:
        found = onnx_metadata(data)
        reference = np.array(json.loads(found[REFERENCE]), np.float32)
        if reference.ndim != 3 or reference.shape[2] != 4:
            raise ValueError(f"reference landmarks of shape {reference.shape}")
        return NetworkGraph(data, found[WEIGHTS_NAME], found[WEIGHTS_SHA256], reference)
    except (KeyError, IndexError) as error:
        raise ValueError(f"no graph of a livefan network ({error})") from error


def onnx_metadata(data: bytes) -> dict[str, str]:
    """Return the ``metadata_props`` of an ONNX file.

    Only the outermost level of the file is decoded, which spares importing the onnx package.

    Raises:
        ValueError, IndexError: if the bytes are no whole protocol buffer.
    """
    found = {}
    for field, value in _fields(data):
        if field == _METADATA_PROPS and isinstance(value, bytes):
            entry = dict(_fields(value))
            key, text = entry.get(_KEY), entry.get(_VALUE)
            if isinstance(key, bytes) and isinstance(text, bytes):
                found[key.decode()] = text.decode()
    return found


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield number and value of each field of a protocol buffer message.

    Encoding: https://protobuf.dev/programming-guides/encoding/
    """
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == _VARINT:
            number, position = _varint(message, position)
            yield tag >> 3, number
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"field of unknown type {kind}")
        if position + size > len(message):
            raise ValueError("cut off")
        yield tag >> 3, message[position : position + size]
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Return the variable-length integer at a position, and the position after it."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        shift, position = shift + 7, position + 1
        if byte < 0x80:
            return value, position


@contextmanager
def files_of(graph: NetworkGraph, weights: WeightFile) -> Iterator[Path]:
    """Yield the path of the graph in a temporary folder, with the weight file beside it.

    Both runtimes resolve external data relative to the graph's folder, by the name inside the graph. The
    user may have renamed the weight file, and the graph may come from the cache.

    Raises:
        LivefanError: if the graph belongs to another weight file, or the temporary folder is full.
    """
    if graph.weights_sha256 != weights.sha256:
        raise LivefanError(
            f"{weights.path}: its graph was made from other weights; copy the graph of these weights"
        )
    # Windows does not remove files that a runtime still has mapped into memory.
    with TemporaryDirectory(prefix="livefan-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "network.onnx"
        try:
            path.write_bytes(graph.data)
            shutil.copyfile(weights.path, path.with_name(Path(graph.weights_name).name))
        except OSError as error:
            raise LivefanError(
                f"{folder}: cannot be written to ({error.strerror}); free some space"
            ) from error
        yield path
