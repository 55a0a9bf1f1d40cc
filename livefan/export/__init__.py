"""Networks as files for other programs: ONNX, OpenVINO, int8."""
