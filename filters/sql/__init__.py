"""One SQL expression over one row a clip."""
