"""What runs the network: torch, ONNX Runtime or OpenVINO, all behind :class:`~livefan.runtimes.base.Runtime`.

The safetensors file is the source; each runtime compiles from it.
:func:`~livefan.runtimes.selection.open_runtime` picks one. Torch is imported only where a runtime must be
compiled from the weights or checked against them, which happens once for each weight file and machine.
"""
