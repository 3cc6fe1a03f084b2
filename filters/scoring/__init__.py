"""Thresholds of scores: arrays in, numbers out."""
