"""Detectors: boxes, classes, colours and text in pictures, and sounds."""
