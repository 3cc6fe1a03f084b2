"""The dataset card: what it says, its figures, and the same for machines."""
