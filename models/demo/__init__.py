"""Hand-made parts that only the small models of the demo need: readers of weight files, networks in NumPy and ONNX."""
