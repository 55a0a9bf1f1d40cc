"""Find or make the files that a runtime compiles: the graph of a weight file, and its OpenVINO models."""

from __future__ import annotations

import logging
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import HEADS, Head, WeightFile, sha256_of
from livefan.runtimes.cache import Store
from livefan.runtimes.graph_file import NetworkGraph, files_of, graph_path, parse_graph
from livefan.runtimes.precisions import int8_path

_log = logging.getLogger(__name__)
MADE_GRAPH = "graph.onnx"
"""Name in the cache of a graph that was made on this machine."""


def network_graph(weights: WeightFile, store: Store) -> NetworkGraph:
    """Return the graph of a weight file: from beside it, from the cache, or made by torch.

    Raises:
        LivefanError: if there is no graph of these weights, and torch is not installed.
    """
    try:
        beside = parse_graph(graph_path(weights.path).read_bytes())
        if beside.weights_sha256 == weights.sha256:
            return beside
        problem = f"{graph_path(weights.path)}: belongs to other weights"
    except FileNotFoundError:
        problem = f"{graph_path(weights.path)}: no such file"
    except (OSError, ValueError) as error:
        problem = f"{graph_path(weights.path)}: cannot be read ({error})"
    kept = store.load(MADE_GRAPH)
    if kept is not None:
        return parse_graph(kept)
    if find_spec("torch") is None:
        raise LivefanError(
            f"{problem}; install torch and onnx, or copy the file that 'livefan export {weights.path.name} "
            "--format graph' writes where torch is installed"
        )
    _log.info("%s; torch exports the graph of %s", problem, weights.path.name)
    from livefan.runtimes.onnx_graph import make_graph

    made = make_graph(weights)
    store.save(MADE_GRAPH, made)
    return parse_graph(made)


def openvino_model(weights: WeightFile, precision: str, store: Store, heads: Collection[Head] = HEADS) -> Any:
    """Return the OpenVINO model of a weight file in a precision, ready to compile for the CPU, for one crop.

    Its outputs are the landmarks and those of the given heads. Layers that only other heads need are pruned.

    Raises:
        LivefanError: if its files are missing, damaged or of other weights.
    """
    from livefan.runtimes.openvino_model import for_one_crop, with_outputs_of

    if precision != "int8":
        return with_outputs_of(heads, for_one_crop(_float32_model(weights, store), weights), weights)
    from livefan.runtimes.int8_heads import with_heads
    from livefan.runtimes.int8_rewrite import tuned

    model = tuned(for_one_crop(_int8_model(weights), weights), weights.info)
    if not weights.info.heads & set(heads):
        return model
    complete = for_one_crop(_float32_model(weights, store), weights)
    return with_heads(model, with_outputs_of(heads, complete, weights))


def model_id(weights: WeightFile, precision: str) -> str:
    """Return a name of the model in the cache; it changes when the graph or the int8 files do."""
    path = int8_path(weights) if precision == "int8" else graph_path(weights.path)
    files = [path, path.with_suffix(".bin")] if precision == "int8" else [path]
    made_from = sha256_of(*(file for file in files if file.is_file()))
    return f"{precision}-{made_from[:16]}"


def _float32_model(weights: WeightFile, store: Store) -> Any:
    from livefan.runtimes.openvino_model import from_onnx

    with files_of(network_graph(weights, store), weights) as path:
        return from_onnx(path)


def _int8_model(weights: WeightFile) -> Any:
    from livefan.runtimes.openvino_model import read_metadata, read_model

    model = read_model(int8_path(weights))
    if read_metadata(model).get("weights_sha256") != weights.sha256:
        raise LivefanError(
            f"{int8_path(weights)}: was made from other weights than {weights.path.name}; "
            "make it again with 'livefan quantise'"
        )
    return model


def load_heatmap_network(weights: WeightFile, threads: int = 1) -> Any:
    """Return a network compiled by OpenVINO that maps a crop to its heatmaps.

    The input is ``(1, size, size, 3)`` uint8 BGR. The output is ``(1, n, size / 4, size / 4)`` float32,
    before the softmax.
    """
    from livefan.runtimes.openvino_model import for_one_crop, without_decoder
    from livefan.runtimes.openvino_network import load_network

    store = Store(weights.sha256, threads)

    def read() -> Any:
        return for_one_crop(without_decoder(_float32_model(weights, store)), weights)

    return load_network(f"heatmaps-{threads}.blob", read, "float32", threads, store)
