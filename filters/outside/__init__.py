"""What must not be in a dataset: lists of benchmarks, and who is on them."""
