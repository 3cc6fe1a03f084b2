"""Vocabularies of tags: made, frozen, and turned into training targets."""
