"""Measures of pictures and motion, and the labels that are made of them."""
