"""Weights of training pairs."""
