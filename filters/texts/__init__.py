"""Texts: rules about one, and which of many are alike."""
