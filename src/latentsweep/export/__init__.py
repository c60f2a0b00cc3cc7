"""Networks of a run for other tools: as ONNX files that run them, or a table of their codes."""
