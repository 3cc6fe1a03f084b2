"""Plain measures of clips."""
