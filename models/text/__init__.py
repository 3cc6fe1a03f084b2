"""Models of text: spaCy pipelines and language detection."""
