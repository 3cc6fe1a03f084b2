"""Perceptual hashes: which are near each other, and which clips that makes alike."""
