"""From a parsed sentence to tags."""
