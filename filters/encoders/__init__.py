"""Encoders that filters measure with, one file each."""
