"""Runtimes of the network: OpenVINO, ONNX Runtime and torch behind :class:`~livefan.runtimes.base.Runtime`.

:func:`~livefan.runtimes.selection.open_runtime` chooses one. OpenVINO and ONNX Runtime compile the graph
beside the weight file (:mod:`~livefan.runtimes.graph_file`). Torch is imported only to make a missing
graph, and for ``--runtime torch``.
"""
