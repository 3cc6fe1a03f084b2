"""What stays: measures, thresholds, near-duplicates and SQL rules."""
