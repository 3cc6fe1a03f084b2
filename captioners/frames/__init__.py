"""Several frames as one picture."""
