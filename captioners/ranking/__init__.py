"""A caption selector that learns from human picks."""
