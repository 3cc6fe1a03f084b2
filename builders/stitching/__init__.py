"""Panda-70M's rules for cutting and stitching, as pure functions."""
