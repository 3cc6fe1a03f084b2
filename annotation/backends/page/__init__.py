"""One page for one reviewer, without network."""
