"""Topics: how clusters of captions get names."""
