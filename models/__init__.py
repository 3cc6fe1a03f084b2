"""The models that captioners ask, one file each."""
