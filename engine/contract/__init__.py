"""What a step, a recipe and an error are."""
