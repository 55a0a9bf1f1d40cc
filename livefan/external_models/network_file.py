"""Files of other projects' networks: ONNX, OpenVINO and TensorFlow Lite, all read by OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from livefan.core.errors import LivefanError
from livefan.core.files import name_bytes
from livefan.networks.checkpoint_info import sha256_of
from livefan.runtimes.openvino_model import from_file

NETWORK_SUFFIXES = (".onnx", ".xml", ".tflite")


@dataclass(frozen=True)
class Tensor:
    """An input or output of a network.

    Attributes:
        name: its name; empty if it has none.
        shape: its sides; None for a side that the file leaves open.
        kind: type of its numbers, as OpenVINO names it.
    """

    name: str
    shape: tuple[int | None, ...]
    kind: str

    def __str__(self) -> str:
        return f"{self.name or 'unnamed'} [{', '.join('?' if n is None else str(n) for n in self.shape)}]"


class NetworkFile:
    """A network and the shapes of its inputs and outputs.

    Args:
        path: file that ends in one of :data:`NETWORK_SUFFIXES`.

    Raises:
        LivefanError: if the file is missing or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in NETWORK_SUFFIXES:
            raise LivefanError(
                f"{path}: not a network that can be described; choose a file that ends in "
                f"{', '.join(NETWORK_SUFFIXES)}"
            )
        if not path.is_file():
            raise LivefanError(f"{path}: no such file; check the path")
        self.path = path
        self._model = from_file(path)
        self.inputs = [_tensor(port) for port in self._model.inputs]
        self.outputs = [_tensor(port) for port in self._model.outputs]

    @property
    def shapes(self) -> str:
        """Names and shapes of all inputs and outputs, for messages."""
        return f"inputs {_listed(self.inputs)}; outputs {_listed(self.outputs)}"

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, and of the weights beside an OpenVINO graph or an ONNX graph."""
        return sha256_of(self.path, *self._weights_beside())

    def _weights_beside(self) -> list[Path]:
        suffix, beside = self.path.suffix.lower(), self.path.with_suffix(".bin")
        if suffix == ".xml":
            return [beside] if beside.is_file() else []
        if suffix != ".onnx":
            return []
        # An ONNX file names the files beside it that hold its weights.
        content = self.path.read_bytes()
        others = sorted(each for each in self.path.parent.iterdir() if each.is_file() and each != self.path)
        return [each for each in others if name_bytes(each.name) in content]

    def outputs_for(self, shape: tuple[int, ...]) -> list[Tensor]:
        """Return the outputs for one input of a shape; raise as :meth:`for_input`."""
        return [_tensor(port) for port in self.for_input(shape).outputs]

    def for_input(self, shape: tuple[int, ...]) -> Any:
        """Return the OpenVINO model for one input of a shape.

        Raises:
            RuntimeError: if the network does not accept this shape.
        """
        model = from_file(self.path)
        model.reshape({0: list(shape)})
        return model


def _tensor(port: Any) -> Tensor:
    names = sorted(port.get_names())
    shape = tuple(side.get_length() if side.is_static else None for side in port.get_partial_shape())
    return Tensor(names[0] if names else "", shape, port.get_element_type().get_type_name())


def _listed(tensors: Sequence[Tensor]) -> str:
    return ", ".join(map(str, tensors))
