"""What is told: the dataset, its card and the report page."""
