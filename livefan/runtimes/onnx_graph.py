"""Export networks from torch to ONNX: from the bytes of crops to landmarks."""

from __future__ import annotations

import copy
import io
import json
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint import Weights, load_weights, stored_name
from livefan.networks.checkpoint_info import EXPRESSION_OUTPUTS, RELIABILITY_OUTPUTS, WeightFile
from livefan.networks.heatmaps import DECODERS
from livefan.runtimes.graph_file import REFERENCE, WEIGHTS_NAME, WEIGHTS_SHA256
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime

INPUT_NAME, OUTPUT_NAME = "crops_bgr", "landmarks"

_DTYPES: dict[str, type[np.generic]] = {"F16": np.float16, "F32": np.float32}
"""numpy's types of the floating-point tensors in safetensors files."""


class _BgrConvolution(nn.Module):
    """A convolution of RGB that was trained on divided values, for BGR that is not divided.

    Args:
        convolution: takes ``(batch, 3, h, w)`` RGB.
        std: ``(1, 3, 1, 1)`` divisors of its input.
    """

    std: Tensor

    def __init__(self, convolution: nn.Conv2d, std: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.register_buffer("std", std, persistent=False)
        self._settings: Any = (
            convolution.stride,
            convolution.padding,
            convolution.dilation,
            convolution.groups,
        )

    def forward(self, bgr: Tensor) -> Tensor:
        """Map ``(batch, 3, h, w)`` BGR as the convolution does."""
        return functional.conv2d(bgr, (self.weight / self.std).flip(1), self.bias, *self._settings)


class LandmarkGraph(nn.Module):
    """Normalisation, network, decoder, refiner and heads, as a runtime computes them.

    The first convolution's weights are divided by the standard deviation and reordered to BGR. The mean is
    subtracted from the pixels instead, because zero padding at the edges stands for the mean.

    Args:
        weights: any network whose first convolution takes the three colours.
    """

    mean: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.network = copy.deepcopy(weights.model).cpu().eval()
        self.decode = DECODERS[weights.info.decoder]
        self.refiner = copy.deepcopy(weights.refiner).cpu().eval() if weights.refiner else nn.Identity()
        # The names of these attributes are the prefixes of the tensors in weight files.
        self.expressions = _copied(weights.expression_head)
        self.reliability = _copied(weights.reliability_head)
        name, first = next(
            (name, layer) for name, layer in self.network.named_modules() if isinstance(layer, nn.Conv2d)
        )
        std = torch.tensor(weights.info.std)[None, :, None, None] * 255
        self.network.set_submodule(name, _BgrConvolution(first, std))
        mean = torch.tensor(weights.info.mean).flip(0)[None, :, None, None] * 255
        self.register_buffer("mean", mean, persistent=False)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs of :meth:`forward`."""
        of_heads = [(self.expressions, EXPRESSION_OUTPUTS), (self.reliability, RELIABILITY_OUTPUTS)]
        return [OUTPUT_NAME, *(name for head, names in of_heads if head is not None for name in names)]

    def forward(self, crops_bgr: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map ``(batch, size, size, 3)`` uint8 BGR to landmarks, ``(batch, n, 4)``.

        With heads, return their outputs as well.
        """
        crops = crops_bgr.permute(0, 3, 1, 2).float() - self.mean
        heads = [head for head in (self.expressions, self.reliability) if head is not None]
        if not heads:
            return self.refiner(self.decode(self.network(crops)).stacked())
        maps: list[Tensor] = []
        landmarks = self.refiner(self.decode(self.network(crops, maps)).stacked())
        return landmarks, *(output for head in heads for output in head(maps, landmarks))


def _copied(head: nn.Module | None) -> nn.Module | None:
    return None if head is None else copy.deepcopy(head).cpu().eval()


def as_onnx(weights: Weights) -> bytes:
    """Return the network as an ONNX file with its weights inside, for batches of any size."""
    return _export(weights, fold=True)


def _export(weights: Weights, *, fold: bool) -> bytes:
    """Export to ONNX; ``fold`` computes constants and merges batch normalisation into convolutions."""
    graph = LandmarkGraph(weights).eval()
    return export_module(graph, graph.output_names, weights.info.input_size, fold=fold)


def export_module(graph: nn.Module, outputs: Sequence[str], size: int, *, fold: bool = True) -> bytes:
    """Export a module that takes ``(batch, size, size, 3)`` uint8 BGR crops to ONNX.

    Args:
        graph: the module.
        outputs: names of its outputs.
        size: side of the crops in pixels.
        fold: compute constants, and merge batch normalisation into convolutions.
    """
    training = torch.onnx.TrainingMode
    written = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that is not deprecated needs another package, and has no advantage here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (torch.zeros(1, size, size, 3, dtype=torch.uint8),),
            written,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=17,
            input_names=[INPUT_NAME],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in (INPUT_NAME, *outputs)},
            do_constant_folding=fold,
            training=training.EVAL if fold else training.PRESERVE,
        )
    return written.getvalue()


def make_graph(file: WeightFile) -> bytes:
    """Return the graph of a weight file, without weights, with its metadata.

    Raises:
        LivefanError: if the weights cannot be loaded, or onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise LivefanError(f"onnx cannot be loaded ({error}); run: pip install onnx") from error
    weights = load_weights(file.path)
    model = onnx.load_from_string(_export(weights, fold=False))
    _refer_to(file.path, model.graph)
    reference = TorchRuntime(weights).run(check_crops(weights.info.input_size))
    metadata = {
        WEIGHTS_NAME: file.path.name,
        WEIGHTS_SHA256: file.sha256,
        REFERENCE: json.dumps(
            [[[round(float(v), 4) for v in point] for point in face] for face in reference]
        ),
    }
    onnx.helper.set_model_props(model, metadata)
    return model.SerializeToString()


class _StoredTensor(NamedTuple):
    """A tensor's place in a safetensors file: bytes ``begin`` to ``end`` of the file."""

    dtype: str
    begin: int
    end: int


def _stored_tensors(data: bytes) -> dict[str, _StoredTensor]:
    """Return the places of the tensors in the bytes of a safetensors file."""
    (length,) = struct.unpack_from("<Q", data)
    start = 8 + length
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {
        name: _StoredTensor(entry["dtype"], *(start + offset for offset in entry["data_offsets"]))
        for name, entry in header.items()
    }


def _refer_to(path: Path, graph: Any) -> None:
    """Replace the weights in an ONNX graph by references to the tensors of a safetensors file."""
    from onnx import TensorProto, helper, numpy_helper

    data = path.read_bytes()
    stored = _stored_tensors(data)
    casts = []
    for tensor in graph.initializer:
        place = stored.get(stored_name(tensor.name.removeprefix("network."), stored))
        if place is None:
            continue
        value = numpy_helper.to_array(tensor)
        kept = np.frombuffer(data[place.begin : place.end], _DTYPES[place.dtype]).reshape(value.shape)
        if not np.array_equal(kept.astype(np.float32), value):
            continue  # changed by the exporter: the graph keeps its own copy
        name = tensor.name
        tensor.Clear()
        tensor.dims.extend(value.shape)
        tensor.data_type = helper.np_dtype_to_tensor_dtype(kept.dtype)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.name = name
        for key, text in (
            ("location", path.name),
            ("offset", place.begin),
            ("length", place.end - place.begin),
        ):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(text)
        if kept.dtype != np.float32:
            tensor.name = f"{name}.stored"
            casts.append(
                helper.make_node("Cast", [tensor.name], [name], name=f"{name}/Cast", to=TensorProto.FLOAT)
            )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
