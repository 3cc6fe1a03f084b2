"""File formats of published datasets, as pure functions from values to text."""
